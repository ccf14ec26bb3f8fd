"""Servers that pass other messages on, or write other bytes, than they have to.

Each has the ids of the cases that it fails.
"""

from helpers.broken_servers.applications import (
    connects_twice,
    double_head,
    early_data,
    hangs,
    is_denial,
    late_data,
    never_ends,
    second_response,
    swaps,
)
from helpers.broken_servers.building import (
    DISCONNECT,
    catching,
    of_type,
    receiving,
    rewriting,
    scoped,
    sending,
    unless,
    without,
)
from wsfsm.exceptions import ClientDisconnected

ACCEPT = "websocket.accept"
CLOSE = "websocket.close"
SEND = "websocket.send"
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"
RECEIVE = "websocket.receive"

INFLATED = {f"deflate.{case}" for case in ("empty", "empty-between", "final-block", "final-block-again", "fragments", "fragments-empty", "fragments-inside-a-character", "message", "ping-between-fragments", "stored-block", "takeover", "two-blocks", "uncompressed-between")}  # fmt: skip  # fmt: skip
CODES = {f"close.code-{c}" for c in (1001, 1002, 1003, 1007, 1008, 1009, 1011, 3000, 3999, 4000, 4999)}  # fmt: skip  # fmt: skip
NO_CLOSE = {
    *CODES,
    *(f"close.code-{code}" for code in (1000,)),
    *(f"close.{case}" for case in ("default-code", "reason-none")),
    *("disconnect.answer", "exit.raise-open"),
    "frames.close-between-fragments",
    "cuts.close",
    "flow.sent-before-close",
}  # fmt: skip  # fmt: skip
LEFT = {f"disconnect.code-{code}" for code in (1000, 1001, 1011, 3000, 4000, 4999)}

# Tables are aligned by hand.
# fmt: off
MUTANTS = {
    # what is told of the end
    "the code is always 1006": (receiving(of_type(DISCONNECT, code=1006)), {*LEFT, "disconnect.no-code", "receive.many-before-close", "receive.many-before-close-and-fin"}),
    "no code is None": (receiving(lambda m: {**m, "code": None} if m.get("code") == 1005 else m), {"disconnect.no-code", "disconnect.code-int"}),
    "the reason is lost": (receiving(without(DISCONNECT, "reason")), {"disconnect.reason"}),
    "data after the disconnect": (late_data, {"disconnect.last"}),
    # what is passed on
    "connect twice": (connects_twice, {"connect.once", "connect.reset", "connect.reset-before-receive"}),
    "texts are bytes": (receiving(lambda m: {"type": RECEIVE, "bytes": m["text"].encode()} if "text" in m else m), {"receive.text", "receive.text-empty", "receive.text-with-nul", "receive.order", "receive.split", "receive.fragments", "receive.fragments-inside-a-character", "receive.fragments-with-ping", "receive.before-close", "receive.before-fin", "receive.waiting-gets-it", "disconnected-client.unread-message", "frames.pong-unasked", *INFLATED, "deflate.every-byte", "cuts.eleven-bytes", "cuts.every-byte", "cuts.three-bytes"}),
    "text and bytes": (receiving(lambda m: {**m, "bytes": b""} if "text" in m else m), {"receive.text", "receive.text-empty"}),
    "no empty messages": (receiving(unless(lambda m: m["type"] == RECEIVE and not m.get("text") and not m.get("bytes"))), {"receive.text-empty", "receive.bytes-empty", "deflate.empty", "deflate.empty-between", "deflate.every-byte"}),
    "another order": (swaps, {"receive.order", "receive.before-close", "receive.before-fin", "disconnected-client.unread-message"}),
    # how it is accepted
    "no subprotocol": (sending(without(ACCEPT, "subprotocol")), {"accept.subprotocol", "accept.subprotocol-int", "cuts.head-with-offers"}),
    "no headers": (sending(without(ACCEPT, "headers")), {"accept.headers", "accept.headers-text"}),
    "headers are sorted": (sending(lambda m: {**m, "headers": sorted(m["headers"])} if "set-cookie" in str(m.get("headers")) else m), {"accept.headers-order", "denial.headers-order"}),
    "lines are smuggled": (sending(lambda m: {**m, "headers": [(b"x-a", b"1"), (b"x-evil", b"2")]} if "evil" in str(m.get("headers")) else m), {"accept.header-value-newline", "accept.header-name-newline", "accept.header-value-bare-newline", "denial.header-value-newline", "denial.header-name-newline"}),
    "two heads": (double_head, {"accept.twice-on-the-wire"}),
    # how it is closed
    "the code is always 1000": (sending(of_type(CLOSE, code=1000)), {*CODES, "close.code-text"}),
    "no reason": (sending(without(CLOSE, "reason")), {"close.reason", "close.reason-without-code", "close.reason-utf-8", "close.reason-123", "close.reason-int"}),
    "a close that hangs": (hangs, {"close.before-accept", "close.before-accept-with-code", "close.before-accept-with-reason"}),
    # what is sent
    "data before the response": (early_data, {"connect.send-on-the-wire"}),
    "no empty sends": (sending(unless(lambda m: m.get("type") == SEND and (m.get("text") == "" or m.get("bytes") == b""))), {"send.text-empty", "send.bytes-empty", "send.text-empty-with-bytes-none"}),
    "bytes are texts": (sending(lambda m: {"type": SEND, "text": "x"} if isinstance(m.get("bytes"), bytes) and m.get("text") is None else m), {"send.bytes", "send.bytes-with-text-none", "send.bytes-empty", "send.order", "send.medium", "deflate.send-window", "flow.sent-before-close"}),
    "nothing is refused for its content": (sending(unless(lambda m: m.get("type") == SEND and (m.get("text") is None) is (m.get("bytes") is None))), {"send.neither", "send.both-none", "send.both"}),
    "unknown types are swallowed": (sending(unless(lambda m: m.get("type") == "x-wsfsm.unknown")), {"errors.unknown-type", "errors.unknown-type-open", "errors.unknown-type-denying", "errors.unknown-type-streaming"}),
    "more keys are refused": (sending(lambda m: {"type": "no"} if "x-wsfsm" in m else m), {"accept.unknown-key", "send.unknown-key", "close.unknown-key", "denial.unknown-key"}),
    # after the end
    "nothing is raised after the end": (catching(ClientDisconnected, None), {f"disconnected-client.{case}" for case in ("left-send", "left-accept", "closed-send", "closed-accept", "rejected-send", "rejected-accept", "fin-send", "reset-send", "unread-send")} | {"connect.reset-then-accept"}),
    "something else is raised": (catching(ClientDisconnected, RuntimeError), {f"disconnected-client.{case}" for case in ("left-send", "fin-send", "reset-send", "unread-send")} | {"connect.reset-then-accept"}),
    # how an application ends
    "who raises lives on": (never_ends, {"exit.raise-before-accept", "exit.raise-at-once", "exit.raise-open", "exit.raise-denying", "exit.raise-streaming"}),
    # the scope
    "the path is not decoded": (scoped(lambda s: {"path": s.get("raw_path", b"").decode()}), {"scope.path"}),
    "the query is decoded": (scoped(lambda s: {"query_string": s.get("query_string", b"").replace(b"%20", b" ")}), {"scope.query"}),
    "subprotocols are sorted": (scoped(lambda s: {"subprotocols": sorted(s.get("subprotocols", []))}), {"scope.subprotocols"}),
    "the port is a text": (scoped(lambda s: {"client": ["127.0.0.1", "1"]}), {"scope.client"}),
    "headers are a dict": (scoped(lambda s: {"headers": list(dict(s.get("headers", [])).items())}), {"scope.headers-duplicates"}),
    # the denial
    "another status": (sending(lambda m: {**m, "status": 400} if m.get("status") in (401, 503, 302) else m), {"denial.status", "denial.status-503", "denial.status-302"}),
    "a denial without its headers": (sending(lambda m: {**m, "headers": []} if m.get("type") == START and m.get("headers") else m), {"denial.headers", "denial.headers-order", "denial.headers-text", "denial.status-302"}),
    "a denial of any kind is taken": (sending(lambda m: m if m.get("type") != START or is_denial(m) else {"type": START, "status": 404}), {"denial.headers-text", "denial.status-missing", "denial.status-text"}),
    "no body": (sending(without(BODY, "body")), {"denial.body", "denial.body-parts", "denial.body-text", "denial.part-at-once"}),
    "two responses": (second_response, {"denial.one-response"}),
}

BYTES = {
    "another key": (rewriting(lambda data: data.replace(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")), {"handshake.accept-key"}),
    "another upgrade": (rewriting(lambda data: data.replace(b"pgrade: websocket", b"pgrade: webs0cket")), {"handshake.upgrade-header"}),
    "another connection": (rewriting(lambda data: data.replace(b"onnection: Upgrade", b"onnection: x")), {"handshake.connection-header"}),
    "an extension that nobody asked for": (rewriting(lambda data: data.replace(b"\r\n\r\n", b"\r\nsec-websocket-extensions: x\r\n\r\n") if b" 101 " in data else data), {"handshake.no-extension", "handshake.unknown-extension", "deflate.declines-client-window-16", "deflate.declines-parameter-twice", "deflate.declines-parameter-with-value", "deflate.declines-server-window-010", "deflate.declines-server-window-16", "deflate.declines-server-window-7", "deflate.declines-server-window-missing", "deflate.declines-unknown-parameter", "deflate.server-window-8"}),
    "404 where it is 403": (rewriting(lambda data: data.replace(b"HTTP/1.1 403", b"HTTP/1.1 404")), {"close.before-accept", "close.before-accept-with-code", "close.before-accept-with-reason"}),
    "a body that quotes what was refused": (rewriting(lambda data: data.replace(b"\r\n\r\nInternal Server Error", b"\r\n\r\n\r\nx-evil: quotes this")), set()),
    "no pongs": (rewriting(lambda data: b"" if data[:1] == b"\x8a" else data), {"frames.ping", "frames.ping-empty", "frames.ping-125", "frames.ping-between-fragments", "cuts.ping", "frames.pings-together"}),
    "a reserved bit": (rewriting(lambda data: b"\xc1" + data[1:] if data[:1] == b"\x81" else data), {"send.reserved-bits"}),
    "no close frames": (rewriting(lambda data: b"" if data[:1] == b"\x88" else data), NO_CLOSE),
    "the transport stays open": (rewriting(lambda data: data, closes=False), {"close.transport-ends", "disconnect.transport-ends", "exit.raise-closing", "exit.return-closing"}),
}
# fmt: on

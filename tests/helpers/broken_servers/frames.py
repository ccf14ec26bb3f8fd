"""Servers that read or write wrong frames, heads or keys of the scope.

Each has the ids of the cases that it fails.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from helpers.broken_servers.applications import (
    completes_what_was_refused,
    cut_reasons,
    denies_after_the_accept,
    first,
    hangs_after_the_end,
    heads_as_they_come,
    long_reasons,
    not_told_after,
    speaks_first,
    tires,
)
from helpers.broken_servers.building import (
    DISCONNECT,
    receiving,
    refusing,
    rewriting,
    sending,
    unless,
    writing,
)
from helpers.broken_servers.wires import (
    BINARY,
    CLOSE,
    FIN,
    PING,
    TEXT,
    StaysOpen,
    continues,
    each,
    given,
    masked,
    mending,
)
from wsfsm.types import Scope

ACCEPT = "websocket.accept"
END = "websocket.close"
SEND = "websocket.send"
BODY = "websocket.http.response.body"
RECEIVE = "websocket.receive"


def valid(payload: bytes) -> bytes:
    return payload.decode("utf-8", "replace").encode()


# Tables are aligned by hand.
# fmt: off
APPLICATIONS = {
    "texts are made of anything": (sending(lambda m: {**m, "text": str(m["text"])} if not isinstance(m.get("text", ""), str | None) else m), {"send.text-bytes", "send.text-int"}),
    "None is refused": (refusing(lambda m: m.get("type") == SEND and None in m.values()), {"send.bytes-with-text-none", "send.text-empty-with-bytes-none", "send.text-with-bytes-none"}),
    "ASCII alone": (sending(lambda m: {**m, "text": m["text"].encode("ascii", "replace").decode()} if m.get("type") == SEND and isinstance(m.get("text"), str) else m), {"send.text", "deflate.send", "deflate.send-again", "deflate.send-no-takeover"}),
    "messages without a type are swallowed": (sending(unless(lambda m: "type" not in m)), {"errors.no-type", "errors.no-type-open"}),
    "bytes are made of anything": (sending(lambda m: {**m, "bytes": m["bytes"].encode()} if isinstance(m.get("bytes"), str) else m), {"send.bytes-text"}),
    "no disconnect": (receiving(unless(lambda m: m["type"] == DISCONNECT)), {"close.disconnect", "close.disconnect-after-reset", "close.rejected-disconnect", "connect.reset", "denial.disconnect", "denial.reset", "disconnect.code-1000", "disconnect.code-1001", "disconnect.code-1011", "disconnect.code-3000", "disconnect.code-4000", "disconnect.code-4999", "disconnect.fin", "disconnect.reset", "disconnect.waiting", "disconnect.waiting-reset", "disconnected-client.unread-message", "frames.close-invalid-utf-8", "frames.close-one-byte", "frames.control-fragmented", "frames.control-long", "frames.error-disconnect", "frames.interleaved", "frames.invalid-utf-8", "frames.lone-continuation", "frames.reserved-bit", "frames.reserved-control-opcode", "frames.reserved-opcode", "frames.unmasked", "receive.before-close", "receive.before-fin", "close.disconnect-after-fin", "close.waiting-reset", "connect.reset-before-receive", "connect.waiting-reset", "denial.started-reset", "denial.waiting-reset", "cuts.close", "cuts.eleven-bytes", "cuts.every-byte", "cuts.three-bytes", "deflate.bit-of-a-continuation", "deflate.bit-of-a-ping", "deflate.invalid-utf-8", "receive.many-before-close", "receive.many-before-close-and-fin", "receive.many-before-fin"}),
    "no disconnect without a Close": (receiving(unless(lambda m: m.get("code") == 1006)), {"close.rejected-disconnect", "connect.reset", "denial.disconnect", "denial.reset", "disconnect.fin", "disconnect.reset", "disconnect.waiting-reset", "receive.before-fin", "connect.reset-before-receive", "connect.waiting-reset", "denial.started-reset", "denial.waiting-reset", "receive.many-before-fin"}),
    "a denial after the accept": (denies_after_the_accept, {"denial.after-accept-on-the-wire"}),
    "a response before the answer": (speaks_first, {"accept.headers", "accept.headers-empty", "accept.subprotocol", "accept.subprotocol-none", "close.before-accept", "close.before-accept-with-code", "close.before-accept-with-reason", "close.then-accept", "connect.handshake-waits", "denial.body-missing", "denial.headers-missing", "denial.one-response", "denial.status", "denial.status-302", "denial.status-503", "exit.raise-at-once", "exit.raise-before-accept", "exit.raise-denying", "handshake.connection-list", "handshake.status", "handshake.upgrade-case", "cuts.head", "cuts.head-with-offers", "handshake.absolute-form"}),
    "nothing after its own close": (not_told_after(END), {"close.disconnect", "close.disconnect-after-reset", "close.rejected-disconnect", "close.disconnect-after-fin", "close.waiting-reset"}),
    "nothing after its own denial": (not_told_after(BODY), {"denial.disconnect", "denial.reset", "denial.waiting-reset"}),
    "no connect": (first(None), {"connect.first", "cuts.head", "cuts.head-with-offers", "handshake.absolute-form"}),
    "data before the connect": (first({"type": RECEIVE, "text": ""}), {"connect.first", "cuts.head", "cuts.head-with-offers", "handshake.absolute-form"}),
    "bytes are texts": (receiving(lambda m: {"type": RECEIVE, "text": m["bytes"].decode("latin-1")} if "bytes" in m else m), {"receive.bytes", "receive.bytes-empty", "receive.fragments-empty", "receive.medium", "receive.order", "cuts.eleven-bytes", "cuts.every-byte", "cuts.long-length", "cuts.three-bytes"}),
    "what is long is cut": (receiving(lambda m: {**m, "bytes": m["bytes"][:4096]} if m.get("bytes") else m), {"receive.medium", "cuts.long-length"}),
    "tires of waiting": (tires, {"connect.once", "frames.ping-not-passed-on", "neighbours.disconnect", "neighbours.receive-theirs", "receive.idle"}),
    "completes what was refused": (completes_what_was_refused, {"close.then-accept"}),
    "hangs after the end, before 2.4": (hangs_after_the_end, {"connect.reset-then-accept-before-2.4", "disconnected-client.closed-accept-before-2.4", "disconnected-client.closed-close-before-2.4", "disconnected-client.closed-send-before-2.4", "disconnected-client.left-accept-before-2.4", "disconnected-client.left-close-before-2.4", "disconnected-client.left-send-before-2.4", "disconnected-client.rejected-accept-before-2.4", "disconnected-client.rejected-close-before-2.4", "disconnected-client.rejected-send-before-2.4"}),
    "heads as they come": (writing(heads_as_they_come), {"accept.header-value-nul", "accept.subprotocol-newline"}),
    "long reasons": (writing(long_reasons), {"close.reason-124"}),
    "reasons are cut anywhere": (writing(cut_reasons), {"close.reason-cut-inside-a-character"}),
}

READ = {
    "frames without a mask": (each(lambda f: evolve(f, masked=True)), {"frames.unmasked"}),
    "any reserved bit": (each(lambda f: evolve(f, bits=f.bits & FIN) if f.payload in {b"x", b"p"} else f), {"deflate.bit-of-a-ping", "frames.reserved-bit"}),
    "any opcode is a text": (each(lambda f: evolve(f, opcode=TEXT) if 2 < f.opcode < CLOSE else f), {"frames.error-disconnect", "frames.reserved-opcode"}),
    "any other control frame is swallowed": (each(lambda f: f if f.opcode < 11 else None), {"frames.reserved-control-opcode"}),
    "continuations of anything": (mending(continues), {"frames.interleaved", "frames.lone-continuation"}),
    "parts of control frames": (each(lambda f: evolve(f, bits=f.bits | FIN) if f.control else f), {"frames.control-fragmented"}),
    "long control frames": (each(lambda f: evolve(f, payload=f.payload[:125]) if f.control else f), {"frames.control-long"}),
    "texts that are no UTF-8": (each(lambda f: evolve(f, payload=valid(f.payload)) if f.opcode == TEXT and f.bits == FIN else f), {"frames.invalid-utf-8"}),
    "a wrong Close is swallowed": (each(lambda f: None if f.opcode == CLOSE and (len(f.payload) == 1 or f.payload[2:] != valid(f.payload[2:])) else f), {"frames.close-invalid-utf-8", "frames.close-one-byte"}),
    "Pings are texts": (each(lambda f: evolve(f, opcode=TEXT) if f.opcode == PING and f.fin and len(f.payload) < 9 else f), {"frames.ping", "frames.ping-between-fragments", "frames.ping-empty", "frames.ping-not-passed-on", "receive.fragments-with-ping", "deflate.bit-of-a-ping", "deflate.ping-between-fragments", "frames.pings-together"}),
    "an empty beginning is lost": (each(lambda f: None if f.opcode == BINARY and not f.fin and not f.payload else f), {"receive.fragments-empty"}),
}

WRITTEN = {
    "another status than 101": (rewriting(lambda data: data.replace(b"HTTP/1.1 101", b"HTTP/1.1 200")), {"accept.headers", "accept.headers-empty", "accept.subprotocol", "accept.subprotocol-none", "handshake.connection-list", "handshake.status", "handshake.upgrade-case", "cuts.head", "cuts.head-with-offers", "handshake.absolute-form"}),
    "lengths that are too long": (rewriting(lambda data: data.replace(b"content-length: ", b"content-length: 1")), {"close.response-complete", "denial.body-complete", "denial.content-length", "denial.one-response"}),
    "a length of 204": (rewriting(lambda data: data.replace(b"\r\n", b"\r\nContent-Length: 0\r\n", 1) if data.startswith(b"HTTP/1.1 204") else data), {"denial.status-204-length"}),
    "the version is not told": (rewriting(lambda data: data.replace(b"sec-websocket-version", b"x-version")), {"handshake.version-told"}),
    "errors have another code": (rewriting(lambda data: data.replace(b"\x03\xea", b"\x03\xe8").replace(b"\x03\xef", b"\x03\xe8") if data[:1] == b"\x88" else data), {"close.code-1002", "close.code-1007", "frames.close-invalid-utf-8-code", "frames.control-fragmented-code", "frames.control-long-code", "frames.interleaved-code", "frames.invalid-utf-8-code", "frames.lone-continuation-code", "frames.reserved-bit-code", "frames.reserved-control-opcode-code", "frames.reserved-opcode-code", "frames.close-invalid-utf-8"}),
    "no code is 1005": (rewriting(lambda data: b"\x88\x02\x03\xed" if data == b"\x88\x00" else data), {"disconnect.answer-valid"}),
    "masked frames": (rewriting(masked), {"send.unmasked"}),
    "a frame after the Close": (rewriting(lambda data: data + b"\x81\x00" if data[:1] == b"\x88" else data), {"close.once"}),
    "two Closes": (rewriting(lambda data: data + data if data[:1] == b"\x88" else data), {"close.once"}),
    "the transport stays open after a FIN": (StaysOpen, {"close.transport-ends", "disconnect.transport-ends", "exit.raise-closing", "exit.return-closing"}),
}

HEADS = {
    "no key is needed": (given(b"sec-websocket-key", b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), {"handshake.key-missing"}),
    "no version is needed": (given(b"sec-websocket-version", b"sec-websocket-version: 13"), {"handshake.version-missing"}),
    "any version": (lambda data: data.replace(b"version: 99", b"version: 13"), {"handshake.version-unknown"}),
    "any method": (lambda data: data.replace(b"POST ", b"GET "), {"handshake.post"}),
    "no upgrade is needed": (given(b"upgrade", b"upgrade: websocket"), {"handshake.no-upgrade"}),
    "any upgrade": (lambda data: data.replace(b"pgrade: x-wsfsm", b"pgrade: websocket"), {"handshake.other-upgrade"}),
    "any connection": (lambda data: data.replace(b"onnection: close", b"onnection: Upgrade"), {"handshake.no-connection"}),
    "no host is needed": (given(b"host", b"host: x"), {"handshake.host-missing"}),
}

SCOPES: Mapping[str, tuple[Callable[[Scope], Mapping[str, Any]], set[str]]] = {
    "no version": (lambda s: {"asgi": {"spec_version": "2.5"}}, {"scope.asgi-version"}),
    "a version of the future": (lambda s: {"asgi": {"version": "3.0", "spec_version": "9"}}, {"scope.spec-version"}),
    "HTTP is a number": (lambda s: {"http_version": 1.1}, {"scope.http-version"}),
    "the scheme is that of HTTP": (lambda s: {"scheme": "http"}, {"scope.scheme"}),
    "parameters of a path are cut": (lambda s: {"path": s["path"].partition(";")[0]}, {"scope.path-parameters"}),
    "the raw path is a text": (lambda s: {"raw_path": s["raw_path"].decode()}, {"scope.raw-path"}),
    "the query is a text": (lambda s: {"query_string": s["query_string"].decode()}, {"scope.query", "scope.query-missing"}),
    "the root path is None": (lambda s: {"root_path": None}, {"scope.root-path"}),
    "headers are sorted": (lambda s: {"headers": sorted(s["headers"])}, {"scope.headers-order"}),
    "headers are UTF-8": (lambda s: {"headers": [(n, v.decode("latin-1").encode()) for n, v in s["headers"]]}, {"scope.headers-latin-1"}),
    "the server is a text": (lambda s: {"server": "127.0.0.1:80"}, {"scope.server"}),
    "subprotocols are None": (lambda s: {"subprotocols": s["subprotocols"] or None}, {"scope.subprotocols-none"}),
    "one header of subprotocols": (lambda s: {"subprotocols": s["subprotocols"][:2]}, {"scope.subprotocols-two-headers"}),
    "extensions are a list": (lambda s: {"extensions": ["websocket.http.response"]}, {"scope.extensions"}),
    "state is None": (lambda s: {"state": None}, {"scope.state"}),
}
# fmt: on

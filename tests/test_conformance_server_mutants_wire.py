"""Broken servers: what they read and write, and each key of the scope.

As in ``test_conformance_server_mutants``; the last test counts what all of them leave.
"""

import pytest
from broken_servers import (
    DISCONNECT,
    Mutant,
    broken_server,
    completes_what_was_refused,
    denies_after_the_accept,
    dies_of_the_end,
    first,
    hangs_after_the_end,
    not_told_after,
    of_type,
    one_at_a_time,
    receiving,
    refusing,
    rewriting,
    scoped,
    sending,
    speaks_first,
    tires,
    unless,
    without,
    writing,
)
from broken_wires import (
    BINARY,
    CLOSE,
    FIN,
    PING,
    TEXT,
    Refusing,
    StaysOpen,
    continues,
    each,
    given,
    head,
    masked,
    mending,
)
from test_conformance_server_mutants import BYTES, DEMANDED, MUTANTS, failures
import attrs

from wsfsm.conformance import check_server

EVOLVE = attrs.evolve
ACCEPT = "websocket.accept"
END = "websocket.close"
SEND = "websocket.send"
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"
RECEIVE = "websocket.receive"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"
UNSENDABLE = (1005, 1006, 1015)


def heads_as_they_come(message):
    if message.get("type") != ACCEPT:
        return None
    if "\r\n" in str(message.get("subprotocol") or "").replace("\\r\\n", "\r\n"):
        return SWITCH + b"sec-websocket-protocol: " + message["subprotocol"].encode() + b"\r\n\r\n"
    if any(b"\0" in value for _, value in message.get("headers") or () if isinstance(value, bytes)):
        return SWITCH + b"x-a: 1\x002\r\n\r\n"
    return None


def codes_as_they_come(message):
    code = message.get("code") if message.get("type") == END else None
    return b"\x88\x02" + code.to_bytes(2, "big") if code in UNSENDABLE else None


def long_reasons(message):
    reason = str(message.get("reason") or "").encode()
    if message.get("type") != END or len(reason) != 124:
        return None
    return b"\x88\x7e\x00\x7e\x03\xe8" + reason


def cut_reasons(message):
    reason = str(message.get("reason") or "").encode()
    if message.get("type") != END or len(reason) < 125:
        return None
    return b"\x88\x7d\x03\xe8" + reason[:123]


def valid(payload):
    return payload.decode("utf-8", "replace").encode()


def good_start(message):
    if message.get("type") != START:
        return message
    pairs = [(n if isinstance(n, bytes) else n.encode(), v if isinstance(v, bytes) else v.encode()) for n, v in message.get("headers", [])]
    return {**message, "status": int(message.get("status", 404)), "headers": pairs}


# Tables are aligned by hand.
# fmt: off
APPLICATIONS = {
    "no disconnect": (receiving(unless(lambda m: m["type"] == DISCONNECT)), set()),
    "no disconnect without a Close": (receiving(unless(lambda m: m.get("code") == 1006)), set()),
    "nothing after its own close": (not_told_after(END), set()),
    "nothing after its own denial": (not_told_after(BODY), set()),
    "a reason that nobody gave": (receiving(lambda m: {**m, "reason": "x"} if m["type"] == DISCONNECT and not m.get("reason") else m), set()),
    "no connect": (first(None), set()),
    "data before the connect": (first({"type": RECEIVE, "text": ""}), set()),
    "bytes are texts": (receiving(lambda m: {"type": RECEIVE, "text": m["bytes"].decode("latin-1")} if "bytes" in m else m), set()),
    "what is long is cut": (receiving(lambda m: {**m, "bytes": m["bytes"][:4096]} if m.get("bytes") else m), set()),
    "tires of waiting": (tires, set()),
    "one at a time": (one_at_a_time, set()),
    "speaks first": (speaks_first, set()),
    "completes what was refused": (completes_what_was_refused, set()),
    "dies of the end": (dies_of_the_end, set()),
    "hangs after the end, before 2.4": (hangs_after_the_end, set()),
    "heads as they come": (writing(heads_as_they_come), set()),
    "codes as they come": (writing(codes_as_they_come), set()),
    "long reasons": (writing(long_reasons), set()),
    "reasons are cut anywhere": (writing(cut_reasons), set()),
    "ASCII alone": (sending(lambda m: {**m, "text": m["text"].encode("ascii", "replace").decode()} if m.get("type") == SEND and isinstance(m.get("text"), str) else m), set()),
    "None is refused": (refusing(lambda m: m.get("type") == SEND and None in m.values()), set()),
    "texts are made of anything": (sending(lambda m: {**m, "text": str(m["text"])} if not isinstance(m.get("text", ""), str | None) else m), set()),
    "bytes are made of anything": (sending(lambda m: {**m, "bytes": m["bytes"].encode()} if isinstance(m.get("bytes"), str) else m), set()),
    "messages without a type are swallowed": (sending(unless(lambda m: "type" not in m)), set()),
    "the last one is lost": (sending(unless(lambda m: m.get("text") == "last")), set()),
    "denials without headers": (sending(lambda m: {**m, "headers": []} if m.get("type") == START and m.get("headers") else m), set()),
    "denials need headers": (refusing(lambda m: m.get("type") == START and "headers" not in m), set()),
    "denials need a body": (refusing(lambda m: m.get("type") == BODY and "body" not in m), set()),
    "denials are made of anything": (sending(good_start), set()),
    "denials after the accept": (denies_after_the_accept, set()),
}

READ = {
    "frames without a mask": (each(lambda f: EVOLVE(f, masked=True)), set()),
    "any reserved bit": (each(lambda f: EVOLVE(f, bits=f.bits & FIN)), set()),
    "any opcode is a text": (each(lambda f: EVOLVE(f, opcode=TEXT) if 2 < f.opcode < CLOSE else f), set()),
    "any other control frame is swallowed": (each(lambda f: f if f.opcode < 11 else None), set()),
    "continuations of anything": (mending(continues), set()),
    "parts of control frames": (each(lambda f: EVOLVE(f, bits=f.bits | FIN) if f.control else f), set()),
    "long control frames": (each(lambda f: EVOLVE(f, payload=f.payload[:125]) if f.control else f), set()),
    "texts that are no UTF-8": (each(lambda f: EVOLVE(f, payload=valid(f.payload)) if f.opcode == TEXT and f.fin else f), set()),
    "a wrong Close is swallowed": (each(lambda f: None if f.opcode == CLOSE and (len(f.payload) == 1 or f.payload[2:] != valid(f.payload[2:])) else f), set()),
    "Pings are texts": (each(lambda f: EVOLVE(f, opcode=TEXT) if f.opcode == PING and f.fin and len(f.payload) < 9 else f), set()),
    "an empty beginning is lost": (each(lambda f: None if f.opcode == BINARY and not f.fin and not f.payload else f), set()),
}

WRITTEN = {
    "another status than 101": (rewriting(lambda data: data.replace(b"HTTP/1.1 101", b"HTTP/1.1 200")), set()),
    "lengths that are too long": (rewriting(lambda data: data.replace(b"content-length: ", b"content-length: 1")), set()),
    "a body of 204": (rewriting(lambda data: data + b"x" if data.startswith(b"HTTP/1.1 204") else data), set()),
    "the version is not told": (rewriting(lambda data: data.replace(b"sec-websocket-version", b"x-version")), set()),
    "errors have another code": (rewriting(lambda data: data.replace(b"\x03\xea", b"\x03\xe8").replace(b"\x03\xef", b"\x03\xe8") if data[:1] == b"\x88" else data), set()),
    "no code is 1005": (rewriting(lambda data: b"\x88\x02\x03\xed" if data == b"\x88\x00" else data), set()),
    "masked frames": (rewriting(masked), set()),
    "a frame after the Close": (rewriting(lambda data: data + b"\x81\x00" if data[:1] == b"\x88" else data), set()),
    "two Closes": (rewriting(lambda data: data + data if data[:1] == b"\x88" else data), set()),
    "the transport stays open after a FIN": (StaysOpen, set()),
}

HEADS = {
    "no key is needed": (given(b"sec-websocket-key", b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), set()),
    "no version is needed": (given(b"sec-websocket-version", b"sec-websocket-version: 13"), set()),
    "any version": (lambda data: data.replace(b"version: 99", b"version: 13"), set()),
    "any method": (lambda data: data.replace(b"POST ", b"GET "), set()),
    "no upgrade is needed": (given(b"upgrade", b"upgrade: websocket"), set()),
    "any upgrade": (lambda data: data.replace(b"x-wsfsm", b"websocket"), set()),
    "any connection": (lambda data: data.replace(b"onnection: close", b"onnection: Upgrade"), set()),
    "no host is needed": (given(b"host", b"host: x"), set()),
}

SCOPES = {
    "another type": (lambda s: {"type": "http"}, set()),
    "no version": (lambda s: {"asgi": {"spec_version": "2.5"}}, set()),
    "a version of the future": (lambda s: {"asgi": {"version": "3.0", "spec_version": "9"}}, set()),
    "HTTP is a number": (lambda s: {"http_version": 1.1}, set()),
    "the scheme is that of HTTP": (lambda s: {"scheme": "http"}, set()),
    "parameters of a path are cut": (lambda s: {"path": s["path"].partition(";")[0]}, set()),
    "the raw path is a text": (lambda s: {"raw_path": s["raw_path"].decode()}, set()),
    "the query is a text": (lambda s: {"query_string": s["query_string"].decode()}, set()),
    "the root path is None": (lambda s: {"root_path": None}, set()),
    "no headers": (lambda s: {"headers": []}, set()),
    "headers are sorted": (lambda s: {"headers": sorted(s["headers"])}, set()),
    "headers are UTF-8": (lambda s: {"headers": [(n, v.decode("latin-1").encode()) for n, v in s["headers"]]}, set()),
    "headers of the handshake are kept back": (lambda s: {"headers": [(n, v) for n, v in s["headers"] if not n.startswith(b"sec-")]}, set()),
    "the server is a text": (lambda s: {"server": "127.0.0.1:80"}, set()),
    "subprotocols are None": (lambda s: {"subprotocols": s["subprotocols"] or None}, set()),
    "one header of subprotocols": (lambda s: {"subprotocols": s["subprotocols"][:2]}, set()),
    "extensions are a list": (lambda s: {"extensions": ["websocket.http.response"]}, set()),
    "state is None": (lambda s: {"state": None}, set()),
}
# fmt: on


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_server_that_tells_wrong_things_fails_what_is_about_it(name: str) -> None:
    mutant, caught = APPLICATIONS[name]

    assert failures(name, mutant, http=Refusing) == caught


@pytest.mark.parametrize("name", READ | WRITTEN)
def test_a_server_that_reads_or_writes_wrong_bytes_fails_what_is_about_it(name: str) -> None:
    protocol, caught = (READ | WRITTEN)[name]

    assert failures(name, protocol=protocol) == caught


@pytest.mark.parametrize("name", HEADS)
def test_a_server_that_takes_any_request_fails_what_is_about_it(name: str) -> None:
    rewrite, caught = HEADS[name]

    assert failures(name, http=head(rewrite)) == caught


@pytest.mark.parametrize("name", SCOPES)
def test_a_server_with_a_wrong_scope_fails_what_is_about_it(name: str) -> None:
    change, caught = SCOPES[name]
    about = [case for case in DEMANDED if case.id.startswith("scope.")]
    report = check_server(broken_server(name, scoped(change)), about)

    assert {result.case.id for result in report.failures()} == caught

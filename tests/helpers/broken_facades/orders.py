# mypy: disable-error-code="override"
"""Facades with a fault in the order of things, in their scope, or in one kind of data."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from helpers.broken_facades.faults import F, Message, Mutant, N, T
from wsfsm.conformance.verdicts import Verdict

Change = Callable[[Message], Message]
ACCEPT = "websocket.accept"
CLOSE = "websocket.close"
SEND = "websocket.send"
START = "websocket.http.response.start"
BODY = "websocket.http.response.body"


def needing(read: Callable[[Any], object]) -> type[Mutant]:
    """A class that reads something of the scope at once."""

    class Needs(Mutant):
        def __init__(self, scope: Any, receive: Any, send: Any) -> None:
            read(scope)
            super().__init__(scope, receive, send)

    return Needs


def receiving(kind: str, change: Callable[[Any], Any]) -> type[Mutant]:
    """A class that is given another text, or other bytes."""

    class Receives(Mutant):
        async def comes(self, message: Any) -> Any:
            if message.get(kind) is not None:
                message[kind] = change(message[kind])
            return message

    return Receives


def sending(kind: str, change: Change) -> type[Mutant]:
    """A class that sends something else."""

    class Sends(Mutant):
        async def goes(self, message: Message, send: Any) -> None:
            await send(change(message) if message["type"] == kind else message)

    return Sends


def lower(headers: Any) -> None:
    if any(name != name.lower() for name, _ in headers):
        raise ValueError("capitals")


class AcceptsTwiceAtOnce(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        await send(message)
        if message["type"] == ACCEPT:
            await send(message)


class ClosesTwiceAtOnce(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        await send(message)
        if message["type"] == CLOSE:
            await send(message)


class AcceptsAtOnceOrNever(Mutant):
    async def accept(self, *args: Any, **kwargs: Any) -> None:
        await asyncio.wait_for(super().accept(*args, **kwargs), 0.001)


class NeverRejects(Mutant):
    async def close(self, *args: Any, **kwargs: Any) -> None:
        if self.application_state.name != "CONNECTING":
            await super().close(*args, **kwargs)


class OneAtATime(Mutant):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lock = asyncio.Lock()

    async def comes(self, message: Any) -> Any:
        return message

    async def receive_text(self) -> str:
        async with self.lock:
            return await super().receive_text()

    async def goes(self, message: Message, send: Any) -> None:
        async with self.lock:
            await send(message)


class NeverWaits(Mutant):
    async def receive_text(self) -> str:
        return await asyncio.wait_for(super().receive_text(), 0.001)


class TakesWhatIsThere(Mutant):
    async def receive_text(self) -> Any:
        message = await self.receive()
        if message["type"] == "websocket.disconnect":
            return await super().receive_text()
        return message.get("text")

    async def receive_bytes(self) -> Any:
        message = await self.receive()
        if message["type"] == "websocket.disconnect":
            return await super().receive_bytes()
        return message.get("bytes")


class ForgetsAfterAWhile(Mutant):
    forgot = False

    async def comes(self, message: Any) -> Any:
        if asyncio.get_running_loop().time() > 30 and not self.forgot:
            self.forgot = True
            return await self._receive()
        return message


class LosesTheThird(Mutant):
    count = 0

    async def goes(self, message: Message, send: Any) -> None:
        self.count += message["type"] == SEND
        if self.count != 3:
            await send(message)


class KeepsToOneKind(Mutant):
    kinds = frozenset({"text", "bytes"})

    async def comes(self, message: Any) -> Any:
        if message.get("type") == "websocket.receive":
            kind = "bytes" if message.get("text") is None else "text"
            if kind not in self.kinds:
                raise RuntimeError("another kind")
            self.kinds = frozenset({kind})
        return message


class Swaps(Mutant):
    async def receive_text(self) -> str:
        text = await super().receive_text()
        return {"1": "2", "2": "1"}.get(text, text)


class SwallowsAllLosses(Mutant):
    async def goes(self, message: Message, send: Any) -> None:
        with contextlib.suppress(OSError):
            await send(message)


class SendsAnyTime(Mutant):
    async def send_text(self, data: str) -> None:
        await self.server_send({"type": SEND, "text": data})


class AcceptsAnyTime(Mutant):
    async def accept(self, *args: Any, **kwargs: Any) -> None:
        if self.application_state.name == "CONNECTING" and self.client_state.name != "DISCONNECTED":
            await super().accept(*args, **kwargs)
        else:
            await self.server_send({"type": ACCEPT})


class ClosesAnyTime(Mutant):
    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        if self.client_state.name == "DISCONNECTED":
            await self.server_send({"type": CLOSE, "code": code})
        else:
            await super().close(code, reason)


class PassesAnythingOn(Mutant):
    async def send(self, message: Any) -> None:
        try:
            await super().send(message)
        except RuntimeError:
            if not message["type"].startswith("websocket.http"):
                raise
            await self.server_send(message)


NAMES = ("http_version", "scheme", "raw_path", "root_path", "client", "server", "subprotocols", "state", "extensions")  # fmt: skip

# Tables are aligned by hand.
# fmt: off
NEEDS: Mapping[str, tuple[Callable[[Any], object], set[str]]] = {
    **{name: (itemgetter(name), {f"scope.without-{name.replace('_', '-')}"}) for name in NAMES},
    "spec_version": (lambda s: s["asgi"]["spec_version"], {"scope.without-spec-version"}),
    "a client that is a pair": (lambda s: len(s.get("client", ())), {"scope.client-none"}),
    "a server that is a pair": (lambda s: len(s.get("server", ())), {"scope.server-none"}),
    "a port": (lambda s: s["server"] and int(s["server"][1]) if "server" in s else 0, {"scope.unix-socket"}),
    "a raw path of bytes": (lambda s: len(s.get("raw_path", b"")), {"scope.raw-path-none"}),
    "pairs that are tuples": (lambda s: set(s["headers"]), {"scope.headers-as-lists", "scope.headers-with-capitals", "scope.headers-not-ascii"}),
    "small letters": (lambda s: lower(s["headers"]), {"scope.headers-with-capitals"}),
    "ASCII": (lambda s: [value.decode("ascii") for _, value in s["headers"]], {"scope.headers-not-ascii"}),
    "a header": (lambda s: s["headers"][0], {"scope.no-headers"}),
}

MORE: Mapping[str, tuple[type[Mutant], Mapping[str, Verdict]]] = {
    "accepts twice at once": (AcceptsTwiceAtOnce, {"accept.message": F}),
    "closes twice at once": (ClosesTwiceAtOnce, {"close.message": F, "close.before-accept": F}),
    "accepts at once or never": (AcceptsAtOnceOrNever, {"accept.connect-comes-later": F}),
    "never rejects": (NeverRejects, {"close.before-accept": F}),
    "one at a time": (OneAtATime, {"close.while-receiving": T, "send.while-receiving": T}),
    "never waits": (NeverWaits, {"receive.waits": F}),
    "takes what is there": (TakesWhatIsThere, {"events.neither-key": F, "events.both-none": N, "events.both-keys": F, "events.text-of-another-type": N, "events.bytes-of-another-type": N}),
    "forgets after a while": (ForgetsAfterAWhile, {"receive.many-unread": T}),
    "keeps to one kind": (KeepsToOneKind, {"receive.text-then-bytes": F}),
    "loses the third": (LosesTheThird, {"send.in-order": F}),
    "swaps": (Swaps, {"receive.in-order": F}),
    "swallows all losses": (SwallowsAllLosses, {"denial.lost": F, "lost.send-text": F, "lost.send-bytes": F, "lost.send-json": F, "lost.send-message": F, "lost.send-under-way": F, "lost.send-again": F, "lost.accept": F}),
    "sends any time": (SendsAnyTime, {"close.then-send-text": N, "close.rejected-then-send": N, "denial.then-send": N, "denial.begun-then-send": N, "disconnect.then-send-text": N, "send.before-accept": N}),
    "accepts any time": (AcceptsAnyTime, {"accept.twice": N, "close.then-accept": N, "close.rejected-then-accept": N, "denial.then-accept": N, "denial.begun-then-accept": N, "disconnect.then-accept": N}),
    "closes any time": (ClosesAnyTime, {"disconnect.then-close": N}),
    "passes anything on": (PassesAnythingOn, {"denial.after-accept": N, "denial.after-close": N, "denial.then-deny": N, "denial.begun-twice": N, "denial.body-first": N, "denial.body-after-accept": N, "denial.body-after-the-last": N, "denial.part-of-a-body-first": N, "denial.last-body-after-accept": N, "denial.part-of-a-body-after-the-last": N, "disconnect.then-deny": N}),
    "strips what is received": (receiving("text", str.strip), {"receive.any-text": F}),
    "cuts what is received": (receiving("text", lambda text: text[:65536]), {"receive.large-text": F}),
    "replaces bytes": (receiving("bytes", lambda data: data.decode("ascii", "replace").encode()), {"receive.any-bytes": F}),
    "adds a byte": (receiving("bytes", lambda data: data + b"+"), {"receive.bytes": F, "receive.bytes-and-none": F, "receive.empty-bytes": F, "receive.empty-bytes-and-none": F, "receive.any-bytes": F}),
    "adds a character": (receiving("text", lambda text: text + "+"), {"receive.text": F, "receive.text-and-none": F, "receive.empty-text": F, "receive.empty-text-and-none": F, "receive.any-text": F, "receive.large-text": F, "receive.in-order": F, "receive.message": F}),
    "takes the first subprotocol": (sending(ACCEPT, lambda m: {**m, "subprotocol": "a"}), {"accept.without-subprotocol": F, "accept.subprotocol": F}),
    "a reason of no text": (sending(CLOSE, lambda m: {**m, "reason": m["reason"] or 0}), {"close.without-reason": F}),
    "strips what is sent": (sending(SEND, lambda m: {**m, "text": m["text"].strip()} if "text" in m else m), {"send.any-text": F}),
    "cuts what is sent": (sending(SEND, lambda m: {**m, "text": m["text"][:65536]} if "text" in m else m), {"send.large-text": F}),
    "headers in a dictionary": (sending(ACCEPT, lambda m: {**m, "headers": list(dict(m["headers"]).items())}), {"accept.headers-repeated": F}),
    "another status": (sending(START, lambda m: {**m, "status": 400}), {"denial.status": F}),
    "denials without headers": (sending(START, lambda m: {**m, "headers": []}), {"denial.headers": F}),
    "bodies end at once": (sending(BODY, lambda m: {**m, "more_body": False}), {"denial.body-in-parts": F, "denial.goes-on": F}),
}
# fmt: on

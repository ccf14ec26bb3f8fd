"""The client's side of conversations, on a real connection; it records everything that it sees."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from wsproto.extensions import Extension, PerMessageDeflate

from tools.soak import wire
from tools.soak.messages import Payload, digest
from tools.soak.peer import Address, Peer
from tools.soak.plan import Conversation, Ping, Pong, Rest, Say
from tools.soak.reading import Inbox, Seen
from wsfsm.conformance.server._client import request

__all__ = ["play"]

_PATIENCE: Final = 90.0  # seconds that any conversation may take
_CHUNK: Final = 2**16  # bytes that are kept before they are written
_SLOW: Final = 3.0  # seconds during which frames are written in pieces
_SLOWEST: Final = 8.0  # seconds during which a frame is written, or messages are read, very slowly
_LEAVING: Final = 15.0  # seconds to send remaining data before the transport is aborted
_LONG: Final = 60  # bytes of a handshake's target that a trace shows


async def play(
    conversation: Conversation,
    address: Address,
    ended: Callable[[], Awaitable[Any]],
    patience: float = _PATIENCE,
) -> Seen:
    """Play the client's side of a conversation.

    Args:
        conversation: The conversation.
        address: Where the server listens.
        ended: Waits until the application has ended.
        patience: Seconds that the conversation may take.
    """
    player = _Player(conversation, ended)
    seen = player.seen
    try:
        async with asyncio.timeout(patience):
            await player.play(address)
    except TimeoutError:
        seen.problems.append(f"the client's side did not end within {patience:.0f} s")
    except OSError as error:
        seen.note(f"fails: {error!r}")
        seen.problems.append(f"the client's side failed: {error!r}")
    return seen


class _Player:
    def __init__(self, conversation: Conversation, ended: Callable[[], Awaitable[Any]]) -> None:
        self.seen = Seen()
        self._conversation = conversation
        self._plan = conversation.client
        self._ended = ended
        self._rng = random.Random(self._plan.seed)  # noqa: S311 - repeatable, not secret
        self._deflater: wire.Deflater | None = None
        self._kept = bytearray()  # not written yet
        self._busy = False  # in the middle of a frame
        self._answers: list[bytes] = []  # control frames that answer others
        self._over = False  # a Close was sent or received, or the transport has ended
        self._closed = False  # nothing may be sent any more
        self._said = 0  # messages
        self._spent = 0.0  # seconds, on frames in pieces
        self._changed = asyncio.Event()

    async def play(self, address: Address) -> None:
        self.peer = await Peer.reach(address, slow=self._plan.reads > 0)
        try:
            await self._open()
        finally:
            self.peer.abort()

    # The handshake

    async def _open(self) -> None:
        plan, note = self._plan, self.seen.note
        data = self._request()
        note(f"asks ({plan.request}, {len(data)} B): {data[:_LONG].decode()}...")
        if plan.writes == "drip":  # this mode is only for frames
            self._put(data)
        else:
            await self._write(data)
        await self._flush()
        if plan.request in {"partial", "gone"}:
            await self._leave()
            return
        response = await self.peer.response(_PATIENCE)
        self.seen.status = response.get("status", 0)
        self.seen.headers = response.get("headers", {})
        self.seen.body = response.get("body", "")
        self.seen.complete = response.get("complete", False)
        note(f"gets {self.seen.status or response}")
        if self.seen.status == 101:
            await self._converse(Inbox(self.seen, self._agree(), deaf=self._plan.end == "deaf"))
        elif self.seen.status:
            await self.peer.end(_PATIENCE)
            self.seen.ends = self.peer.ends

    def _request(self) -> bytes:
        plan = self._plan
        query = self._conversation.application.query(self._conversation.name)
        more: list[tuple[bytes, bytes]] = []
        if plan.offer:
            more.append((b"sec-websocket-extensions", plan.offer.encode()))
        if plan.subprotocols:
            more.append((b"sec-websocket-protocol", ", ".join(plan.subprotocols).encode()))
        if plan.request == "version 12":
            more.append((b"sec-websocket-version", b"12"))
        data = request(
            *more,
            target=f"/?{query}".encode(),
            method=b"POST" if plan.request == "POST" else b"GET",
            without=(b"sec-websocket-key",) if plan.request == "no key" else (),
        )
        return data[: self._rng.randrange(1, len(data) - 1)] if plan.request == "partial" else data

    def _agree(self) -> list[Extension]:
        """Apply the extensions that the server has agreed on."""
        agreed = self.seen.headers.get("sec-websocket-extensions", [])
        if not agreed:
            return []
        deflate = PerMessageDeflate()
        try:
            deflate.finalize(", ".join(agreed))
        except (ValueError, IndexError) as error:
            self.seen.blame(f"the extension {agreed} is not valid: {error}")
        self._deflater = wire.Deflater(deflate)
        return [deflate]

    # Writing

    async def _work(self) -> None:
        """Do all steps before the end."""
        messages = iter(self._plan.batch)
        for step in self._plan.steps:
            match step:
                case Say():
                    await self._say(step, next(messages))
                case Ping() | Pong():
                    await self._control(step)
                case Rest(seconds):
                    await self._flush()
                    await asyncio.sleep(seconds)
                case _:
                    await self._settle()
            if self._over:
                return

    async def _say(self, say: Say, payload: Payload) -> None:
        extras = [
            word for word, true in (("compressed", say.compressed), ("final", say.final)) if true
        ]
        self.seen.note(" ".join(["sends", digest(payload), *extras, f"cuts: {len(say.cuts)}"]))
        self._said += 1
        self.seen.pings += [step.payload for step in say.between if isinstance(step, Ping)]
        for data in wire.message(say, payload, self._deflater):
            await self._write(data)

    async def _control(self, step: Ping | Pong) -> None:
        if isinstance(step, Ping):
            self.seen.pings.append(step.payload)
        self.seen.note(f"sends {step}")
        await self._write(wire.control(step))

    async def _write(self, data: bytes) -> None:
        """Write a frame in pieces, or keep it for a while."""
        if self._plan.writes == "whole":
            self._kept += data
            if len(self._kept) >= _CHUNK:
                await self._flush()
            return
        self._busy = True
        sent, start = 0, time.monotonic()
        for piece in wire.pieces(data, self._plan.writes, self._rng):
            if self._is_hurried(start):
                break
            self._put(piece)
            sent += len(piece)
            await asyncio.sleep(self._plan.pause)
            await self._drain()
        self._put(data[sent:])
        self._spent += time.monotonic() - start
        self._busy = False
        self._write_answers()

    def _is_hurried(self, start: float) -> bool:
        """Check whether to complete a frame at once, because a Close waits or it takes too long."""
        limit = _SLOWEST if self._plan.writes == "drip" else _SLOW
        return self._over or self._spent + time.monotonic() - start > limit

    async def _flush(self) -> None:
        """Write all kept bytes."""
        self._put(bytes(self._kept))
        self._kept.clear()
        await self._drain()

    async def _drain(self) -> None:
        with contextlib.suppress(OSError):  # the reader records the end
            await self.peer.flushed()

    def _put(self, data: bytes) -> None:
        if data and not self.peer.is_closing and not self._closed:
            self.peer.write(data)

    def _write_answers(self) -> None:
        """Write the control frames that answer others, except in the middle of a frame."""
        if not self._busy and self._answers:
            answers, self._answers = self._answers, []
            self._put(b"".join(answers))
            # nothing follows a Close (RFC 6455 5.5.1)
            self._closed = self._closed or self.seen.close is not None

    async def _settle(self, more: int = 0) -> bool:
        """Wait until everything has arrived that the server owes the client; return whether it has."""
        await self._flush()
        expected = more + (self._said if self._conversation.application.echo else 0)
        pings = self.seen.pings[-1:]
        while len(self.seen.messages) < expected or pings != self.seen.pongs[-len(pings) :]:
            if self._over:
                return False
            self._changed.clear()
            await self._changed.wait()
        self.seen.note("is settled")
        return True

    # Reading

    async def _read(self, inbox: Inbox) -> None:
        slow = time.monotonic() + _SLOWEST
        while not inbox.broken and (data := await self.peer.data()):
            self._answers += inbox.feed(data)
            self._over = self._over or self.seen.close is not None
            self._write_answers()
            self._changed.set()
            await asyncio.sleep(self._plan.reads if time.monotonic() < slow else 0)
        self.seen.ends = self.peer.ends
        self.seen.note(f"sees the end: {self.peer.ends}")
        self._over = True
        self._changed.set()

    # The end

    async def _converse(self, inbox: Inbox) -> None:
        reading = asyncio.create_task(self._read(inbox))
        try:
            await self._work()
            await self._flush()
            if self._plan.settled:
                self.seen.settled = await self._settle(self._conversation.application.batch.count)
            await self._end(reading)
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _end(self, reading: "asyncio.Task[None]") -> None:
        plan = self._plan
        if plan.cut:
            data = wire.message(Say(), "cut off", None)
            self._put(next(data)[: self._rng.randint(1, 10)])
        self.seen.note(f"ends: {plan.end}")
        match plan.end:
            case "close" | "close and leave":
                self._put(wire.close(plan.code, plan.reason))
                self._closed = True
            case "half-close":
                self.peer.half_close()
                self._closed = True
            case "reset":
                await self._drain()
                self.peer.reset()
            case "silence":
                reading.cancel()
                self.peer.pause()
                await self._ended()
            case "wait" | "deaf" | "leave":
                pass
            case _:
                self._put(wire.wrong(plan.end, self._deflater))
        if plan.end in {"leave", "close and leave"}:
            await self._leave()
        elif plan.end not in {"reset", "silence"}:
            await reading

    async def _leave(self) -> None:
        """Close the transport, or reset it."""
        if self._plan.end == "reset":
            self.peer.reset()
            return
        self.peer.close()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_LEAVING):
                await self.peer.closed()

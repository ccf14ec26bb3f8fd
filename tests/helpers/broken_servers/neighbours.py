"""Servers that mix connections up: a connection gets or loses data of its neighbour."""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

import attrs

from helpers.broken_servers.building import DISCONNECT, Mutant
from wsfsm.types import ASGIApp, Message, Receive, Scope, Send

DATA = "websocket.receive"
SENT = "websocket.send"
NEIGHBOUR = ".neighbour"


@attrs.define
class Connection:
    """A connection, and what a server that mixes things up puts in its way.

    Attributes:
        receive: As the server gives it.
        send: As the server gives it.
        later: The connection beside it that came later.
        earlier: The one that came earlier.
        received: What becomes of a message that comes on it.
        sent: What becomes of one that is sent on it.
        given: Messages that come from elsewhere.
    """

    receive: Receive
    send: Send
    later: Callable[[], "Connection | None"]
    earlier: "Connection | None"
    received: "Change"
    sent: "Change"
    given: "asyncio.Queue[Message]" = attrs.field(factory=asyncio.Queue)
    _own: "asyncio.Future[Message] | None" = None

    async def next(self) -> Message:
        """The next message that reaches the application, its own or another's."""
        while True:
            self._own = self._own or asyncio.ensure_future(self.receive())
            given = asyncio.ensure_future(self.given.get())
            try:
                await asyncio.wait({self._own, given}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                given.cancel()
            if given.done():
                return given.result()
            message, self._own = self._own.result(), None
            kept = self.received(message, self.later(), self.earlier)
            if kept is not None:
                return kept

    async def pump(self) -> None:
        """Mix up what comes whether the application receives or not."""
        kind = ""
        while kind != DISCONNECT:
            message = await self.receive()
            kind = message["type"]
            kept = self.received(message, self.later(), self.earlier)
            if kept is not None:
                self.given.put_nowait(kept)

    async def sends(self, message: Message) -> None:
        """The application sends a message."""
        kept = self.sent(message, self.later(), self.earlier)
        if kept is not None:
            await self.send(kept)

    async def play(self, app: ASGIApp, scope: Scope) -> None:
        """Serve the application."""
        if self.earlier is None:
            await app(scope, self.next, self.sends)
        else:
            pumping = asyncio.ensure_future(self.pump())
            try:
                await app(scope, self.given.get, self.sends)
            finally:
                pumping.cancel()

    def leave(self) -> None:
        if self._own is not None:
            self._own.cancel()


Change = Callable[[Message, Connection | None, Connection | None], Message | None]
"""The changes to a message if there is a later, or an earlier, connection beside its own."""


def _kept(message: Message, _later: Connection | None, _earlier: Connection | None) -> Message:
    return message


def mixing(received: Change = _kept, sent: Change = _kept) -> Mutant:
    """A server in which messages are changed, given to others or lost, by what is beside them."""
    there: dict[str, Connection] = {}

    def mutant(app: ASGIApp) -> ASGIApp:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                return await app(scope, receive, send)
            run = dict(scope["headers"]).get(b"x-wsfsm-run", b"").decode()
            earlier = there.get(run.removesuffix(NEIGHBOUR)) if run.endswith(NEIGHBOUR) else None
            later = partial(there.get, run + NEIGHBOUR)
            connection = Connection(receive, send, later, earlier, received, sent)
            there[run] = connection
            try:
                await connection.play(app, scope)
            finally:
                connection.leave()
                del there[run]

        return broken

    return mutant


def lost(kind: str) -> Change:
    """Messages of the earlier connection are lost."""

    def change(message: Message, later: Connection | None, _: Connection | None) -> Message | None:
        return None if later is not None and message.get("type") == kind else message

    return change


def given_too(kind: str) -> Change:
    """What the later connection receives is given to the earlier one too."""

    def change(message: Message, _: Connection | None, earlier: Connection | None) -> Message:
        if earlier is not None and message.get("type") == kind:
            earlier.given.put_nowait(message)
        return message

    return change


def given_instead(kind: str) -> Change:
    """What the later connection should receive is given to the earlier one."""

    def change(
        message: Message, _: Connection | None, earlier: Connection | None
    ) -> Message | None:
        if earlier is None or message.get("type") != kind:
            return message
        earlier.given.put_nowait(message)
        return None

    return change


tasks: "set[asyncio.Task[None]]" = set()


def sent_too(message: Message, _: Connection | None, earlier: Connection | None) -> Message:
    """What the later connection sends is sent to the earlier one's client too."""
    if earlier is not None and message.get("type") == SENT:

        async def send_it() -> None:
            with contextlib.suppress(OSError):
                await earlier.send(message)

        task = asyncio.ensure_future(send_it())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return message


def deaf(message: Message, _: Connection | None, earlier: Connection | None) -> Message:
    """Once the later connection is lost, nothing comes on the earlier one any more."""
    if earlier is not None and message.get("type") == DISCONNECT:
        earlier.receive = asyncio.Event().wait  # type: ignore[assignment]
    return message


NEIGHBOURS = {
    "a later connection takes what comes": (
        mixing(lost(DATA)),
        {"neighbours.receive", "neighbours.lives-on"},
    ),
    "a later connection takes what is sent": (mixing(sent=lost(SENT)), {"neighbours.send"}),
    "what comes is everybody's": (mixing(given_too(DATA)), {"neighbours.receive-theirs"}),
    "what comes is the earlier one's": (
        mixing(given_instead(DATA)),
        {"neighbours.receive-theirs"},
    ),
    "the end is the earlier one's": (
        mixing(given_instead(DISCONNECT)),
        {"neighbours.disconnect", "neighbours.lives-on"},
    ),
    "what is sent is everybody's": (mixing(sent=sent_too), {"neighbours.send-theirs"}),
    "the end is everybody's": (
        mixing(given_too(DISCONNECT)),
        {"neighbours.disconnect", "neighbours.lives-on"},
    ),
    "who lives on is deaf": (mixing(deaf), {"neighbours.lives-on"}),
}
"""Broken servers, and the cases that each of them fails."""

"""The lifespan of an application, around the connections of a test."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from wsfsm._loops import Bell, current_loop
from wsfsm.testing._failures import ClientFailure, ClientTimeout
from wsfsm.types import ASGIAppLike, Message, Scope

__all__ = ["lifespan"]

_STARTUP: Final = "lifespan.startup"
_SHUTDOWN: Final = "lifespan.shutdown"


@contextlib.asynccontextmanager
async def lifespan(
    application: ASGIAppLike, *, timeout: float = 5.0
) -> AsyncIterator[dict[str, Any]]:
    """Start an application, and shut it down at the end of the block (ASGI, Lifespan).

    An application that does not support the lifespan raises before it answers; it runs without one.

    Args:
        application: The ASGI application.
        timeout: Seconds that the start and the shutdown may take.

    Yields:
        The state; pass a copy of it to each connection, with ``scope={"state": state.copy()}``.
    """
    life = _Life(application, timeout)
    async with life.loop.beside(life.run):
        await life.pass_on(_STARTUP)
        yield life.state
        await life.pass_on(_SHUTDOWN)


class _Life:
    def __init__(self, application: ASGIAppLike, seconds: float) -> None:
        self.loop = current_loop()
        self.state: dict[str, Any] = {}
        self._application = application
        self._seconds = seconds
        self._bell = Bell(self.loop)
        self._events: list[str] = []
        self._answers: dict[str, Message] = {}
        self._error: Exception | None = None
        self._is_done = False

    async def run(self) -> None:
        scope: Scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._application(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - any exception of the application
            self._error = error
        self._is_done = True
        self._bell.ring()

    async def _receive(self) -> Message:
        await self._bell.until(lambda: bool(self._events))
        return {"type": self._events.pop(0)}

    async def _send(self, message: Message) -> None:
        event, _, _ = message["type"].rpartition(".")
        self._answers[event] = message
        self._bell.ring()

    async def pass_on(self, event: str) -> None:
        """Pass an event to the application, and wait for its answer."""
        self._events.append(event)
        self._bell.ring()
        answered: Callable[[], bool] = lambda: event in self._answers or self._is_done  # noqa: E731
        if not await self.loop.finishes(lambda: self._bell.until(answered), self._seconds):
            raise ClientTimeout(f"Waited {self._seconds:g} seconds for the answer to {event}.")
        if self._error is not None and _STARTUP in self._answers and event not in self._answers:
            raise self._error  # it supports the lifespan, and has ended in the middle of it
        answer = self._answers.get(event, {"type": ""})
        if answer["type"].endswith(".failed"):
            text = answer.get("message") or "without a message"
            raise ClientFailure(f"The application has failed at {event}: {text}") from self._error

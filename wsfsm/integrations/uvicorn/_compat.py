"""The class in uvicorn with the choices of uvicorn's own classes, and with their attributes."""

import asyncio
from typing import Final

import attrs

from wsfsm.exceptions import IllegalTransition
from wsfsm.integrations.uvicorn._options import from_environment
from wsfsm.integrations.uvicorn._protocol import WebSocketProtocol
from wsfsm.server import Policies
from wsfsm.server.commands import Timer
from wsfsm.tables.states import ServerState

__all__ = ["CompatWebSocketProtocol"]

_SHORTEST: Final = 1e-6  # seconds


class CompatWebSocketProtocol(WebSocketProtocol):
    """A WebSocket of uvicorn that makes the choices of uvicorn's own classes.

    The class sends no Close frame when the application ends and flushes the head of a denial response
    at once, handshakes that are not answered when the server stops are answered with 500, and an
    application may accept with a subprotocol that the client does not offer, and with headers that
    are the server's.

    Attributes:
        policies: The server's choices, as in `WebSocketProtocol`.
    """

    policies = from_environment(
        Policies(
            on_return="drop",
            on_exception="drop",
            denial="flush",
            shutdown_status=500,
            wrong_accept="mend",
        )
    )

    __slots__ = ()

    @property
    def transport(self) -> asyncio.Transport:
        """The transport."""
        return self._transport

    @property
    def close_timeout(self) -> float:
        """Seconds that a peer may make no progress after our Close; may be set, to a microsecond at least."""
        return self._connection.policies.close_timeout

    @close_timeout.setter
    def close_timeout(self, seconds: float) -> None:
        connection = self._connection
        connection.policies = attrs.evolve(
            connection.policies, close_timeout=max(seconds, _SHORTEST)
        )

    @property
    def close_timer(self) -> asyncio.TimerHandle | None:
        """The timer of the peer's answer to our Close, or None if it does not run."""
        awaited = self._connection.state is ServerState.CLOSING
        return self._deadlines.get(Timer.CLOSE) if awaited else None

    @property
    def ping_timer(self) -> asyncio.TimerHandle | None:
        """The timer of the next Ping, or None if it does not run."""
        return self._deadlines.get(Timer.PING)

    @property
    def ping_sent_at(self) -> float:
        """The time of the loop at which the last Ping was sent, or 0.0."""
        return self._pinged_at

    def worded(self, error: Exception) -> Exception:
        if type(error) is not IllegalTransition:
            return error
        # a guard is not part of a message's name
        *names, last = dict.fromkeys(f"'{name.partition(' ')[0]}'" for name in error.allowed)
        expected = f"{', '.join(names)} or {last}" if names else last
        return IllegalTransition(
            f"Expected ASGI message {expected} but got '{error.event.partition(' ')[0]}'.",
            machine=error.machine,
            state=error.state,
            event=error.event,
            allowed=error.allowed,
        )

"""The compat class: it has the choices and the attributes of uvicorn's own classes."""

import asyncio
from typing import Final

import attrs

from wsfsm.exceptions import IllegalTransition
from wsfsm.integrations.uvicorn._options import from_environment
from wsfsm.integrations.uvicorn._protocol import WebSocketProtocol
from wsfsm.integrations.uvicorn._timers import Handle
from wsfsm.server import Policies
from wsfsm.server.commands import Timer
from wsfsm.tables.states import ServerState

__all__ = ["CompatWebSocketProtocol"]

_SHORTEST: Final = 1e-6  # seconds


class CompatWebSocketProtocol(WebSocketProtocol):
    """A WebSocket of uvicorn that makes the choices of uvicorn's own classes.

    These choices differ from those of `WebSocketProtocol`:

    - When the application ends, no Close frame is sent.
    - The head of a denial response is sent at once.
    - Handshakes that are not answered when the server stops are answered with 500.
    - An accept with a subprotocol that the client does not offer, or with headers that only the server
      may write, is corrected and not refused.

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
        """Seconds without progress after our Close. You may set it; the least value is a microsecond."""
        return self._connection.policies.close_timeout

    @close_timeout.setter
    def close_timeout(self, seconds: float) -> None:
        connection = self._connection
        connection.policies = attrs.evolve(
            connection.policies, close_timeout=max(seconds, _SHORTEST)
        )

    @property
    def close_timer(self) -> Handle | None:
        """The timer for the peer's answer to our Close, or None if it is not running."""
        awaited = self._connection.state is ServerState.CLOSING
        return self._deadlines.get(Timer.CLOSE) if awaited else None

    @property
    def ping_timer(self) -> Handle | None:
        """The timer for the next Ping, or None if it is not running."""
        return self._deadlines.get(Timer.PING)

    @property
    def ping_sent_at(self) -> float:
        """The time of the loop at which the last Ping was sent, or 0.0."""
        return self._pinged_at

    @staticmethod
    def worded(error: Exception) -> Exception:
        if type(error) is not IllegalTransition:
            return error
        # without guards, which are not part of the name of a message
        *names, last = dict.fromkeys(f"'{name.partition(' ')[0]}'" for name in error.allowed)
        expected = f"{', '.join(names)} or {last}" if names else last
        return IllegalTransition(
            f"Expected ASGI message {expected} but got '{error.event.partition(' ')[0]}'.",
            machine=error.machine,
            state=error.state,
            event=error.event,
            allowed=error.allowed,
        )

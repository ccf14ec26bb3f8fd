"""The class that is wsfsm's and Starlette's."""

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import starlette.datastructures
import starlette.exceptions
import starlette.requests
import starlette.websockets

import wsfsm.websockets
from wsfsm._closing import truncate_reason
from wsfsm._text import describe
from wsfsm.exceptions import explained
from wsfsm.integrations.starlette._exceptions import BOTH
from wsfsm.integrations.starlette._follower import follow, leader
from wsfsm.messages import ResponseStart
from wsfsm.tables.states import WebSocketState
from wsfsm.websockets._errors import ErrorFamily
from wsfsm.websockets._states import StateAttributes

__all__ = ["HANDLERS", "WebSocket"]

HANDLERS: Final = "starlette.exception_handlers"
"""Key of the scope that has the exception handlers of the application, by class and by status."""

_MEMBERS: Final = {
    state: starlette.websockets.WebSocketState[state.name] for state in WebSocketState
}

if TYPE_CHECKING:

    class _Both(wsfsm.websockets.WebSocket, starlette.websockets.WebSocket):
        """The same for type checkers, which do not run the loops below."""

        application_state: starlette.websockets.WebSocketState  # type: ignore[assignment]
        client_state: starlette.websockets.WebSocketState  # type: ignore[assignment]
        base_url: starlette.datastructures.URL  # type: ignore[assignment]
        client: starlette.datastructures.Address | None  # type: ignore[assignment]
        headers: starlette.datastructures.Headers  # type: ignore[assignment]
        query_params: starlette.datastructures.QueryParams  # type: ignore[assignment]
        state: Any
        url: starlette.datastructures.URL  # type: ignore[assignment]

        def url_for(self, name: str, /, **path_params: Any) -> starlette.datastructures.URL: ...  # type: ignore[override]
else:

    class _Both(wsfsm.websockets.WebSocket, starlette.websockets.WebSocket):
        """The methods of wsfsm's class, and the attributes of Starlette's."""

        __slots__ = ()

    for _name in ("client_state", "application_state"):
        _ours = vars(StateAttributes)[_name]
        setattr(_Both, _name, _ours.getter(lambda self, get=_ours.fget: _MEMBERS[get(self)]))
    # FastAPI asks for Starlette's classes of headers and of query parameters, for example
    for _name, _value in vars(starlette.requests.HTTPConnection).items():
        if not _name.startswith("_"):
            setattr(_Both, _name, _value)


class WebSocket(_Both):
    """wsfsm's WebSocket for applications in Starlette and FastAPI.

    It is a subclass of `wsfsm.WebSocket` and of ``starlette.websockets.WebSocket``. Its states, and
    the values that are read from the scope, for example ``headers``, are of Starlette's classes. At the end
    of ``async with websocket:``, an exception that has an exception handler is left to that handler.
    """

    __slots__ = ()
    _family: ClassVar[ErrorFamily] = BOTH

    async def close(
        self, code: int = 1000, reason: Any = None, timeout: float | None = None
    ) -> None:
        """Close the connection, as `wsfsm.WebSocket.close`.

        A reason that is not a str is sent as JSON, as much of it as fits, because FastAPI closes with a
        list of errors if parameters are invalid.
        """
        if reason is not None and not isinstance(reason, str):
            reason = truncate_reason(json.dumps(reason, default=str))
        await super().close(code, reason, timeout=timeout)

    def _is_handled(self, error: Exception) -> bool:
        """Whether the application has an exception handler, which closes or denies the connection."""
        by_class, _by_status = self.scope.get(HANDLERS, ({}, {}))
        if (
            isinstance(error, starlette.exceptions.HTTPException)
            and ResponseStart.type not in self.allowed
        ):
            return False  # its handler would send an HTTP response after the accept
        return any(kind in by_class for kind in type(error).__mro__)

    @classmethod
    def over(cls, other: starlette.websockets.WebSocket | wsfsm.websockets.WebSocket) -> Self:
        """Take a connection over from an object of another class, at any time in its life.

        The result has the states of `other`, and speaks to the server's callables. From then on, `other`
        passes every call on to the result, so that a framework can go on using it, and both agree. If
        `other` is one of wsfsm's, it becomes one of this class itself.

        Args:
            other: An object of Starlette's class or of wsfsm's. An object that was taken over before
                gives the same result again.

        Raises:
            TypeError: `other` is something else.
        """
        led_by = leader(other)
        other = other if led_by is None else led_by
        if isinstance(other, cls):
            return other
        if isinstance(other, wsfsm.websockets.WebSocket):
            object.__setattr__(other, "__class__", cls)
            other._enter(other._now())  # noqa: SLF001 - the class may have other hooks
            return other  # type: ignore[return-value]  # it is one now
        if not isinstance(other, starlette.websockets.WebSocket):
            raise explained(
                TypeError(
                    "WebSocket.over() takes a WebSocket of Starlette, FastAPI or wsfsm, "
                    f"got {describe(other)}"
                ),
                "install",
            )
        new = cls(other.scope, other._receive, other._send)  # noqa: SLF001 - the server's callables
        new._start(other.client_state, other.application_state)  # type: ignore[arg-type]  # they are equal
        for hook in {"receive", "send"} & vars(other).keys():  # set on the instance
            setattr(new, hook, vars(other).pop(hook))
        follow(other, lambda: new)
        return new

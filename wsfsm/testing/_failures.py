"""The failures of a test that waits for something else than what happens."""

from wsfsm.exceptions import (
    ClientDisconnected,
    ConnectionClosed,
    Explained,
    WebSocketDisconnect,
    _reduce,
)

__all__ = ["ClientDenied", "ClientFailure", "ClientTimeout", "ConnectionEnded", "reports_end"]


class ClientFailure(Explained, AssertionError):
    """The application did something else than the test waits for; the text ends with the trace.

    The exception of the application, if it raised one, is the cause.
    """

    topic = "client-failure"


class ClientTimeout(ClientFailure, TimeoutError):
    """The application did not do in time what the test waits for."""


class ClientDenied(ClientFailure):
    """The handshake was rejected, and the test needs a connection.

    Attributes:
        denied: The response, a `Denied`.
    """

    def __init__(self, text: str = "", *, denied: object = None) -> None:
        ClientFailure.__init__(self, text)
        self.denied = denied

    __reduce__ = _reduce


class ConnectionEnded(ClientFailure, WebSocketDisconnect):
    """The connection has ended, and the test waits for a message.

    Attributes:
        code: Close code that the client received; 1006 without a Close frame.
        reason: Close reason, an empty string when there is none.
    """

    def __init__(self, text: str = "", *, code: int = 1006, reason: str = "") -> None:
        # this base comes first, or str() of the error would be the code
        WebSocketDisconnect.__init__(self, code, reason)
        ClientFailure.__init__(self, text)


def reports_end(error: BaseException) -> bool:
    """Whether an exception only reports that the client has left, or is a group of such."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(reports_end, error.exceptions))
    if isinstance(error, ConnectionClosed) and error.closed_by == "application":
        return False  # the application uses the connection after its own close
    names = {kind.__name__ for kind in type(error).__mro__}  # those of frameworks, too
    return isinstance(error, ClientDisconnected) or "WebSocketDisconnect" in names

"""The ways in which servers differ, and what an application sees of them through the facade: data.

The conformance cases that a record names show the quirk, or the state of a connection in which it is met.
The names of the servers are those of ``wsfsm.testing.SERVERS``. Tests compare the records with the servers,
with the profiles of `wsfsm.testing`, and with the tables in ``docs/quirks.md``.

Only a `LossError` is looked up at run time, and only if the server's send raises. The other quirks are
hidden where the facade reads a message, or are not hidden because it cannot know better.
"""

import re
from typing import Final

import attrs

from wsfsm.messages import Close, ResponseBody, Send

__all__ = ["QUIRKS", "LossError", "Quirk", "is_loss", "refuses_code"]

_SANSIO: Final = "uvicorn-sansio"
_WSPROTO: Final = "uvicorn-wsproto"
_WEBSOCKETS: Final = "uvicorn-websockets"
_HYPERCORN: Final = "hypercorn"
_DAPHNE: Final = "daphne"
_GRANIAN: Final = "granian"


@attrs.frozen(kw_only=True)
class Quirk:
    """A way in which servers differ.

    Attributes:
        name: Name of the quirk.
        servers: The servers that have it.
        cases: Conformance cases that show it, or lead to it.
        server: What these servers do.
        facade: What the application sees.
        hidden: Whether the application sees the same as on the other servers.
        versions: The versions of the server that have it; empty if the newest one has it.
    """

    name: str
    servers: tuple[str, ...]
    cases: tuple[str, ...]
    server: str
    facade: str
    hidden: bool = True
    versions: str = ""


@attrs.frozen(kw_only=True)
class LossError(Quirk):
    """An exception other than `OSError` that the server's send raises on a connection that is over.

    Attributes:
        kinds: Names of its class, which may be one that cannot be imported here.
        text: Pattern of its whole text.
        sending: Types of the messages that it answers.
    """

    kinds: tuple[str, ...]
    text: re.Pattern[str]
    sending: tuple[str, ...]


def is_loss(error: Exception, sending: str) -> bool:
    """Whether the server's send has raised because the connection is over.

    Errors about the message itself, for example about its payload, are not a loss.

    Args:
        error: The exception.
        sending: Type of the message that was sent.
    """
    if isinstance(error, OSError):  # ASGI WebSocket 2.5, Disconnected Client
        return True
    kind = type(error).__name__
    return any(
        kind in known.kinds and sending in known.sending and known.text.fullmatch(str(error))
        for known in _LOSS_ERRORS
    )


def refuses_code(error: Exception) -> bool:
    """Whether the server's send has raised because it does not take the code of a close, as daphne does."""
    return type(error) is Exception and str(error).startswith("invalid close code")


_LOST: Final = "`WebSocketDisconnect` with code 1006, as after an `OSError`; its cause is the error"
_LOST_CLOSE: Final = "`close()` returns, because there is nothing left to close"

QUIRKS: Final = (
    Quirk(
        name="no code",
        servers=(_DAPHNE,),
        cases=("disconnect.no-code", "disconnect.code-int"),
        server="The code of the disconnect is None if the client's Close has none.",
        facade="Code 1005, as ASGI specifies.",
    ),
    Quirk(
        name="both keys",
        servers=(_HYPERCORN,),
        cases=("receive.text", "receive.bytes"),
        server="A message has both keys, `text` and `bytes`, and one of them is None.",
        facade="`receive_text()` and `receive_bytes()` return the key that is not None.",
    ),
    Quirk(
        name="receive of another kind",
        servers=(_GRANIAN,),
        cases=(),  # the suite awaits it, as an application does
        server="The server's `receive` returns an awaitable that is not a coroutine, and that `create_task()` refuses.",
        facade="`receive()` and its siblings are coroutine functions.",
    ),
    Quirk(
        name="message of a cancelled receive",
        servers=(_GRANIAN,),
        cases=(),  # the suite cancels no receive
        server="If a receive is cancelled, for example by a timeout, the next message is lost.",
        facade="The next receive returns the message, unless a middleware has wrapped the server's `receive`.",
    ),
    Quirk(
        name="code of your own close",
        servers=(_WEBSOCKETS, _HYPERCORN, _GRANIAN),
        cases=("close.disconnect-code",),
        server="After your close, the disconnect has the code 1000 or 1005 in place of yours.",
        facade="A `receive_text()` that waits in another task raises `WebSocketDisconnect` with the code and reason of your close.",
    ),
    Quirk(
        name="close of a closed connection",
        servers=(_SANSIO, _WSPROTO, _WEBSOCKETS),
        cases=("disconnected-client.left-close",),
        server="A close raises if the client has left.",
        facade=f"{_LOST_CLOSE}.",
    ),
    Quirk(
        name="receive after the disconnect",
        servers=(_HYPERCORN, _DAPHNE),
        cases=("disconnect.again",),
        server="A second receive after the disconnect waits forever.",
        facade="`WebSocketDisconnected` at once, with the code and the reason.",
    ),
    LossError(
        name="RuntimeError after the disconnect",
        servers=(_WEBSOCKETS,),
        cases=(
            "disconnected-client.left-send",
            "disconnected-client.reset-send",
            "disconnected-client.left-close",
        ),
        server="A send raises `RuntimeError` after the handler has returned, or after something else has received the disconnect, for example a middleware.",
        facade=f"{_LOST}.",
        kinds=("RuntimeError",),
        text=re.compile(
            r"Unexpected ASGI message 'websocket\.(send|close)', after sending 'websocket\.close'.*"
        ),
        sending=(Send.type, Close.type),
    ),
    LossError(
        name="AttributeError of a close",
        servers=(_WEBSOCKETS,),
        cases=("connect.reset-then-accept",),
        server="If the client has left before the accept, `accept()` returns, and a close raises `AttributeError`.",
        facade=f"{_LOST_CLOSE}.",
        kinds=("AttributeError",),
        text=re.compile(r"'\w+' object has no attribute 'transfer_data_task'"),
        sending=(Close.type,),
    ),
    LossError(
        name="RuntimeError of a denial response",
        servers=(_GRANIAN,),
        cases=("denial.started-reset",),
        server="The body of a denial response raises `RuntimeError` if the client has left.",
        facade=f"{_LOST}.",
        kinds=("RuntimeError",),
        text=re.compile("ASGI flow error: Connection already upgraded"),
        sending=(ResponseBody.type,),
    ),
    LossError(
        name="RuntimeError of a lost transport",
        servers=(_GRANIAN,),
        cases=("unread.send", "disconnected-client.blocked-send"),
        server="A send raises `RuntimeError` if the transport is lost.",
        facade=f"{_LOST}.",
        versions="2.8.3 and earlier",
        kinds=("RuntimeError",),
        text=re.compile("ASGI flow error: Transport (closed|not initialized or closed)"),
        sending=(Send.type, Close.type),
    ),
    LossError(
        name="ConnectionClosed of websockets",
        servers=(_WEBSOCKETS,),
        cases=("unread.send", "disconnected-client.unread-message"),
        server="A send to a client that has left raises the `ConnectionClosed` of the package websockets.",
        facade=f"{_LOST}.",
        versions="0.26 and earlier",
        kinds=("ConnectionClosedOK", "ConnectionClosedError"),
        text=re.compile(".*", re.DOTALL),
        sending=(Send.type, Close.type),
    ),
    LossError(
        name="LocalProtocolError of wsproto",
        servers=(_WSPROTO,),
        cases=("disconnected-client.unread-message",),
        server="A send to a client that has left raises the `LocalProtocolError` of the package wsproto.",
        facade=f"{_LOST}.",
        versions="0.26 and earlier",
        kinds=("LocalProtocolError",),
        text=re.compile(
            r"Event .* cannot be sent in state ConnectionState\.(CLOSED|REMOTE_CLOSING)\.",
            re.DOTALL,
        ),
        sending=(Send.type, Close.type),
    ),
    Quirk(
        name="code of the client",
        servers=(_HYPERCORN,),
        cases=("disconnect.code-4000", "disconnect.no-code"),
        server="The code of the disconnect is 1006, whatever the client's Close has.",
        facade="Code 1006: the real one is not known.",
        hidden=False,
    ),
    Quirk(
        name="code of a loss",
        servers=(_SANSIO, _WSPROTO, _GRANIAN),
        cases=("disconnect.reset-code", "disconnect.fin-code"),
        server="The code of the disconnect is 1005 if the transport is lost without a Close.",
        facade="Code 1005: a Close without a code is reported in the same way.",
        hidden=False,
    ),
    Quirk(
        name="reason of the client",
        servers=(_HYPERCORN, _DAPHNE, _GRANIAN),
        cases=("disconnect.reason", "disconnect.reason-before-2.5"),
        server="The disconnect does not have a reason.",
        facade="An empty reason.",
        hidden=False,
    ),
    Quirk(
        name="send to a client that has left",
        servers=(_HYPERCORN, _DAPHNE, _GRANIAN),
        cases=("unread.send", "disconnected-client.left-send-before-2.4"),
        server="A send to a client that has left returns, each time.",
        facade="`send_text()` returns until the disconnect is received, so receive in a handler that only sends.",
        hidden=False,
    ),
    Quirk(
        name="accept of a client that has left",
        servers=(_WEBSOCKETS, _HYPERCORN, _DAPHNE, _GRANIAN),
        cases=("connect.reset-then-accept", "connect.reset-then-accept-before-2.4"),
        server="An accept returns if the client has left.",
        facade="`accept()` returns, and the next receive raises `WebSocketDisconnect`.",
        hidden=False,
    ),
    Quirk(
        name="loss before the accept",
        servers=(_GRANIAN,),
        cases=("connect.reset", "connect.waiting-reset"),
        server="A loss of the transport before the accept is not reported until the accept.",
        facade="A `receive()` before the accept waits forever.",
        hidden=False,
    ),
    Quirk(
        name="disconnect after a denial response",
        servers=(_GRANIAN,),
        cases=("denial.disconnect",),
        server="No disconnect follows a denial response.",
        facade="A `receive()` after it waits forever.",
        hidden=False,
    ),
    Quirk(
        name="empty messages",
        servers=(_DAPHNE,),
        cases=("send.text-empty", "send.bytes-empty"),
        server="An empty message is not sent.",
        facade="`send_text('')` returns, and the client receives nothing.",
        hidden=False,
    ),
    Quirk(
        name="refused close codes",
        servers=(_DAPHNE,),
        cases=("close.code-1001", "close.code-1008", "close.code-1011"),
        server="A close with a code from 1001 to 2999 raises `Exception`, and the connection stays open.",
        facade="That exception, because another code would mean something else. Don't catch it: the server then closes with 1011.",
        hidden=False,
    ),
)
"""The known quirks: first those of which an application sees nothing, then the others."""

_LOSS_ERRORS: Final = tuple(quirk for quirk in QUIRKS if isinstance(quirk, LossError))

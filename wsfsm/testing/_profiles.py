"""How real servers report the end of a connection: data, with the conformance case that shows it.

The values were measured with the versions that ``specs/RESULTS.md`` lists. They are about what an
application sees; the frames that a client sees are those of wsfsm's own server.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import attrs

from wsfsm.messages import Disconnect
from wsfsm.types import Message

__all__ = ["SERVERS", "Cause", "ServerProfile"]

_NO_CODE: Final = Disconnect().code

Cause: TypeAlias = Literal["client", "lost", "leave", "close", "reject", "deny", "end"]
"""How a connection ends: by a Close of the client, by the loss of the transport after the accept or
before it, by the application's close after the accept or before it, by its denial response, or by its
own end."""


def _shown_by(*cases: str) -> dict[str, tuple[str, ...]]:
    return {"cases": cases}


@attrs.frozen(kw_only=True)
class ServerProfile:
    """What an application sees of a server.

    The defaults are those of wsfsm's class in uvicorn, which follows the specification. The metadata of
    each attribute names the conformance cases that show it.

    Attributes:
        name: Name of the server, as in ``specs/RESULTS.md``.
        spec_version: Version of the specification in the scope; None if the scope has none.
        denial: Whether the scope offers the extension "Websocket Denial Response".
        both_keys: Whether a received message has both keys, ``text`` and ``bytes``, one of them None.
        keeps_code: Whether the disconnect has the code of the client's Close.
        code_without: Code of the disconnect if the client's Close has none.
        code_lost: Code of the disconnect if an open transport is lost.
        code_closed: Code of the disconnect after the application's own close; None is the code of
            that close.
        code_rejected: Code of the disconnect after a close before the accept.
        code_denied: Code of the disconnect after a denial response; None if no disconnect follows.
        keeps_reason: Whether the disconnect has the reason, an empty one too.
        repeats: Whether a second receive after the disconnect has a result; otherwise it waits
            forever.
        code_repeated: Code of the repeated disconnect; None repeats the same message.
        send_when_lost: Exception of a send after the end, before the disconnect is received; None if
            it returns silently.
        send_after: The same, once the disconnect is received or the application has ended.
        close_after: Exception of a close, once the disconnect is received.
        text_after: Text of the two if they are not an OSError, with ``{type}`` for the type of the message.
        accept_when_lost: Exception of an accept after the client has left, with the disconnect received.
        code_returned: Code that the client sees if the application returns without a close; None if
            the connection stays open.
        code_raised: The same if the application raises.
        reports_early_loss: Whether the loss of the transport before the accept is reported.
    """

    name: str
    spec_version: str | None = attrs.field(default="2.5", metadata=_shown_by("scope.spec-version"))
    denial: bool = attrs.field(default=True, metadata=_shown_by("scope.denial-offered"))
    both_keys: bool = attrs.field(default=False, metadata=_shown_by("receive.text"))
    keeps_code: bool = attrs.field(default=True, metadata=_shown_by("disconnect.code-4000"))
    code_without: int | None = attrs.field(
        default=1005, metadata=_shown_by("disconnect.no-code", "disconnect.code-int")
    )
    code_lost: int = attrs.field(
        default=1006, metadata=_shown_by("disconnect.reset-code", "disconnect.fin-code")
    )
    code_closed: int | None = attrs.field(default=None, metadata=_shown_by("close.disconnect-code"))
    code_rejected: int | None = attrs.field(
        default=1006, metadata=_shown_by("close.rejected-disconnect-code")
    )
    code_denied: int | None = attrs.field(
        default=1006, metadata=_shown_by("denial.disconnect", "denial.disconnect-code")
    )
    keeps_reason: bool = attrs.field(
        default=True,
        metadata=_shown_by(
            "disconnect.reason", "disconnect.reason-before-2.5", "disconnect.no-reason"
        ),
    )
    repeats: bool = attrs.field(default=True, metadata=_shown_by("disconnect.again"))
    code_repeated: int | None = attrs.field(default=None, metadata=_shown_by("disconnect.again"))
    send_when_lost: type[Exception] | None = attrs.field(
        default=OSError, metadata=_shown_by("disconnected-client.unread-send", "unread.send")
    )
    send_after: type[Exception] | None = attrs.field(
        default=OSError,
        metadata=_shown_by(
            "disconnected-client.left-send",
            "disconnected-client.left-send-before-2.4",
            "disconnected-client.reset-send",
        ),
    )
    close_after: type[Exception] | None = attrs.field(
        default=None,
        metadata=_shown_by(
            "disconnected-client.left-close", "disconnected-client.left-close-before-2.4"
        ),
    )
    text_after: str = attrs.field(
        default="",
        metadata=_shown_by("disconnected-client.left-send", "disconnected-client.left-close"),
    )
    accept_when_lost: type[Exception] | None = attrs.field(
        default=OSError,
        metadata=_shown_by("connect.reset-then-accept", "connect.reset-then-accept-before-2.4"),
    )
    code_returned: int | None = attrs.field(default=1000, metadata=_shown_by("exit.return-open"))
    code_raised: int | None = attrs.field(default=1011, metadata=_shown_by("exit.raise-open"))
    reports_early_loss: bool = attrs.field(default=True, metadata=_shown_by("connect.reset"))

    def disconnect(self, cause: Cause, code: int, reason: str) -> Message:
        """Make the disconnect of an ended connection, as this server delivers it.

        Args:
            cause: What has ended the connection.
            code: The code that the specification has for this end.
            reason: The same for the reason.
        """
        changed: dict[Cause, int | None] = {
            "lost": self.code_lost,
            "leave": code,
            "close": code if self.code_closed is None else self.code_closed,
            "reject": self.code_rejected,
            "deny": self.code_denied,
            "end": code,
        }
        if cause != "client":
            told = changed[cause]
        elif code == _NO_CODE:
            told = self.code_without
        else:
            told = code if self.keeps_code else self.code_lost
        message: Message = {"type": Disconnect.type, "code": told}
        if self.keeps_reason:
            message["reason"] = reason
        return message

    @property
    def silent(self) -> frozenset[Cause]:
        """The ends after which no disconnect follows."""
        causes: set[Cause] = set()
        if self.code_denied is None:
            causes.add("deny")
        if not self.reports_early_loss:
            causes.add("leave")
        return frozenset(causes)

    def repeated(self, message: Message) -> Message:
        """Make the disconnect that a further receive returns after the first one, `message`."""
        if self.code_repeated is None:
            return dict(message)
        return {"type": Disconnect.type, "code": self.code_repeated}


_UVICORN: Final = ServerProfile(
    name="uvicorn --ws websockets-sansio",
    spec_version="2.4",
    code_lost=1005,
    code_repeated=1005,
    close_after=OSError,
    code_returned=1006,
    code_raised=1006,
)

SERVERS: Final[Mapping[str, ServerProfile]] = MappingProxyType(
    {
        "wsfsm": ServerProfile(name="wsfsm in uvicorn"),
        "uvicorn-sansio": _UVICORN,
        "uvicorn-wsproto": attrs.evolve(_UVICORN, name="uvicorn --ws wsproto"),
        "uvicorn-websockets": attrs.evolve(
            _UVICORN,
            name="uvicorn --ws websockets",
            code_lost=1006,
            code_closed=1005,
            send_after=RuntimeError,
            close_after=RuntimeError,
            text_after=(
                "Unexpected ASGI message '{type}', after sending 'websocket.close' "
                "or response already completed."
            ),
            accept_when_lost=None,
        ),
        "hypercorn": ServerProfile(
            name="hypercorn",
            spec_version="2.3",
            both_keys=True,
            keeps_code=False,
            code_without=1006,
            code_closed=1000,
            code_rejected=1000,
            code_denied=1000,
            keeps_reason=False,
            repeats=False,
            send_when_lost=None,
            send_after=None,
            accept_when_lost=None,
            code_returned=1011,
        ),
        "daphne": ServerProfile(
            name="daphne",
            spec_version=None,
            denial=False,
            code_without=None,
            keeps_reason=False,
            repeats=False,
            send_when_lost=None,
            send_after=None,
            accept_when_lost=None,
            code_returned=None,
        ),
        "granian": ServerProfile(
            name="granian",
            spec_version="2.3",
            code_lost=1005,
            code_closed=1005,
            code_rejected=1005,
            code_denied=None,
            keeps_reason=False,
            code_repeated=1005,
            send_when_lost=None,
            send_after=None,
            accept_when_lost=None,
            code_returned=1005,
            code_raised=1005,
            reports_early_loss=False,
        ),
    }
)
"""The known servers, by the name that `connect` takes."""

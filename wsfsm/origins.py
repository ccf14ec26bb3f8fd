"""Which web pages may open a WebSocket: the check of the header Origin (RFC 6454; RFC 6455 10.2).

A browser lets every page open a WebSocket to every server, and sends the cookies of that server with
the handshake. It also sends the origin of the page, which no page can change or leave out, so that the
server can refuse pages of other sites (RFC 6455 4.1, 4.2.2, 10.2). Without this check, any page that a
logged-in user visits can use the WebSocket as that user: cross-site WebSocket hijacking.

`OriginMiddleware` checks it in front of any ASGI application, and `AllowedOrigins` is the check itself.
``docs/origins.md`` is the guide.
"""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address
from typing import Final, Self

import attrs

from wsfsm._text import describe, readable
from wsfsm._urls import header_list
from wsfsm.exceptions import explained
from wsfsm.messages import Close, Connect, ResponseBody, ResponseStart
from wsfsm.types import ASGIAppLike, ReceiveLike, ScopeLike, SendLike

__all__ = [
    "DENIAL",
    "NOT_ALLOWED",
    "AllowedOrigins",
    "Origin",
    "OriginMiddleware",
    "OriginPattern",
    "log_refusal",
]

_log: Final = logging.getLogger(__name__)

DENIAL: Final = "websocket.http.response"
"""The ASGI extension "Websocket Denial Response"."""
NOT_ALLOWED: Final = "This origin is not allowed to open a WebSocket here.\n"
"""Body of the response to a page of an origin that is not allowed."""
_PORTS: Final = {"http": 80, "https": 443}
_PAGES: Final = {"ws": "http", "wss": "https"}
"""The scheme of a page that has the same origin as a WebSocket, by the scheme of the WebSocket."""

# RFC 3986 3.2.2, with the characters of a host that is in use: letters, digits, hyphens, underscores
_HOST: Final = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]"
_PORT: Final = r"(?::(?P<port>0|[1-9][0-9]{0,4}))?"
_SCHEME: Final = r"(?P<scheme>[a-z][a-z0-9+.-]*)"
_ORIGIN: Final = re.compile(rf"{_SCHEME}://(?P<host>{_HOST}){_PORT}", re.IGNORECASE | re.ASCII)
_AUTHORITY: Final = re.compile(rf"(?P<host>{_HOST}){_PORT}", re.IGNORECASE | re.ASCII)


def _wrong(text: str) -> ValueError:
    return explained(ValueError(text), "allowed-origin")


@attrs.frozen
class Origin:
    """The origin of a page (RFC 6454 4): pages of one origin trust each other.

    Attributes:
        scheme: The scheme in lower case.
        host: The host in lower case; an IPv6 address in its shortest form, with brackets.
        port: The port; None if the scheme has no default and none is given.
    """

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value of a header Origin (RFC 6454 6.2, 7).

        Raises:
            ValueError: It is not exactly one origin of the form ``scheme://host[:port]``. ``null``,
                the origin of pages that have none to show, is not one either.
        """
        match = _ORIGIN.fullmatch(text)
        if match is None:
            raise _wrong(f"an origin must be scheme://host[:port], got {describe(text)}")
        return cls._of(match["scheme"].lower(), match)

    @classmethod
    def of_host(cls, scheme: str, text: str) -> Self:
        """Read the value of a header Host, as the origin of a page with this scheme.

        Raises:
            ValueError: It is not of the form ``host[:port]``.
        """
        match = _AUTHORITY.fullmatch(text)
        if match is None:
            raise _wrong(f"a host must be host[:port], got {describe(text)}")
        return cls._of(scheme, match)

    @classmethod
    def _of(cls, scheme: str, match: re.Match[str]) -> Self:
        host, port = match["host"].lower(), match["port"]
        if host.startswith("["):
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        number = _PORTS.get(scheme) if port is None else int(port)
        if number is not None and number > 65535:
            raise _wrong(f"a port must be at most 65535, got {number}")
        return cls(scheme, host, number)

    def __str__(self) -> str:
        port = "" if self.port in (None, _PORTS.get(self.scheme)) else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


@attrs.frozen
class OriginPattern:
    """An allowed origin, or all subdomains of one.

    Attributes:
        origin: The origin; without its ``*.`` if subdomains are meant.
        subdomains: Whether all subdomains are meant, and not the origin itself.
    """

    origin: Origin
    subdomains: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``https://example.org`` or ``https://*.example.org``, with a port if it is not the default.

        Raises:
            ValueError: It is neither.
        """
        scheme, _, rest = text.partition("://")
        subdomains = rest.startswith("*.")
        plain = f"{scheme}://{rest[2:]}" if subdomains else text
        try:
            origin = Origin.parse(plain)
        except ValueError:
            raise _wrong(
                "an allowed origin must be scheme://host[:port] in ASCII, without a path, or the same "
                f"with *. in front of the host for its subdomains, got {describe(text)}"
            ) from None
        if origin.scheme in _PAGES:
            page = attrs.evolve(origin, scheme=_PAGES[origin.scheme])
            raise _wrong(
                f"the origin of a page has the scheme of the page, such as {page}, got {text}"
            )
        labels = origin.host.rstrip(".").split(".")
        if subdomains and (labels[-1].isdigit() or origin.host.startswith("[")):
            raise _wrong(f"an IP address has no subdomains, got {text}")
        if subdomains and len(labels) == 1 and labels != ["localhost"]:
            raise _wrong(f"*. must not stand for all domains of a top-level domain, got {text}")
        return cls(origin, subdomains)

    def matches(self, origin: Origin) -> bool:
        """Check whether an origin is allowed by this pattern."""
        if not self.subdomains:
            return origin == self.origin
        return origin.host.endswith(f".{self.origin.host}") and origin == attrs.evolve(
            self.origin, host=origin.host
        )


def _patterns(origins: Iterable[str | OriginPattern]) -> tuple[OriginPattern, ...]:
    if isinstance(origins, (str, bytes)) or not isinstance(origins, Iterable):
        raise explained(
            TypeError(f"the allowed origins must be a list of str, got {describe(origins)}"),
            "allowed-origin",
        )
    patterns = []
    for origin in origins:
        if not isinstance(origin, (str, OriginPattern)):
            raise explained(
                TypeError(f"an allowed origin must be a str, got {describe(origin)}"),
                "allowed-origin",
            )
        patterns.append(
            origin if isinstance(origin, OriginPattern) else OriginPattern.parse(origin)
        )
    return tuple(patterns)


@attrs.frozen
class AllowedOrigins:
    """The origins whose pages may open a WebSocket.

    Attributes:
        origins: Origins such as ``"https://example.org"``, and subdomains such as
            ``"https://*.example.org"``.
        same_origin: Whether pages of the server's own origin are allowed: the host and port of their
            origin are those of the header Host, and the scheme is ``https`` for ``wss``, or ``http`` for
            ``ws``.
        allow_missing: Whether a client that sends no Origin is allowed. All browsers send it with a
            WebSocket, and a program that is not a browser can send any origin it likes: refusing such
            clients protects nobody.

    Raises:
        ValueError: An origin is malformed, or can never be that of a page.
        TypeError: The origins are one str.
    """

    origins: tuple[OriginPattern, ...] = attrs.field(default=(), converter=_patterns)
    same_origin: bool = attrs.field(default=True, kw_only=True)
    allow_missing: bool = attrs.field(default=True, kw_only=True)

    def refusal(self, scope: ScopeLike) -> str | None:
        """Explain why a handshake must be refused, if it must.

        Args:
            scope: The scope of the connection, which is not changed in any other way than that its
                headers become a list.

        Returns:
            A sentence for a log, in printable characters; None if the handshake is allowed.
        """
        try:
            sent = _values(scope, "origin")
        except AttributeError:  # of a str; whatever the header is, it was not checked
            return "The headers are not bytes, as ASGI says."
        if not sent:
            return None if self.allow_missing else "The header Origin is missing."
        if len(sent) > 1:
            return f"There are {len(sent)} Origin headers, and a browser sends one."
        try:
            origin = Origin.parse(sent[0])
        except ValueError:
            what = "not that of any site" if sent[0] == "null" else "malformed"
            return f"The origin {readable(sent[0])} is {what}."
        own = self.same_origin and origin == self._own(scope)
        if own or any(pattern.matches(origin) for pattern in self.origins):
            return None
        return f"The origin {readable(str(origin))} is not allowed."

    def _own(self, scope: ScopeLike) -> Origin | None:
        hosts = _values(scope, "host")
        scheme = scope.get("scheme") or "ws"
        if len(hosts) != 1:
            return None
        with contextlib.suppress(ValueError):
            return Origin.of_host(_PAGES.get(scheme, scheme), hosts[0])
        return None


def _values(scope: ScopeLike, wanted: str) -> list[str]:
    return [
        value.strip(b" \t").decode("latin-1")
        for name, value in header_list(scope)
        if name.decode("latin-1").lower() == wanted
    ]


class _Limited:
    """Limits the lines of a log, and counts those that are left out.

    Args:
        lines: Lines that are written in a period.
        seconds: Length of the period.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, lines: int = 10, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lines = lines
        self._seconds = seconds
        self._clock = clock
        self._begun = clock()
        self._count = 0

    def write(self, text: str) -> None:
        """Write a warning, unless there were too many in this period."""
        now = self._clock()
        if now - self._begun >= self._seconds:
            left_out = self._count - self._lines
            self._begun, self._count = now, 0
            if left_out > 0:
                _log.warning("Refused %d more WebSockets because of their origin.", left_out)
        self._count += 1
        if self._count <= self._lines:
            _log.warning("%s", text)


_SHARED: Final = _Limited()


def log_refusal(scope: ScopeLike, refusal: str, log: _Limited = _SHARED) -> None:
    """Log that a handshake is refused, at most ten times in a minute.

    Args:
        scope: The scope of the connection.
        refusal: The reason, from `AllowedOrigins.refusal`.
        log: The limit; by default, that of all places without a middleware.
    """
    log.write(f"Refused a WebSocket to {readable(str(scope.get('path')))}. {refusal}")


class OriginMiddleware:
    """Refuses WebSockets of pages that are not allowed, in front of any ASGI application.

    A refused handshake is answered with HTTP 403, before the application sees it (RFC 6455 4.2.2), and a
    warning is logged to ``wsfsm.origins``, at most ten in a minute. Other connections are passed on.

    Args:
        app: The application.
        allowed_origins: Origins that are allowed, as for `AllowedOrigins`; or an `AllowedOrigins`, which
            decides alone.
        same_origin: Whether pages of the server's own origin are allowed.
        allow_missing: Whether clients that send no Origin are allowed.

    Raises:
        ValueError: An origin is malformed, or can never be that of a page.
        TypeError: The origins are not a list of str.
    """

    def __init__(
        self,
        app: ASGIAppLike,
        allowed_origins: AllowedOrigins | Iterable[str | OriginPattern] = (),
        *,
        same_origin: bool = True,
        allow_missing: bool = True,
    ) -> None:
        self.app = app
        if isinstance(allowed_origins, AllowedOrigins):
            self.allowed = allowed_origins
        else:
            self.allowed = AllowedOrigins(
                allowed_origins, same_origin=same_origin, allow_missing=allow_missing
            )
        self._log = _Limited()

    async def __call__(self, scope: ScopeLike, receive: ReceiveLike, send: SendLike) -> None:
        """Run the application, unless the origin is not allowed."""
        refusal = self.allowed.refusal(scope) if scope["type"] == "websocket" else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        log_refusal(scope, refusal, self._log)
        await _reject(scope, receive, send)


async def _reject(scope: ScopeLike, receive: ReceiveLike, send: SendLike) -> None:
    """Answer a handshake with 403."""
    message = await receive()
    if message["type"] != Connect.type:  # the client has left
        return
    body = NOT_ALLOWED.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
    ]
    try:
        if DENIAL in (scope.get("extensions") or ()):
            await send({"type": ResponseStart.type, "status": 403, "headers": headers})
            await send({"type": ResponseBody.type, "body": body, "more_body": False})
        else:
            await send({"type": Close.type, "code": Close().code, "reason": ""})
    except Exception:  # noqa: BLE001 - the client leaves now, which servers report by several classes
        _log.debug("The server failed to refuse a WebSocket.", exc_info=True)

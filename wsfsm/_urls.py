"""URLs, and how to read them from an ASGI scope."""

import contextlib
import re
import string
from collections.abc import Sequence
from functools import cached_property
from ipaddress import IPv6Address
from typing import Any, Self
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from wsfsm.types import ScopeLike

__all__ = ["URL", "header_list"]


def header_list(scope: ScopeLike) -> list[tuple[bytes, bytes]]:
    """Return the headers of a scope, and keep them there as a list, because iterators run out."""
    headers = scope.get("headers")
    if not isinstance(headers, list):
        headers = [(name, value) for name, value in headers or ()]
        with contextlib.suppress(TypeError):  # a scope that cannot be changed is only read
            scope["headers"] = headers  # type: ignore[index]  # as above
    return headers


_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# The path of a scope is decoded. Some characters would end the path or become a slash when the
# URL is parsed again, and urlsplit deletes tabs and newlines.
_ESCAPES = str.maketrans({character: quote(character) for character in "?#\\\t\r\n"})

# RFC 3986 3.2.2 and 3.2.3 without userinfo. The pattern does not check whether an IPv6 address
# is valid, or whether a port is in range.
_AUTHORITY = re.compile(
    r"""
    (?: [\w.~%!$&'()*+,;=-]+                                # registered name or IPv4 address
      | \[ (?P<ipv6> [\da-fA-F:.]+ ) \]
      | \[ v[\da-fA-F]+ \. [\w.~!$&'()*+,;=:-]+ \]          # IPvFuture
    )
    (?: : 0* (?P<port> \d{1,5} ) )?
    """,
    re.VERBOSE | re.ASCII,
)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_authority(text: str) -> bool:
    match = _AUTHORITY.fullmatch(text)
    return (
        match is not None
        and int(match["port"] or 0) <= 65535
        and (match["ipv6"] is None or _is_ipv6(match["ipv6"]))
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if _is_ipv6(host) else host


def _authority(scope: ScopeLike, scheme: str) -> str | None:
    """Return the first Host header if it is valid, otherwise the server's address if there is one."""
    hosts = (value for name, value in header_list(scope) if name.lower() == b"host")
    named = next(hosts, b"").decode("latin-1")
    if _is_authority(named):
        return named
    host, port = scope.get("server") or ("", None)
    if port is None:  # no address, or the path of a Unix socket
        return None
    suffix = "" if port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    return _bracketed(host) + suffix


def _as_text(params: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in params.items()]


def _query(scope: ScopeLike) -> str:
    query: bytes = scope.get("query_string") or b""
    try:
        return query.decode()
    except UnicodeDecodeError:  # keep the bytes, because the encoding is unknown
        return quote(query, safe=string.punctuation)


def _relative(path: str) -> str:
    """Escape a path so that it is parsed as a path without an authority in front of it."""
    if path.startswith("//"):
        return "/%2F" + path[2:]
    # urlsplit strips these at the beginning
    rest = path.lstrip("".join(map(chr, range(0x21))))
    skipped = quote(path[: len(path) - len(rest)])
    segment, slash, more = rest.partition("/")
    return skipped + segment.replace(":", "%3A") + slash + more


def _url_of_scope(scope: ScopeLike) -> str:
    scheme = scope.get("scheme") or ("ws" if scope.get("type") == "websocket" else "http")
    path = scope["path"].translate(_ESCAPES)
    query = _query(scope)
    authority = _authority(scope, scheme)
    origin = "" if authority is None else f"{scheme}://{authority}"
    if not origin:
        path = _relative(path)
    if origin and path and not path.startswith("/"):  # for example the * of OPTIONS
        path = "/" + path
    return f"{origin}{path}?{query}" if query else origin + path


class URL:  # noqa: PLW1641 - unhashable, as are the classes below, because Starlette's are
    """A URL and its parts. It is equal to any object with the same text.

    Pass one of these: the text, the scope of a connection (ASGI, "HTTP Connection Scope" and
    "Websocket Connection Scope"), or the components that `replace` takes.

    The authority of a URL from a scope is that of the Host header. If the header is missing or
    malformed, it is the address of the server. If the server has no address either, the URL is
    relative.

    Args:
        url: The text.
        scope: The scope; its ``headers`` are kept there as a list.
        **components: Parts of a URL, as for `replace`.

    Raises:
        TypeError: More than one of the three is given.
    """

    def __init__(self, url: str = "", scope: ScopeLike | None = None, **components: Any) -> None:
        if bool(url) + (scope is not None) + bool(components) > 1:
            raise TypeError("URL takes only one of url, scope and components")
        if scope is not None:
            url = _url_of_scope(scope)
        elif components:
            url = URL().replace(**components).components.geturl()
        self._url = url

    @cached_property
    def components(self) -> SplitResult:
        """All parts, as `urllib.parse.urlsplit` returns them.

        Raises:
            ValueError: The text cannot be parsed as a URL. All parts below raise this too.
        """
        return urlsplit(self._url)

    @property
    def scheme(self) -> str:
        """The scheme in lower case, for example ``"wss"``."""
        return self.components.scheme

    @property
    def netloc(self) -> str:
        """The authority (user and password, host and port), unchanged."""
        return self.components.netloc

    @property
    def path(self) -> str:
        """The path, with its percent-encoding unchanged."""
        return self.components.path

    @property
    def query(self) -> str:
        """The query without its ``?``."""
        return self.components.query

    @property
    def fragment(self) -> str:
        """The fragment without its ``#``."""
        return self.components.fragment

    @property
    def username(self) -> str | None:
        """The user, or None if the authority does not have one."""
        return self.components.username

    @property
    def password(self) -> str | None:
        """The password, or None if the authority does not have one."""
        return self.components.password

    @property
    def hostname(self) -> str | None:
        """The host in lower case, without the brackets of an IP literal."""
        return self.components.hostname

    @property
    def port(self) -> int | None:
        """The port, or None if the authority does not have one.

        Raises:
            ValueError: The port is not a number from 0 to 65535.
        """
        return self.components.port

    @property
    def is_secure(self) -> bool:
        """Whether the scheme uses TLS: ``https`` or ``wss``."""
        return self.scheme in {"https", "wss"}

    def replace(self, **components: Any) -> Self:
        """Return a URL with some parts replaced.

        Args:
            **components: ``scheme``, ``netloc``, ``path``, ``query``, ``fragment``; or, instead of
                ``netloc``, any of ``hostname`` (None keeps it), ``port``, ``username`` and
                ``password`` (None removes them). Brackets are added to an IPv6 address.
        """
        parts = {"hostname", "port", "username", "password"} & components.keys()
        if parts:
            components["netloc"] = self._netloc(**{part: components.pop(part) for part in parts})
        return type(self)(self.components._replace(**components).geturl())

    def _netloc(self, *, hostname: str | None = None, **others: Any) -> str:
        """Return the authority with some parts replaced."""
        parts = {"port": self.port, "username": self.username, "password": self.password} | others
        if hostname is None:
            location = self.netloc.rpartition("@")[2]
            # after the closing bracket of an IP literal, there is no colon but that of the port
            hostname = location if location.endswith("]") else location.rsplit(":", 1)[0]
        netloc = _bracketed(hostname)
        if parts["port"] is not None:
            netloc += f":{parts['port']}"
        if parts["username"] is not None:
            user = [parts["username"], parts["password"]]
            netloc = f"{':'.join(part for part in user if part is not None)}@{netloc}"
        return netloc

    def include_query_params(self, /, **params: Any) -> Self:
        """Return a URL with these parameters at the end of its query, replacing those of the same name."""
        kept = [(name, value) for name, value in self._params() if name not in params]
        return self.replace(query=urlencode([*kept, *_as_text(params)]))

    def replace_query_params(self, /, **params: Any) -> Self:
        """Return a URL whose query has only these parameters."""
        return self.replace(query=urlencode(_as_text(params)))

    def remove_query_params(self, keys: str | Sequence[str]) -> Self:
        """Return a URL without the query parameters of this name, or of these names."""
        removed = {keys} if isinstance(keys, str) else set(keys)
        kept = [(name, value) for name, value in self._params() if name not in removed]
        return self.replace(query=urlencode(kept))

    def _params(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        try:
            text = repr(str(self.replace(password="*" * 8) if self.password else self))
        except ValueError:  # repr() must not raise, and must not show a password
            text = "<unreadable>"
        return f"{type(self).__name__}({text})"

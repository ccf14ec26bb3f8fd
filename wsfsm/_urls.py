"""URLs, and how one is read from an ASGI scope."""

import contextlib
import re
import string
from collections.abc import Sequence
from functools import cached_property
from ipaddress import IPv6Address
from typing import Any, Self
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from wsfsm.types import Scope

__all__ = ["URL", "header_list"]


def header_list(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers of a scope, kept there as a list: an iterable may serve only once."""
    headers = scope.get("headers")
    if not isinstance(headers, list):
        headers = [(name, value) for name, value in headers or ()]
        with contextlib.suppress(TypeError):  # a scope that cannot be changed is only read
            scope["headers"] = headers
    return headers


_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# The path of a scope is decoded. Some of its characters would end it or turn into a slash when
# it is read as a URL again, and urlsplit deletes tab and newlines.
_ESCAPES = str.maketrans({character: quote(character) for character in "?#\\\t\r\n"})

# RFC 3986 3.2.2 and 3.2.3 without userinfo. What the pattern leaves to look at is whether
# an IPv6 address is one and whether a port is within its range.
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


def _authority(scope: Scope, scheme: str) -> str | None:
    """Return the first Host header if it is sound, else the server's address if it has one."""
    hosts = (value for name, value in header_list(scope) if name.lower() == b"host")
    named = next(hosts, b"").decode("latin-1")
    if _is_authority(named):
        return named
    host, port = scope.get("server") or ("", None)
    if port is None:  # no address at all, or the path of a Unix socket
        return None
    suffix = "" if port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    return _bracketed(host) + suffix


def _as_text(params: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in params.items()]


def _query(scope: Scope) -> str:
    query: bytes = scope.get("query_string") or b""
    try:
        return query.decode()
    except UnicodeDecodeError:  # what no encoding explains keeps its bytes
        return quote(query, safe=string.punctuation)


def _alone(path: str) -> str:
    """A path that is read as a path even without an authority before it."""
    if path.startswith("//"):
        return "/%2F" + path[2:]
    # urlsplit skips these at the beginning
    rest = path.lstrip("".join(map(chr, range(0x21))))
    skipped = quote(path[: len(path) - len(rest)])
    segment, slash, more = rest.partition("/")
    return skipped + segment.replace(":", "%3A") + slash + more


def _url_of_scope(scope: Scope) -> str:
    scheme = scope.get("scheme") or ("ws" if scope.get("type") == "websocket" else "http")
    path = scope["path"].translate(_ESCAPES)
    query = _query(scope)
    authority = _authority(scope, scheme)
    origin = "" if authority is None else f"{scheme}://{authority}"
    if not origin:
        path = _alone(path)
    if origin and path and not path.startswith("/"):  # such as the * of OPTIONS
        path = "/" + path
    return f"{origin}{path}?{query}" if query else origin + path


class URL:  # noqa: PLW1641 - unhashable, as are the classes below, because Starlette's are
    """A URL as text, with its parts; equal to whatever has the same text.

    Made from one of: the text, the scope of a connection (ASGI, "HTTP Connection Scope" and
    "Websocket Connection Scope"), or the components that `replace` takes.

    From a scope, the authority is that of the Host header; of the server where that header is
    missing or malformed; and where the server has no address either, the URL is relative.

    Args:
        url: The text.
        scope: The scope; its ``headers`` are kept there as a list.
        **components: Parts of a URL, as for `replace`.

    Raises:
        TypeError: More than one of the three is given.
    """

    def __init__(self, url: str = "", scope: Scope | None = None, **components: Any) -> None:
        if bool(url) + (scope is not None) + bool(components) > 1:
            raise TypeError("a URL is made from one of url, scope and components, not from more")
        if scope is not None:
            url = _url_of_scope(scope)
        elif components:
            url = URL().replace(**components).components.geturl()
        self._url = url

    @cached_property
    def components(self) -> SplitResult:
        """All parts, as `urllib.parse.urlsplit` returns them.

        Raises:
            ValueError: The text cannot be read as a URL; so for every part below.
        """
        return urlsplit(self._url)

    @property
    def scheme(self) -> str:
        """The scheme in lower case, such as ``"wss"``."""
        return self.components.scheme

    @property
    def netloc(self) -> str:
        """The authority: user and password, host and port, as they are written."""
        return self.components.netloc

    @property
    def path(self) -> str:
        """The path, percent-encoded as it is written."""
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
        """The user, None if the authority names none."""
        return self.components.username

    @property
    def password(self) -> str | None:
        """The password, None if the authority holds none."""
        return self.components.password

    @property
    def hostname(self) -> str | None:
        """The host in lower case, without the brackets of an IP literal."""
        return self.components.hostname

    @property
    def port(self) -> int | None:
        """The port, None if the authority has none.

        Raises:
            ValueError: The port is not a number from 0 to 65535.
        """
        return self.components.port

    @property
    def is_secure(self) -> bool:
        """Whether the scheme is one over TLS: ``https`` or ``wss``."""
        return self.scheme in {"https", "wss"}

    def replace(self, **components: Any) -> Self:
        """Return a URL with other parts.

        Args:
            **components: ``scheme``, ``netloc``, ``path``, ``query``, ``fragment``, or, in place
                of ``netloc``, any of ``hostname`` (None keeps the present one) and ``port``,
                ``username`` and ``password`` (None removes it). An IPv6 address gets its
                brackets.
        """
        parts = {"hostname", "port", "username", "password"} & components.keys()
        if parts:
            components["netloc"] = self._netloc(**{part: components.pop(part) for part in parts})
        return type(self)(self.components._replace(**components).geturl())

    def _netloc(self, *, hostname: str | None = None, **others: Any) -> str:
        """Return the authority with other parts in place of its own."""
        parts = {"port": self.port, "username": self.username, "password": self.password} | others
        if hostname is None:
            written = self.netloc.rpartition("@")[2]
            # the colons of an IP literal stand before its closing bracket
            hostname = written if written.endswith("]") else written.rsplit(":", 1)[0]
        netloc = _bracketed(hostname)
        if parts["port"] is not None:
            netloc += f":{parts['port']}"
        if parts["username"] is not None:
            user = [parts["username"], parts["password"]]
            netloc = f"{':'.join(part for part in user if part is not None)}@{netloc}"
        return netloc

    def include_query_params(self, /, **params: Any) -> Self:
        """Return a URL in whose query these parameters are set, last and in place of others."""
        kept = [(name, value) for name, value in self._params() if name not in params]
        return self.replace(query=urlencode([*kept, *_as_text(params)]))

    def replace_query_params(self, /, **params: Any) -> Self:
        """Return a URL with these parameters as its query."""
        return self.replace(query=urlencode(_as_text(params)))

    def remove_query_params(self, keys: str | Sequence[str]) -> Self:
        """Return a URL without the parameters of this name, or of these names."""
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
            shown = repr(str(self.replace(password="*" * 8) if self.password else self))
        except ValueError:  # a repr neither raises nor shows what may hold a password
            shown = "<unreadable>"
        return f"{type(self).__name__}({shown})"

"""Values made from an ASGI scope, with the API of Starlette's classes of the same names.

`URL`, `Headers`, `QueryParams` and `Address` are not changed once made; `State` is a bag of
attributes over a dictionary that belongs to somebody else.
"""

import re
import string
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from functools import cached_property
from ipaddress import IPv6Address
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from wsfsm.types import Scope

__all__ = ["URL", "Address", "Headers", "ImmutableMultiDict", "QueryParams", "State"]

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)


class Address(NamedTuple):
    """One end of a connection.

    Attributes:
        host: Name or IP address, as the server tells it.
        port: TCP port.
    """

    host: str
    port: int


# --- URL -----------------------------------------------------------------------------------

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


def _header_list(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers of a scope, kept there as a list: an iterable may serve only once."""
    headers = scope.get("headers")
    if not isinstance(headers, list):
        headers = scope["headers"] = [(name, value) for name, value in headers or ()]
    return headers


def _authority(scope: Scope, scheme: str) -> str | None:
    """Return the first Host header if it is sound, else the server's address if it has one."""
    hosts = (value for name, value in _header_list(scope) if name.lower() == b"host")
    named = next(hosts, b"").decode("latin-1")
    if _is_authority(named):
        return named
    host, port = scope.get("server") or ("", None)
    if port is None:  # no address at all, or the path of a Unix socket
        return None
    suffix = "" if port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    return _bracketed(host) + suffix


def _query(scope: Scope) -> str:
    query: bytes = scope.get("query_string") or b""
    try:
        return query.decode()
    except UnicodeDecodeError:  # what no encoding explains keeps its bytes
        return quote(query, safe=string.punctuation)


def _url_of_scope(scope: Scope) -> str:
    scheme = scope.get("scheme") or ("ws" if scope.get("type") == "websocket" else "http")
    path = scope["path"].translate(_ESCAPES)
    query = _query(scope)
    authority = _authority(scope, scheme)
    origin = "" if authority is None else f"{scheme}://{authority}"
    if not origin and path.startswith("//"):  # would be read as an authority
        path = "/%2F" + path[2:]
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
        """All parts, as `urllib.parse.urlsplit` tells them.

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
        """The port, None if the authority tells none.

        Raises:
            ValueError: The port is no number from 0 to 65535.
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
        return self.replace(query=urlencode(kept + _as_text(params.items())))

    def replace_query_params(self, /, **params: Any) -> Self:
        """Return a URL with these parameters as its query."""
        return self.replace(query=urlencode(_as_text(params.items())))

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


# --- Multi-mappings ------------------------------------------------------------------------


def _pairs(source: Any) -> list[tuple[Any, Any]]:
    for view in ("multi_items", "items"):
        if hasattr(source, view):
            return list(getattr(source, view)())
    return [(key, value) for key, value in source or ()]


def _as_text(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in pairs]


class ImmutableMultiDict(Mapping[K, V_co]):  # noqa: PLW1641 - see URL
    """A mapping in which a key may have several values; as a mapping it shows the last.

    Two are equal if they have the same values, in the same order, for every key.

    Args:
        items: Another multi-mapping, a mapping, or pairs of key and value.
        **more: Further items.
    """

    def __init__(
        self,
        items: Mapping[K, V_co] | Iterable[tuple[K, V_co]] | None = None,
        /,
        **more: Any,
    ) -> None:
        self._list: list[tuple[K, V_co]] = _pairs(items) + _pairs(more)
        self._dict = dict(self._list)

    def getlist(self, key: Any) -> list[V_co]:
        """Return every value of a key, in order; none for an unknown key."""
        return [value for name, value in self._list if name == key]

    def multi_items(self) -> list[tuple[K, V_co]]:
        """Return every pair, in order."""
        return list(self._list)

    def keys(self) -> KeysView[K]:
        """Return a view of the keys, each once."""
        return self._dict.keys()

    def values(self) -> ValuesView[V_co]:
        """Return a view of the last values."""
        return self._dict.values()

    def items(self) -> ItemsView[K, V_co]:
        """Return a view of the keys with their last values."""
        return self._dict.items()

    def __getitem__(self, key: K) -> V_co:
        return self._dict[key]

    def __contains__(self, key: object) -> bool:
        return key in self._dict

    def __iter__(self) -> Iterator[K]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._by_key() == other._by_key()

    def _by_key(self) -> dict[K, list[V_co]]:
        values: dict[K, list[V_co]] = {}
        for key, value in self._list:
            values.setdefault(key, []).append(value)
        return values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._list!r})"


class QueryParams(ImmutableMultiDict[str, str]):
    """The parameters of a query string; as text, the query string again.

    Args:
        params: A query string (bytes are latin-1), or what an `ImmutableMultiDict` takes; keys
            and values become text.
        **more: Further parameters.
    """

    def __init__(
        self,
        params: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | str | bytes | None = None,
        /,
        **more: Any,
    ) -> None:
        if isinstance(params, bytes):
            params = params.decode("latin-1")
        if isinstance(params, str):
            params = parse_qsl(params, keep_blank_values=True)
        super().__init__(_as_text(_pairs(params) + _pairs(more)))

    def __str__(self) -> str:
        return urlencode(self._list)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def _header_name(key: str) -> bytes:
    # what latin-1 lacks becomes \N{...}, the name of no header
    return key.lower().encode("latin-1", "namereplace")


class Headers(Mapping[str, str]):  # noqa: PLW1641 - see URL
    """Headers: a mapping without regard to case in which a name may have several values.

    As a mapping it shows the first value of a name; its views and its length count every
    header. Names and values are latin-1, and keep the case in which they came.

    Args:
        headers: A mapping of text; its names are stored in lower case.
        raw: Pairs of name and value in bytes.
        scope: The scope of a connection; its ``headers`` are kept there as a list.

    Raises:
        TypeError: More than one of the three is given.
    """

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        raw: Iterable[tuple[bytes, bytes]] | None = None,
        scope: Scope | None = None,
    ) -> None:
        if (headers is not None) + (raw is not None) + (scope is not None) > 1:
            raise TypeError("Headers are made from one of headers, raw and scope, not from more")
        if scope is not None:
            self._list = _header_list(scope)
        elif headers is not None:
            self._list = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ]
        else:
            self._list = list(raw or ())

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Every header, in order, as bytes."""
        return [(name, value) for name, value in self._list]

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return every name, in order, one for each header."""
        return [name.decode("latin-1") for name, _ in self._list]

    def values(self) -> list[str]:  # type: ignore[override]
        """Return every value, in order."""
        return [value.decode("latin-1") for _, value in self._list]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Return every header, in order."""
        return list(zip(self.keys(), self.values(), strict=True))

    def getlist(self, key: str) -> list[str]:
        """Return every value of a name, in order; none for an unknown name."""
        wanted = _header_name(key)
        return [value.decode("latin-1") for name, value in self._list if name.lower() == wanted]

    def __getitem__(self, key: str) -> str:
        wanted = _header_name(key)
        for name, value in self._list:
            if name.lower() == wanted:
                return value.decode("latin-1")
        raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        wanted = _header_name(key)
        return any(name.lower() == wanted for name, _ in self._list)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._list)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._caseless() == other._caseless()

    def _caseless(self) -> list[tuple[bytes, bytes]]:
        return sorted((name.lower(), value) for name, value in self._list)

    def __repr__(self) -> str:
        unique = dict(self.items())
        shown = f"{unique!r}" if len(unique) == len(self) else f"raw={self.raw!r}"
        return f"{type(self).__name__}({shown})"


# --- State ---------------------------------------------------------------------------------


class State:
    """Attributes and items over one dictionary.

    Args:
        state: The dictionary, which is used and not copied; a new one if None.

    Raises:
        AttributeError: An attribute that is read is not in the dictionary.
        KeyError: An item that is read, or anything that is deleted, is not in the dictionary.
    """

    __slots__ = ("__weakref__", "_state")
    _state: dict[str, Any]

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        object.__setattr__(self, "_state", {} if state is None else state)

    def __getattr__(self, key: str) -> Any:
        try:
            return self._state[key]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {key!r}"
            ) from None

    def __setattr__(self, key: str, value: Any) -> None:
        self._state[key] = value

    def __delattr__(self, key: str) -> None:
        del self._state[key]

    def __getitem__(self, key: str) -> Any:
        return self._state[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._state[key] = value

    def __delitem__(self, key: str) -> None:
        del self._state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        # the usual way sets attributes, here items, of an object that has no dictionary yet
        return type(self), (self._state,)

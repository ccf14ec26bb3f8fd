"""Headers, query parameters, addresses and state, with the API of Starlette's classes."""

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, NamedTuple, Self, TypeVar, overload
from urllib.parse import parse_qsl, urlencode

from wsfsm._urls import URL, header_list
from wsfsm.types import ScopeLike

__all__ = [
    "URL",
    "Address",
    "Headers",
    "ImmutableMultiDict",
    "MutableHeaders",
    "QueryParams",
    "State",
]

K = TypeVar("K")
T = TypeVar("T")
V_co = TypeVar("V_co", covariant=True)


class Address(NamedTuple):
    """One end of a connection.

    Attributes:
        host: Name or IP address, as the server reports it.
        port: TCP port.
    """

    host: str
    port: int


# --- Multi-mappings ------------------------------------------------------------------------


def _pairs(source: Any) -> list[tuple[Any, Any]]:
    for view in ("multi_items", "items"):
        if hasattr(source, view):
            return list(getattr(source, view)())
    return [(key, value) for key, value in source or ()]


def _as_text(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in pairs]


class ImmutableMultiDict(Mapping[K, V_co]):  # noqa: PLW1641 - unhashable, as Starlette's is
    """A mapping in which a key may have several values. Look-ups return the last one.

    Two of them are equal if every key has the same values in the same order.

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
        """Return all values of a key, in order; an empty list for an unknown key."""
        return [value for name, value in self._list if name == key]

    def multi_items(self) -> list[tuple[K, V_co]]:
        """Return all pairs, in order."""
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
    """The parameters of a query string. `str` makes a query string of them again.

    Args:
        params: A query string (bytes are latin-1), or any argument of `ImmutableMultiDict`; keys
            and values are converted to text.
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
            pairs = parse_qsl(params, keep_blank_values=True)
        else:
            pairs = _as_text(_pairs(params))
        self._list = pairs + _as_text(more.items())
        self._dict = dict(self._list)

    def __str__(self) -> str:
        return urlencode(self._list)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def _header_name(key: str) -> bytes:
    # a character outside latin-1 becomes \N{...}, which cannot be in the name of a header
    return key.lower().encode("latin-1", "namereplace")


class Headers(Mapping[str, str]):  # noqa: PLW1641 - unhashable, as Starlette's is
    """A case-insensitive mapping of headers, in which a name may have several values.

    Look-ups return the first value of a name; the views and the length include all headers. Names
    and values are latin-1 and keep their case.

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
        scope: ScopeLike | None = None,
    ) -> None:
        if scope is not None and headers is None and raw is None:  # nearly always
            self._list = header_list(scope)
            return
        if (headers is not None) + (raw is not None) + (scope is not None) > 1:
            raise TypeError("Headers takes only one of headers, raw and scope")
        if headers is not None:
            self._list = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ]
        else:
            self._list = list(raw or ())

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """All headers, in order, as bytes."""
        return [(name, value) for name, value in self._list]

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the name of each header, in order."""
        return [name.decode("latin-1") for name, _ in self._list]

    @overload
    def get(self, key: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str | T, /) -> str | T: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        """Return the first value of a name, or `default` for an unknown name."""
        value = self._find(key)
        return default if value is None else value.decode("latin-1")

    def _find(self, key: str) -> bytes | None:
        """Return the first value of a name."""
        wanted = key.lower().encode("latin-1", "namereplace")  # _header_name, without a call
        for name, value in self._list:
            if name == wanted or (not name.islower() and name.lower() == wanted):
                return value
        return None

    def values(self) -> list[str]:  # type: ignore[override]
        """Return the value of each header, in order."""
        return [value.decode("latin-1") for _, value in self._list]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Return name and value of each header, in order."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._list]

    def getlist(self, key: str) -> list[str]:
        """Return all values of a name, in order; an empty list for an unknown name."""
        wanted = _header_name(key)
        return [value.decode("latin-1") for name, value in self._list if name.lower() == wanted]

    def mutablecopy(self) -> "MutableHeaders":
        """Return a copy that can be changed."""
        return MutableHeaders(raw=self._list)

    def __getitem__(self, key: str) -> str:
        value = self._find(key)
        if value is None:
            raise KeyError(key)
        return value.decode("latin-1")

    def __contains__(self, key: Any) -> bool:
        return self._find(key) is not None

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
        content = f"{unique!r}" if len(unique) == len(self) else f"raw={self.raw!r}"
        return f"{type(self).__name__}({content})"


class MutableHeaders(Headers):
    """Headers that can be changed. New names are stored in lower case."""

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """All headers, in order, as bytes; this is the list itself, not a copy."""
        return self._list

    def __setitem__(self, key: str, value: str) -> None:
        """Replace the first header of this name, and remove the others."""
        name, wanted = key.lower().encode("latin-1"), value.encode("latin-1")
        places = self._places(name)
        if places:
            self._list[places[0]] = (name, wanted)
            self._remove(places[1:])
        else:
            self._list.append((name, wanted))

    def __delitem__(self, key: str) -> None:
        """Remove all headers of a name, if there are any."""
        self._remove(self._places(_header_name(key)))

    def __or__(self, other: Mapping[str, str]) -> "MutableHeaders":
        return self.mutablecopy().__ior__(other)

    def __ior__(self, other: Mapping[str, str]) -> Self:
        if not isinstance(other, Mapping):
            raise TypeError(f"headers are merged with a mapping, got {type(other).__name__}")
        self.update(other)
        return self

    def setdefault(self, key: str, value: str) -> str:
        """Return the first value of a name; append `value` before if there is none."""
        if key not in self:
            self.append(key, value)
        return self[key]

    def update(self, other: Mapping[str, str]) -> None:
        """Set every header of a mapping."""
        for key, value in other.items():
            self[key] = value

    def append(self, key: str, value: str) -> None:
        """Add a header at the end, and keep others of the same name."""
        self._list.append((key.lower().encode("latin-1"), value.encode("latin-1")))

    def add_vary_header(self, vary: str) -> None:
        """Add a value to the ``Vary`` header."""
        self["vary"] = ", ".join([*self.getlist("vary"), vary])

    def _places(self, wanted: bytes) -> list[int]:
        return [i for i, (name, _) in enumerate(self._list) if name.lower() == wanted]

    def _remove(self, places: list[int]) -> None:
        for place in reversed(places):
            del self._list[place]


# --- State ---------------------------------------------------------------------------------


class State:
    """A dictionary whose items are attributes too, except for an item ``"get"``.

    Two of them are equal if they have equal items.

    Args:
        state: The dictionary, which is not copied; None makes a new one.

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

    def get(self, key: str, default: Any = None) -> Any:
        """Return an item, or `default` if it is not in the dictionary."""
        return self._state.get(key, default)

    def __eq__(self, other: object) -> bool:
        return self._state == other._state if isinstance(other, State) else NotImplemented

    # the items can change, so a state is a key of its own, as Starlette's is
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._state!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        # by default, attributes (here items) would be set before the object has its dictionary
        return type(self), (self._state,)

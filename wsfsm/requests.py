"""The scope of a connection, and the values that are read from it."""

from collections.abc import Iterator, Mapping
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Generic, cast

from wsfsm.datastructures import URL, Address, Headers, QueryParams, State
from wsfsm.exceptions import explained
from wsfsm.types import ReceiveLike, Scope, ScopeLike

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    StateT = TypeVar("StateT", bound=Mapping[str, Any] | State, default=State)
else:
    from typing import TypeVar

    # only type checkers need its default, which Python below 3.13 does not support
    StateT = TypeVar("StateT", bound=Mapping[str, Any] | State)

__all__ = ["HTTPConnection"]

_unquote = SimpleCookie().value_decode


def _add_cookies(header: str, cookies: dict[str, str]) -> None:
    """Add the cookies of a header, including those that do not follow RFC 6265 4.2.1.

    Browsers send such cookies, and `SimpleCookie.load` stops at the first one.
    """
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        if not equals:
            name, value = "", name
        name, value = name.strip(), value.strip()
        if name or value:
            cookies[name] = _unquote(value)[0] if value[:1] == '"' else value


class HTTPConnection(Mapping[str, Any], Generic[StateT]):
    """A connection, described by its scope; it is also a mapping over that scope.

    Values that are read from the scope are computed on first use. A connection is equal only to
    itself. The API is that of Starlette's class.

    Args:
        scope: A scope of type ``http`` or ``websocket``.
        receive: Not used here, but part of the signature because subclasses read messages.

    Attributes:
        scope: The scope.

    Raises:
        ValueError: The scope is of another type, or has no type.
    """

    # Computed values go into the dictionary, because most connections never compute them, and
    # empty slots would still take memory. Assignments would go through the hooks of the WebSocket
    __slots__ = ("__dict__", "__weakref__", "scope")
    scope: Scope

    def __init__(self, scope: ScopeLike, receive: ReceiveLike | None = None) -> None:  # noqa: ARG002
        if scope.get("type") not in ("http", "websocket"):
            got = repr(scope["type"]) if "type" in scope else "one without a type"
            raise explained(
                ValueError(f"a connection needs a scope of type 'http' or 'websocket', not {got}"),
                "scope",
            )
        self.scope = scope  # type: ignore[assignment]  # a TypedDict is a dictionary too

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    def __len__(self) -> int:
        return len(self.scope)

    # two connections may have equal scopes, and are still different
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def app(self) -> Any:
        """The application, which a framework puts into the scope.

        Raises:
            KeyError: The scope does not have an application.
        """
        return self.scope["app"]

    @property
    def url(self) -> URL:
        """The requested URL."""
        url: URL | None = self.__dict__.get("_url")
        if url is None:
            url = self.__dict__["_url"] = URL(scope=self.scope)
        return url

    @property
    def base_url(self) -> URL:
        """The URL of the outermost application's root, which ends with a slash."""
        url: URL | None = self.__dict__.get("_base_url")
        if url is None:
            # a mounted application has a root_path of its own
            root = self.scope.get("app_root_path", self.scope.get("root_path")) or ""
            path = root if root.endswith("/") else f"{root}/"
            # read the headers first: this keeps them in the original scope too
            headers = self.headers.raw
            url = self.__dict__["_base_url"] = URL(
                scope={**self.scope, "headers": headers, "path": path, "query_string": b""}
            )
        return url

    @property
    def headers(self) -> Headers:
        """The headers of the request."""
        headers: Headers | None = self.__dict__.get("_headers")
        if headers is None:
            headers = self.__dict__["_headers"] = Headers(scope=self.scope)
        return headers

    @property
    def query_params(self) -> QueryParams:
        """The parameters in the query string; none if the scope has no query string."""
        params: QueryParams | None = self.__dict__.get("_query_params")
        if params is None:
            params = self.__dict__["_query_params"] = QueryParams(self.scope.get("query_string"))
        return params

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters that a router found in the path; none without a router."""
        params: dict[str, Any] = self.scope.get("path_params", {})
        return params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of all Cookie headers, unquoted. If a name occurs twice, the last one counts."""
        cookies: dict[str, str] | None = self.__dict__.get("_cookies")
        if cookies is None:
            cookies = self.__dict__["_cookies"] = {}
            for header in self.headers.getlist("cookie"):
                _add_cookies(header, cookies)
        return cookies

    @property
    def client(self) -> Address | None:
        """The address of the client, or None if the server does not provide it."""
        address = self.scope.get("client")
        return None if address is None else Address(*address)

    @property
    def session(self) -> dict[str, Any]:
        """The session. If it has a method ``mark_accessed``, that is called.

        Raises:
            RuntimeError: No session middleware is installed.
        """
        session: dict[str, Any] = self._installed("session", by="SessionMiddleware")
        if hasattr(session, "mark_accessed"):
            session.mark_accessed()
        return session

    @property
    def auth(self) -> Any:
        """The credentials of the user.

        Raises:
            RuntimeError: No authentication middleware is installed.
        """
        return self._installed("auth", by="AuthenticationMiddleware")

    @property
    def user(self) -> Any:
        """The user.

        Raises:
            RuntimeError: No authentication middleware is installed.
        """
        return self._installed("user", by="AuthenticationMiddleware")

    def _installed(self, key: str, *, by: str) -> Any:
        if key not in self.scope:
            raise explained(
                RuntimeError(f"{key!r} is not in the scope: install {by}, which puts it there"),
                "scope",
            )
        return self.scope[key]

    @property
    def state(self) -> StateT:
        """The state of the connection, over the scope's ``state``, which is created if missing.

        A server with lifespan state puts a copy of that into the scope (ASGI Lifespan, "Lifespan
        State").
        """
        state: State | None = self.__dict__.get("_state")
        if state is None:
            state = self.__dict__["_state"] = State(self.scope.setdefault("state", {}))
        return cast("StateT", state)

    def url_for(self, name: str, /, **path_params: Any) -> URL:
        """Return the absolute URL of a route.

        Args:
            name: Name of the route.
            **path_params: Values for the parameters in its path.

        Raises:
            RuntimeError: The scope has neither a router nor an application.
        """
        provider = self.scope.get("router") or self.scope.get("app")
        if provider is None:
            raise explained(
                RuntimeError("url_for needs a 'router' or an 'app' in the scope"), "scope"
            )
        path = provider.url_path_for(name, **path_params)
        # our own class of URLs, whatever class the framework uses
        return URL(str(path.make_absolute_url(base_url=self.base_url)))

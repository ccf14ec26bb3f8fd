"""Facades: the classes that frameworks give their users, each behind the same operations.

A case uses a facade through an `Adapter`, which calls the methods of the class and adds nothing. An
adapter has an operation only if its class has one for the same purpose; a case that needs another
one is unsupported.

| operation | arguments | what it does |
|---|---|---|
| `accept` | `subprotocol`, `headers` | accepts the connection |
| `receive` | | receives a message of any type, unchanged |
| `receive_text` `receive_bytes` | | receives a message, and returns its payload |
| `receive_json` | `mode` | receives a message, and decodes it |
| `iterate` | | receives text messages until the connection ends, and returns them |
| `send` | `message` | sends a message of any type, unchanged |
| `send_text` `send_bytes` | `data` | sends a message |
| `send_json` | `data`, `mode` | encodes data, and sends it |
| `close` | `code`, `reason` | closes the connection, or rejects it |
| `deny` | `status`, `headers`, `body` | rejects the connection with an HTTP response |
| `leave` | | the handler returns |
| `fail` | `error` | the handler raises |
| `abort` | `status` | the handler raises the framework's exception for an HTTP response |
| `states` | | returns the states of client and application |
"""

import asyncio
import contextvars
import importlib
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

import attrs

from wsfsm.conformance.facade._clock import settle
from wsfsm.exceptions import Explained
from wsfsm.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "OPERATIONS",
    "Adapter",
    "CallbackCalled",
    "ClassAdapter",
    "EndHandler",
    "FacadeError",
    "FacadeTarget",
    "ScriptedHandler",
    "class_target",
    "collect_texts",
    "maybe_await",
    "require_module",
]

Pairs = Sequence[tuple[bytes, bytes]]

OPERATIONS: Final = (
    *("accept", "receive", "receive_text", "receive_bytes", "receive_json", "iterate"),
    *("send", "send_text", "send_bytes", "send_json", "close", "deny"),
    *("leave", "fail", "abort", "states"),
)
"""Names of the operations."""


_MANY: Final = 100  # texts, more than any case has


class FacadeError(Explained, ValueError):
    """A facade that cannot be found or imported, or whose framework cannot make an application."""

    topic = "check"


@attrs.frozen
class EndHandler:
    """The result of an operation that ends the handler.

    Attributes:
        value: The value that the handler returns.
        error: The exception that it raises instead.
    """

    value: Any = None
    error: Exception | None = None


@attrs.frozen
class CallbackCalled:
    """A callback that a framework called, where others raise an exception.

    Attributes:
        name: Name of the callback.
        code: The close code that was passed to it.
    """

    name: str
    code: Any = None


async def maybe_await(work: Any) -> Any:
    """Await a result if it is awaitable, because a method need not be a coroutine."""
    return await work if inspect.isawaitable(work) else work


class Adapter:
    """The operations that every facade has: the handler returns, or raises.

    Args:
        facade: An object of the framework's class.
    """

    needs: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Attributes of the class that an operation needs if it is more than a call."""

    def __init__(self, facade: Any) -> None:
        self.facade = facade

    def operation(self, name: str) -> Callable[..., Any] | None:
        """Return an operation, or None if the facade does not have it."""
        return getattr(self, name, None)

    async def leave(self) -> EndHandler:
        """Let the handler return."""
        return EndHandler()

    async def fail(self, error: str = "an error") -> EndHandler:
        """Let the handler raise an exception that frameworks do not know."""
        return EndHandler(error=ArithmeticError(error))


async def collect_texts(texts: AsyncIterator[str]) -> list[str]:
    """Collect the texts of an iteration, up to a limit if it does not end."""
    found = []
    async for text in texts:
        found.append(text)
        if len(found) == _MANY:
            break
    return found


class ClassAdapter(Adapter):
    """The operations of a class whose methods have the names of Starlette's."""

    needs = MappingProxyType(
        {"iterate": "iter_text", "deny": "send_denial_response", "states": "client_state"}
    )

    def operation(self, name: str) -> Callable[..., Any] | None:
        """Return an operation of the adapter, or the method of that name."""
        needs = self.needs.get(name)
        if needs is not None and not hasattr(self.facade, needs):
            return None
        found = super().operation(name)
        if found is None and name != "abort":  # a method abort() would have another purpose
            found = getattr(self.facade, name, None)
        return found if callable(found) else None

    async def iterate(self) -> list[str]:
        """Receive text messages until the connection ends."""
        return await collect_texts(self.facade.iter_text())

    async def deny(self, status: int, headers: Pairs, body: Sequence[bytes]) -> None:
        """Reject the connection by an ASGI application that responds."""

        async def response(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
            kind = "websocket.http.response"
            await send({"type": f"{kind}.start", "status": status, "headers": list(headers)})
            for index, part in enumerate(body, 1):
                more = index < len(body)
                await send({"type": f"{kind}.body", "body": part, "more_body": more})

        await maybe_await(self.facade.send_denial_response(response))

    async def states(self) -> Mapping[str, str]:
        """Return the names of the states."""
        facade = self.facade
        return {"client": facade.client_state.name, "application": facade.application_state.name}


class ScriptedHandler:
    """The handler of a framework, which waits until a step of the case ends it.

    Attributes:
        adapter: The adapter, once the handler has been called.
    """

    def __init__(self) -> None:
        self.adapter: Adapter | None = None
        self._entered = asyncio.Event()
        self._ending: asyncio.Future[EndHandler] = asyncio.get_running_loop().create_future()
        self._context = contextvars.copy_context()
        self._tasks: list[asyncio.Task[Any]] = []

    def enter(self, adapter: Adapter) -> None:
        """Note that the framework has called the handler."""
        self.adapter = adapter
        self._context = contextvars.copy_context()  # some frameworks store the facade in it
        self._entered.set()

    async def __call__(self, adapter: Adapter) -> Any:
        """Run as the handler, until an operation ends it."""
        self.enter(adapter)
        try:
            ending = await self._ending
        except asyncio.CancelledError:
            self.cancel()  # its operations are cancelled with it
            await settle()
            raise
        if ending.error is not None:
            raise ending.error
        return ending.value

    async def entered(self) -> None:
        """Wait until the framework has called the handler."""
        await self._entered.wait()

    def end(self, ending: EndHandler) -> None:
        """End the handler, unless it has ended."""
        if not self._ending.done():
            self._ending.set_result(ending)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start an operation of the handler."""
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks.append(task)
        return task

    def cancel(self) -> None:
        """Cancel all operations of the handler."""
        for task in self._tasks:
            task.cancel()


@attrs.frozen(kw_only=True)
class FacadeTarget:
    """A facade to check.

    Attributes:
        name: Name in reports.
        versions: Versions of the packages that it consists of, by name.
        application: Makes an ASGI application with this handler.
    """

    name: str
    versions: Mapping[str, str]
    application: Callable[[ScriptedHandler], ASGIApp]


def require_module(name: str, extra: str = "") -> Any:
    """Import a module of a framework.

    Args:
        name: Name of the module.
        extra: Name of the package to install, if it is different.

    Raises:
        FacadeError: The module cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = extra or name.partition(".")[0]
        raise FacadeError(f"{name} cannot be imported ({error}); is {package} installed?") from None
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        raise FacadeError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def class_target(
    name: str,
    make: Callable[[Scope, Receive, Send], Any],
    versions: Mapping[str, str],
    adapter: Callable[[Any], Adapter] = ClassAdapter,
) -> FacadeTarget:
    """Make the target of a class that is called with scope, receive and send.

    Args:
        name: Name in reports.
        make: The class, or a function that makes its objects, which may be a coroutine.
        versions: Versions of the packages that it consists of, by name.
        adapter: Makes the adapter of an object.
    """

    def application(scripted: ScriptedHandler) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await scripted(adapter(await maybe_await(make(scope, receive, send))))

        return app

    return FacadeTarget(name=name, versions=versions, application=application)

"""The facades that have a name: a real application of each framework, with one handler.

A framework is imported when its target is made.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from wsfsm.conformance._versions import installed_versions
from wsfsm.conformance.facade.adapters import (
    Adapter,
    CallbackCalled,
    ClassAdapter,
    EndHandler,
    FacadeError,
    FacadeTarget,
    Pairs,
    ScriptedHandler,
    class_target,
    collect_texts,
    require_module,
)
from wsfsm.types import ASGIApp
from wsfsm.websockets import WebSocket

__all__ = ["FACADES", "facade_target"]


def _texts(pairs: Pairs) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


def _wsfsm() -> FacadeTarget:
    return class_target("wsfsm", WebSocket, installed_versions("wsfsm"))


def _aborting(adapter: type[Adapter], error: Callable[..., Exception], key: str) -> type[Adapter]:
    """An adapter whose handlers can raise the framework's exception for an HTTP response."""

    async def abort(self: Adapter, status: int) -> EndHandler:  # noqa: ARG001 - a method
        return EndHandler(error=error(**{key: status}))

    return type("Aborting", (adapter,), {"abort": abort})


def _starlette() -> FacadeTarget:
    applications, routing = (
        require_module("starlette.applications"),
        require_module("starlette.routing"),
    )
    error = require_module("starlette.exceptions").HTTPException
    adapter = _aborting(ClassAdapter, error, "status_code")

    def application(scripted: ScriptedHandler) -> ASGIApp:
        async def endpoint(websocket: Any) -> None:
            await scripted(adapter(websocket))

        app: ASGIApp = applications.Starlette(routes=[routing.WebSocketRoute("/", endpoint)])
        return app

    return FacadeTarget(
        name="starlette", versions=installed_versions("starlette"), application=application
    )


def _fastapi() -> FacadeTarget:
    fastapi = require_module("fastapi")
    adapter = _aborting(ClassAdapter, fastapi.HTTPException, "status_code")

    def application(scripted: ScriptedHandler) -> ASGIApp:
        async def endpoint(websocket: Any) -> None:
            await scripted(adapter(websocket))

        endpoint.__annotations__["websocket"] = fastapi.WebSocket
        app: ASGIApp = fastapi.FastAPI()
        app.websocket("/")(endpoint)  # type: ignore[attr-defined]
        return app

    return FacadeTarget(
        name="fastapi", versions=installed_versions("fastapi", "starlette"), application=application
    )


class _Litestar(ClassAdapter):
    needs = MappingProxyType({**ClassAdapter.needs, "iterate": "iter_data"})

    async def accept(self, subprotocol: str | None = None, headers: Pairs = ()) -> None:
        await self.facade.accept(subprotocols=subprotocol, headers=list(headers))

    async def iterate(self) -> list[str]:
        return await collect_texts(self.facade.iter_data())


def _litestar() -> FacadeTarget:
    litestar = require_module("litestar")
    adapter = _aborting(_Litestar, litestar.exceptions.HTTPException, "status_code")

    def application(scripted: ScriptedHandler) -> ASGIApp:
        async def handler(socket: Any) -> None:
            await scripted(adapter(socket))

        handler.__annotations__.update(socket=litestar.WebSocket)
        routes = [litestar.handlers.websocket("/")(handler)]
        app: ASGIApp = litestar.Litestar(routes, openapi_config=None, logging_config=None)
        return app

    return FacadeTarget(
        name="litestar", versions=installed_versions("litestar"), application=application
    )


class _Quart(Adapter):
    async def accept(self, subprotocol: str | None = None, headers: Pairs = ()) -> None:
        # not a dictionary, in which a name cannot occur twice
        pairs = require_module("werkzeug.datastructures").Headers(_texts(headers))
        await self.facade.accept(headers=pairs, subprotocol=subprotocol)

    async def receive_text(self) -> Any:
        return await self.facade.receive()

    receive_bytes = receive_text

    async def receive_json(self) -> Any:
        return await self.facade.receive_json()

    async def send_text(self, data: Any) -> None:
        await self.facade.send(data)

    send_bytes = send_text

    async def send_json(self, data: Any) -> None:
        await self.facade.send_json(data)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        await self.facade.close(code, *([] if reason is None else [reason]))

    async def deny(self, status: int, headers: Pairs, body: Sequence[bytes]) -> EndHandler:
        return EndHandler((b"".join(body), status, _texts(headers)))


def _quart() -> FacadeTarget:
    quart = require_module("quart")
    exceptions = require_module("werkzeug.exceptions").default_exceptions
    adapter = _aborting(_Quart, lambda status: exceptions[status](), "status")

    def application(scripted: ScriptedHandler) -> ASGIApp:
        app: ASGIApp = quart.Quart("wsfsm.conformance")

        async def handler() -> Any:
            return await scripted(adapter(quart.websocket._get_current_object()))  # noqa: SLF001

        app.websocket("/")(handler)  # type: ignore[attr-defined]
        return app

    return FacadeTarget(name="quart", versions=installed_versions("quart"), application=application)


class _Falcon(Adapter):
    async def accept(self, subprotocol: str | None = None, headers: Pairs = ()) -> None:
        await self.facade.accept(subprotocol, _texts(headers))

    async def receive_text(self) -> Any:
        return await self.facade.receive_text()

    async def receive_bytes(self) -> Any:
        return await self.facade.receive_data()

    async def receive_json(self) -> Any:
        return await self.facade.receive_media()

    async def send_text(self, data: Any) -> None:
        await self.facade.send_text(data)

    async def send_bytes(self, data: Any) -> None:
        await self.facade.send_data(data)

    async def send_json(self, data: Any) -> None:
        await self.facade.send_media(data)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        await self.facade.close(code, reason)


def _falcon() -> FacadeTarget:
    asgi, falcon = require_module("falcon.asgi"), require_module("falcon")
    adapter = _aborting(_Falcon, falcon.HTTPError, "status")

    def application(scripted: ScriptedHandler) -> ASGIApp:
        async def on_websocket(resource: Any, request: Any, websocket: Any) -> None:  # noqa: ARG001
            await scripted(adapter(websocket))

        app: ASGIApp = asgi.App()
        app.add_route("/", type("Resource", (), {"on_websocket": on_websocket})())  # type: ignore[attr-defined]
        return app

    return FacadeTarget(
        name="falcon", versions=installed_versions("falcon"), application=application
    )


class _Channels(Adapter):
    """Keeps the arguments of a consumer's callbacks in a queue, until an operation receives them."""

    def __init__(self, facade: Any) -> None:
        super().__init__(facade)
        self.queue: asyncio.Queue[Any] = asyncio.Queue()

    def operation(self, name: str) -> Callable[..., Any] | None:
        # its callbacks return at once, so there is no handler that could end
        return None if name in {"leave", "fail"} else super().operation(name)

    async def accept(self, subprotocol: str | None = None, headers: Pairs = ()) -> None:
        await self.facade.accept(subprotocol, list(headers))

    async def receive_text(self) -> Any:
        return await self.queue.get()

    receive_bytes = receive_text

    async def send_text(self, data: Any) -> None:
        await self.facade.send(text_data=data)

    async def send_bytes(self, data: Any) -> None:
        await self.facade.send(bytes_data=data)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        await self.facade.close(code, reason)


def _channels() -> FacadeTarget:
    settings = require_module("django.conf", "django").settings
    if not settings.configured:
        settings.configure()
    consumers = require_module("channels.generic.websocket")

    def application(scripted: ScriptedHandler) -> ASGIApp:
        async def connect(consumer: Any) -> None:
            consumer.wsfsm = _Channels(consumer)
            scripted.enter(consumer.wsfsm)

        async def receive(consumer: Any, text_data: Any = None, bytes_data: Any = None) -> None:
            consumer.wsfsm.queue.put_nowait(bytes_data if text_data is None else text_data)

        async def disconnect(consumer: Any, code: Any) -> None:
            consumer.wsfsm.queue.put_nowait(CallbackCalled("disconnect", code))

        callbacks = {"connect": connect, "receive": receive, "disconnect": disconnect}
        consumer = type("Consumer", (consumers.AsyncWebsocketConsumer,), callbacks)
        app: ASGIApp = consumer.as_asgi()  # type: ignore[attr-defined]
        return app

    return FacadeTarget(
        name="channels", versions=installed_versions("channels", "django"), application=application
    )


FACADES: Final[Mapping[str, Callable[[], FacadeTarget]]] = MappingProxyType(
    {
        "wsfsm": _wsfsm,
        "starlette": _starlette,
        "fastapi": _fastapi,
        "litestar": _litestar,
        "quart": _quart,
        "falcon": _falcon,
        "channels": _channels,
    }
)
"""Functions that make the targets of the frameworks, by name."""


def facade_target(name: str) -> FacadeTarget:
    """Return the facade of this name.

    Args:
        name: One of `FACADES`, or "module:Class" for a class, or a function that makes its objects,
            that is called with scope, receive and send. Its methods have the names of Starlette's.

    Raises:
        FacadeError: No facade has this name, or its framework is not installed.
    """
    if name in FACADES:
        return FACADES[name]()
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        known = ", ".join(FACADES)
        raise FacadeError(f"unknown facade {name!r}; choose one of {known}, or pass module:Class")
    found = require_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise FacadeError(f"{module} has no class or function {path!r}")
    return class_target(name, found, installed_versions(module.partition(".")[0]))

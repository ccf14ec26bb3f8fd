"""The annotation of wsfsm in FastAPI: where it can be written, and where it cannot."""

import re
from typing import Annotated, Any

import fastapi
import pydantic
import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import WebSocketRequestValidationError
from helpers.asgi import ROOT
from helpers.frameworks import play
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    SimpleUser,
    requires,
)
from starlette.middleware.authentication import AuthenticationMiddleware

import wsfsm
import wsfsm.integrations.fastapi
import wsfsm.integrations.starlette as ours
from wsfsm.integrations.fastapi import WebSocket

NO_CLASS = "Subscripted generics cannot be used with class and instance checks"


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (wsfsm.WebSocket, r"wsfsm\.websockets\.WebSocket"),
        (wsfsm.WebSocket | None, r"wsfsm\.websockets\.WebSocket"),
        (WebSocket | None, r"wsfsm\.integrations\.starlette\.WebSocket"),
        (ours.WebSocket | int, r"wsfsm\.integrations\.starlette\.WebSocket"),
    ],
)
def test_what_fastapi_takes_for_data_is_an_error_that_says_what_to_write(
    annotation: Any, name: str
) -> None:
    app = FastAPI()

    async def handler(websocket: annotation) -> None:
        raise AssertionError("it is not called")

    with pytest.raises(
        TypeError,
        match=rf"contains, {name}\. Annotate it with the name that `from wsfsm\.integrations\.fastapi "
        "import WebSocket` imports, .* must not be optional or a union",
    ):
        app.websocket("/")(handler)


def test_parameters_that_are_not_annotated_alike_are_not_equal() -> None:
    app, members, seen = FastAPI(), list[Any](), list[Any]()

    async def join(websocket: fastapi.WebSocket) -> None:
        members.append(websocket)

    async def join_alike(websocket: WebSocket) -> None:
        members.append(websocket)

    @app.websocket("/", dependencies=[Depends(join)])
    @app.websocket("/alike", dependencies=[Depends(join_alike)])
    async def handler(websocket: WebSocket) -> None:
        seen.append(websocket in members)

    play(app)
    play(app, "/alike")

    assert seen == [False, True]


def test_the_annotation_is_not_a_class() -> None:
    with pytest.raises(TypeError, match=re.escape(NO_CLASS)):
        isinstance(None, WebSocket)

    guide = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
    assert f"`TypeError: {NO_CLASS}`" in " ".join(guide.split())


def test_wsfsms_own_class_can_be_a_field_of_a_model() -> None:
    model = pydantic.create_model(
        "Room",
        websocket=(wsfsm.WebSocket, ...),
        __config__=pydantic.ConfigDict(arbitrary_types_allowed=True),
    )

    with pytest.raises(pydantic.ValidationError, match="instance of WebSocket"):
        model(websocket=5)


def test_starlettes_decorator_that_requires_a_scope() -> None:
    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> Any:
            return AuthCredentials(["authenticated"]), SimpleUser("u")

    app = FastAPI()
    app.add_middleware(AuthenticationMiddleware, backend=Backend())

    @app.websocket("/")
    @requires("authenticated")
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.user.display_name)

    assert play(app)[1]["text"] == "u"


def test_a_dependency_of_your_own_takes_precedence() -> None:
    app, got = FastAPI(), list[Any]()

    async def mine(websocket: fastapi.WebSocket) -> str:
        return "mine"

    @app.websocket("/")
    async def handler(websocket: Annotated[WebSocket, Depends(mine)]) -> None:
        got.append(websocket)

    play(app)
    assert got == ["mine"]


def test_overrides_and_validation_errors_are_as_ever() -> None:
    app, got = FastAPI(), list[Any]()

    async def dependency() -> str:
        raise AssertionError("it is overridden")

    @app.websocket("/{n}")
    async def handler(
        websocket: WebSocket, n: int, value: Annotated[str, Depends(dependency)]
    ) -> None:
        got.append(value)

    @app.exception_handler(WebSocketRequestValidationError)
    async def invalid(websocket: WebSocket, error: Any) -> None:
        await websocket.close(4000, error.errors()[0]["type"])

    app.dependency_overrides[dependency] = lambda: "other"
    play(app, "/7")
    assert got == ["other"]
    assert play(app, "/x")[0]["reason"] == "int_parsing"


def test_the_names_are_those_of_the_package_for_starlette() -> None:
    for name in ("WebSocketDisconnect", "WebSocketState", "install", "uninstall"):
        assert getattr(wsfsm.integrations.fastapi, name) is getattr(ours, name)

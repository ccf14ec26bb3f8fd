"""The names of Starlette and FastAPI on which the integration relies and that are not public.

If one of these tests fails, a new version of the framework has changed the name: repair the module that
is named in the text of the failure.
"""

from collections.abc import Mapping
from typing import Any

import starlette.websockets
from helpers.asgi import Server, run, scope
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from wsfsm.integrations.starlette._follower import _PASSED_ON

REPAIR = "a new Starlette has changed {}: repair wsfsm/integrations/starlette/{}"


def test_an_object_keeps_the_servers_callables_in_receive_and_send() -> None:
    server = Server()
    websocket: Any = starlette.websockets.WebSocket(scope(), server.receive, server.send)
    kept = vars(websocket)

    assert kept.get("_receive") == server.receive, REPAIR.format("'_receive'", "_websocket.py")
    assert kept.get("_send") == server.send, REPAIR.format("'_send'", "_websocket.py")


def test_raise_on_disconnect_is_a_method() -> None:
    method = vars(starlette.websockets.WebSocket).get("_raise_on_disconnect")

    assert callable(method), REPAIR.format("'_raise_on_disconnect'", "_follower.py")


def test_the_class_has_no_slots_and_the_metaclass_of_a_mapping() -> None:
    kind = starlette.websockets.WebSocket

    assert type(kind).__name__ == "ABCMeta", REPAIR.format("its metaclass", "_install.py")
    assert kind.__dictoffset__ != 0, REPAIR.format("the layout of WebSocket", "_follower.py")


def test_the_methods_of_starlettes_class_are_all_passed_on() -> None:
    names = vars(starlette.websockets.WebSocket).items()
    methods = {n for n, value in names if callable(value) and not n.startswith("__")}

    assert methods <= _PASSED_ON, REPAIR.format("the methods of WebSocket", "_follower.py")


def test_the_attributes_of_an_object_are_known() -> None:
    websocket: Any = starlette.websockets.WebSocket(scope(), Server().receive, Server().send)
    known = {"scope", "_receive", "_send", "client_state", "application_state"}

    assert vars(websocket).keys() == known, REPAIR.format("WebSocket's state", "_websocket.py")


def test_an_application_puts_its_exception_handlers_into_the_scope_and_makes_an_object() -> None:
    seen: list[Any] = []

    async def handler(websocket: starlette.websockets.WebSocket) -> None:
        seen.append(websocket.scope.get("starlette.exception_handlers"))
        seen.append(websocket.scope.get("app"))

    app = Starlette(routes=[WebSocketRoute("/", handler)])
    run(app(scope(), Server().receive, Server().send))

    handlers = REPAIR.format("'starlette.exception_handlers'", "_websocket.py and _install.py")
    assert isinstance(seen[0], tuple), handlers
    assert [isinstance(each, Mapping) for each in seen[0]] == [True, True], handlers
    assert seen[1] is app, REPAIR.format("scope['app']", "_install.py")

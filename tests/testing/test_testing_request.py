"""The scope of a client's connection, and the application that it is passed to."""

import functools
import subprocess
import sys
from typing import Any

import pytest
from helpers.loops import Run, on_both

from wsfsm import WebSocket
from wsfsm.server import ServerConnection
from wsfsm.server.commands import StartApplication
from wsfsm.testing import connect, make_scope
from wsfsm.types import Receive, Scope, Send


def test_no_other_library_is_imported() -> None:
    code = """
import sys
import wsfsm.testing, wsfsm.origins
print(*{"anyio", "trio", "starlette", "sniffio", "pytest"} & set(sys.modules))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own

    assert done.stdout == "\n"


def websocket(*args: Any, **keys: Any) -> WebSocket:
    async def never() -> Any: ...

    return WebSocket(make_scope(*args, **keys), never, never)  # type: ignore[arg-type]


def test_its_parts() -> None:
    scope = make_scope("/a%20b/c?x=1", query={"y": "é"}, subprotocols=["chat", "soap"])

    assert scope["path"] == "/a b/c"
    assert scope["raw_path"] == b"/a%20b/c"
    assert scope["query_string"] == b"x=1&y=%C3%A9"
    assert scope["subprotocols"] == ["chat", "soap"]
    assert (b"sec-websocket-protocol", b"chat, soap") in scope["headers"]
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("/x", ("ws", "ws://testserver/x", ("testserver", 80))),
        ("wss://example.org", ("wss", "wss://example.org/", ("example.org", 443))),
        ("https://example.org/x", ("wss", "wss://example.org/x", ("example.org", 443))),
        ("ws://[::1]:8000/x?y", ("ws", "ws://[::1]:8000/x?y", ("::1", 8000))),
    ],
)
def test_the_url(url: str, parts: tuple[Any, ...]) -> None:
    connection = websocket(url)

    assert (connection["scheme"], str(connection.url), connection["server"]) == parts


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "é"}, [("X-A", "é")], [(b"X-A", "é".encode("latin-1"))]],
)
def test_headers_are_texts_or_bytes(headers: Any) -> None:
    assert websocket(headers=headers).headers["x-a"] == "é"


def test_headers_replace_those_of_every_request_and_may_be_repeated() -> None:
    headers = websocket(headers=[("host", "other"), ("x-a", "1"), ("X-A", "2")]).headers

    assert headers.getlist("host") == ["other"]
    assert headers.getlist("x-a") == ["1", "2"]


def test_cookies() -> None:
    assert websocket(cookies={"a": "1", "b": "2"}).cookies == {"a": "1", "b": "2"}


def test_it_is_a_valid_handshake() -> None:
    headers = make_scope(subprotocols=["chat"])["headers"]

    assert StartApplication() in ServerConnection().receive_request("GET", headers)


class Callable:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})

    async def method(self, websocket: WebSocket) -> None:
        await websocket.accept(websocket["subprotocols"][0])


async def handler(websocket: WebSocket, user: str = "ann", *more: Any, **keys: Any) -> None:
    await websocket.accept(user)


async def dependent(websocket: WebSocket, user: str) -> None:
    await websocket.accept(user)


def wrapped(*args: Any) -> Any:
    return Callable()(*args)


@on_both
@pytest.mark.parametrize(
    "application",
    [
        Callable(),
        Callable().__call__,
        Callable().method,
        handler,
        functools.partial(dependent, user="ann"),
        wrapped,
    ],
    ids=["object", "call", "method", "handler", "partial", "variable"],
)
def test_an_application_takes_three_arguments_and_a_handler_one(run: Run, application: Any) -> None:
    async def main() -> None:
        async with connect(application, subprotocols=["ann"]) as client:
            assert (await client.accepted()).subprotocol == "ann"

    run(main)


@on_both
def test_a_callable_without_a_signature_is_an_application(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            async with connect(dict):  # type: ignore[arg-type]
                pass

    run(main)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((None,), {}, "'application' must be an ASGI application or a handler, got NoneType None"),
        (
            ("/x", handler),
            {},
            "'application' must be an ASGI application or a handler, got str '/x'",
        ),
        ((handler, 5), {}, "'url' must be str, got int 5"),
        ((handler,), {"cookies": "a=b"}, "'cookies' must be a mapping, got str 'a=b'"),
        ((handler,), {"query": "a=b"}, "'query' must be a mapping, got str 'a=b'"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(
    arguments: tuple[Any, ...], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(TypeError, match=rf"^connect\(\): {text}$"):
        connect(*arguments, **options)


@pytest.mark.parametrize("url", ["nope", "a/b?c=d", "ws:nope"])
def test_a_path_without_a_slash_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"'url' must be a path that begins with a slash, or "):
        connect(handler, url)


@on_both
def test_the_scope_can_have_other_keys(run: Run) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": scope["state"]["db"] + scope["path"]})

    async def main() -> None:
        extras = {"state": {"db": "x"}, "path": "/replaced"}
        async with connect(application, "/y", scope=extras) as client:
            assert await client.receive_text() == "x/replaced"
            assert client.scope["state"] == {"db": "x"}

    run(main)


@on_both
def test_a_request_that_is_no_handshake_is_refused(run: Run) -> None:
    async def main() -> None:
        async with connect(handler, headers={"sec-websocket-version": "8"}) as client:
            assert (await client.denied()).status == 426

    run(main)

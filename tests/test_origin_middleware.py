"""The middleware that refuses WebSockets of other sites, alone and in front of frameworks."""

import logging
from typing import Any

import fastapi
import pytest
from helpers.asgi import run as run_alone
from helpers.loops import Run, on_both
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from wsfsm import WebSocket
from wsfsm.origins import AllowedOrigins, OriginMiddleware, _Limited
from wsfsm.testing import SERVERS, Accepted, Denied, connect, make_scope
from wsfsm.types import Message, Receive, Scope, Send

EVIL = {"origin": "https://evil.example"}
OWN = {"origin": "http://testserver"}


class Application:
    """Accepts, and keeps the scopes that it is called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).accept()


def answer(run: Run, app: Any, headers: dict[str, str], **keys: Any) -> Accepted | Denied:
    async def main() -> Accepted | Denied:
        async with connect(app, headers=headers, **keys) as client:
            return await client.handshake()

    result: Accepted | Denied = run(main)
    return result


@on_both
class TestHandshake:
    def test_of_the_own_site_is_passed_on(self, run: Run) -> None:
        application = Application()

        assert answer(run, OriginMiddleware(application), OWN) == Accepted(None, ())
        assert len(application.scopes) == 1

    def test_of_another_site_is_refused_before_the_application(self, run: Run) -> None:
        application = Application()

        denied = answer(run, OriginMiddleware(application), EVIL)

        assert denied == Denied(
            403,
            ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"53")),
            b"This origin is not allowed to open a WebSocket here.\n",
        )
        assert application.scopes == []

    @pytest.mark.parametrize("server", SERVERS)
    def test_is_refused_on_each_server(self, run: Run, server: str) -> None:
        denied = answer(run, OriginMiddleware(Application()), EVIL, server=server)

        assert isinstance(denied, Denied)
        assert denied.status == 403
        assert bool(denied.body) is SERVERS[server].denial

    def test_of_an_allowed_site_is_passed_on(self, run: Run) -> None:
        app = OriginMiddleware(Application(), ["https://evil.example"], same_origin=False)

        assert isinstance(answer(run, app, EVIL), Accepted)
        assert isinstance(answer(run, app, OWN), Denied)

    def test_without_an_origin_is_a_choice(self, run: Run) -> None:
        application = Application()

        assert isinstance(answer(run, OriginMiddleware(application), {}), Accepted)
        strict = OriginMiddleware(application, allow_missing=False)
        assert isinstance(answer(run, strict, {}), Denied)

    def test_of_a_client_that_has_left_needs_no_answer(self, run: Run) -> None:
        async def main() -> None:
            async with connect(OriginMiddleware(Application()), headers=EVIL) as client:
                client.drop()
                assert await client.result() is None

        run(main)


def test_a_client_that_leaves_before_the_connect_needs_no_answer() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [(b"origin", b"null")]}
    run_alone(OriginMiddleware(Application())(scope, receive, send))

    assert sent == []


@pytest.mark.parametrize("kind", ["http", "lifespan"])
def test_other_connections_are_passed_on(kind: str) -> None:
    application = Application()
    scope = {"type": kind, "headers": [(b"origin", b"https://evil.example")]}

    async def never() -> Any: ...

    run_alone(OriginMiddleware(application)(scope, never, never))  # type: ignore[arg-type]

    assert application.scopes == [scope]


def test_allowed_origins_may_be_made_before() -> None:
    allowed = AllowedOrigins(["https://example.org"])

    assert OriginMiddleware(Application(), allowed).allowed is allowed


def test_error_of_a_server_whose_client_leaves_is_no_error_of_the_refusal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    incoming = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        return incoming.pop()

    async def send(message: Message) -> None:
        raise RuntimeError("ASGI flow error: Connection already upgraded")

    scope = make_scope(headers={"origin": "https://evil.example"})
    run_alone(OriginMiddleware(Application())(scope, receive, send))

    assert "The server failed to refuse a WebSocket." in caplog.messages


def test_a_wrong_origin_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="must be scheme://host"):
        OriginMiddleware(Application(), ["*"])


@on_both
@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_it_works_in_front_of(run: Run, framework: str) -> None:
    app: Any
    if framework == "starlette":
        app = Starlette(
            routes=[WebSocketRoute("/", lambda websocket: websocket.accept())],
            middleware=[Middleware(OriginMiddleware, allowed_origins=["https://a.example"])],
        )
    else:
        app = api = fastapi.FastAPI()
        api.add_middleware(OriginMiddleware, allowed_origins=["https://a.example"])

        @api.websocket("/")
        async def handler(websocket: fastapi.WebSocket) -> None:
            await websocket.accept()

    assert isinstance(answer(run, app, {"origin": "https://a.example"}), Accepted)
    assert isinstance(answer(run, app, OWN), Accepted)
    assert isinstance(answer(run, app, EVIL), Denied)


class TestLog:
    def test_has_a_line_for_each_refusal(self, caplog: pytest.LogCaptureFixture) -> None:
        run: Run = on_both.args[1][0]
        answer(run, OriginMiddleware(Application()), {"origin": "null"}, url="/a%0ab")

        (record,) = caplog.records
        assert record.name == "wsfsm.origins"
        assert record.levelno == logging.WARNING
        assert record.getMessage() == (
            r"Refused a WebSocket to /a\nb. The origin null is not that of any site."
        )

    def test_is_limited(self, caplog: pytest.LogCaptureFixture) -> None:
        now = [0.0]
        limited = _Limited(lines=3, seconds=60, clock=lambda: now[0])

        for number in range(10):
            limited.write(f"refused {number}%s")
        assert caplog.messages == ["refused 0%s", "refused 1%s", "refused 2%s"]

        now[0] = 60
        caplog.clear()
        limited.write("again")
        assert caplog.messages == ["Refused 7 more WebSockets because of their origin.", "again"]

        now[0] = 120
        caplog.clear()
        limited.write("later")
        assert caplog.messages == ["later"]

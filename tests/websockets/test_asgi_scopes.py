"""asgi(): the scopes that the application serves, and the origins that it allows."""

import logging
from collections.abc import Callable
from typing import Any, Final

import pytest
from helpers.asgi import Server, call, scope
from helpers.connections import CONNECT
from helpers.loops import Run, on_both

from wsfsm import WebSocket, asgi
from wsfsm.origins import AllowedOrigins, OriginPattern, _Limited
from wsfsm.testing import lifespan

Handler = Callable[[WebSocket], Any]

TEXT_426: Final = b"This address is for WebSockets only.\n"


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


async def returns(websocket: WebSocket) -> None:
    await websocket.accept()


class TestOtherScopes:
    @pytest.mark.parametrize("version", ["1.0", "1.1", None], ids="HTTP version {} or so".format)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_plain_request_is_answered_with_426(self, version: str | None, method: str) -> None:
        request = {"type": "http", "method": method, "http_version": version}
        if version is None:
            del request["http_version"]
        server = Server()

        call(asgi(echo), request, server)

        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"37"),
            (b"connection", b"upgrade"),
            (b"upgrade", b"websocket"),
        ]
        assert server.sent == [
            {"type": "http.response.start", "status": 426, "headers": headers},
            {"type": "http.response.body", "body": TEXT_426},
        ]
        assert len(TEXT_426) == 37

    @pytest.mark.parametrize("version", ["2", "3"], ids="HTTP/{} has no upgrade".format)
    def test_a_request_of_a_version_without_upgrades_is_answered_with_400(
        self, version: str
    ) -> None:
        server = Server()

        call(asgi(echo), {"type": "http", "http_version": version}, server)

        start, body = server.sent
        assert start["status"] == 400
        assert [name for name, _ in start["headers"]] == [b"content-type", b"content-length"]
        assert body["body"] == TEXT_426

    @on_both
    def test_the_lifespan_succeeds(self, run: Run) -> None:
        async def main() -> None:
            async with lifespan(asgi(echo)):
                pass

        run(main)

    def test_the_lifespan_answers_each_phase(self) -> None:
        server = Server([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        call(asgi(echo), {"type": "lifespan"}, server)

        assert server.sent == [
            {"type": "lifespan.startup.complete"},
            {"type": "lifespan.shutdown.complete"},
        ]

    def test_an_unknown_scope_is_refused(self) -> None:
        server = Server()

        with pytest.raises(
            ValueError, match=r"asgi\(\) serves scopes of type .*, got 'webtransport'"
        ):
            call(asgi(echo), {"type": "webtransport"}, server)

        assert server.sent == []


class TestAllowedOrigins:
    @pytest.fixture(autouse=True)
    def _unlimited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsfsm.origins.log_refusal.__defaults__", (_Limited(),))

    @staticmethod
    def connecting(origin: str | None) -> Any:
        headers = [(b"host", b"app.example")]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        return scope(headers=headers, scheme="wss")

    @pytest.mark.parametrize(
        "allowed",
        [
            None,
            ["https://page.example"],
            ("https://page.example",),
            iter(["https://page.example"]),
            [OriginPattern.parse("https://page.example")],
            AllowedOrigins(["https://page.example"]),
        ],
        ids=["all", "list", "tuple", "iterator", "pattern", "AllowedOrigins"],
    )
    def test_a_page_of_an_allowed_origin_reaches_the_handler_each_time(
        self, allowed: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = asgi(returns, allowed_origins=allowed)
        for _ in range(2):
            server = Server([CONNECT])
            call(app, self.connecting("https://page.example"), server)
            assert server.sent[0]["type"] == "websocket.accept"
        assert caplog.messages == []

    @pytest.mark.parametrize(
        ("allowed", "origin", "status"),
        [
            ([], "https://page.example", 403),
            ([], "https://app.example", None),
            ([], None, None),
            (["https://*.page.example"], "https://page.example", 403),
            (["https://*.page.example"], "https://a.page.example", None),
            (AllowedOrigins(same_origin=False), "https://app.example", 403),
            (AllowedOrigins(allow_missing=False), None, 403),
        ],
        ids=[
            "a foreign page",
            "the own origin",
            "a program",
            "not a subdomain",
            "a subdomain",
            "the own origin, excluded",
            "a program, excluded",
        ],
    )
    def test_other_pages_are_denied_before_the_handler_runs(
        self, allowed: Any, origin: str | None, status: int | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        calls: list[WebSocket] = []

        async def handler(websocket: WebSocket) -> None:
            calls.append(websocket)

        server = Server([CONNECT])
        app = asgi(handler, allowed_origins=allowed)
        call(app, self.connecting(origin), server)

        if status is None:
            assert (len(calls), caplog.messages) == (1, [])
            return
        assert calls == []
        start, body = server.sent
        assert start["status"] == status
        assert body["body"] == b"This origin is not allowed to open a WebSocket here.\n"
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("wsfsm.origins", logging.WARNING)
        assert record.getMessage().startswith("Refused a WebSocket to /. The ")

    def test_a_client_that_leaves_before_the_denial_is_quiet(self) -> None:
        server = Server([CONNECT], failing=OSError("broken pipe"))
        app = asgi(returns, allowed_origins=[])

        call(app, self.connecting("https://page.example"), server)

    def test_without_the_extension_the_handshake_is_rejected(self) -> None:
        server = Server([CONNECT])
        connecting = {**self.connecting("https://page.example"), "extensions": {}}

        call(asgi(returns, allowed_origins=[]), connecting, server)

        assert [message["type"] for message in server.sent] == ["websocket.close"]

    @pytest.mark.parametrize(
        ("allowed", "kind"),
        [("https://page.example", TypeError), (["page.example"], ValueError), (5, TypeError)],
        ids=["one str", "no scheme", "int"],
    )
    def test_a_malformed_list_is_refused_at_once(self, allowed: Any, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            asgi(echo, allowed_origins=allowed)

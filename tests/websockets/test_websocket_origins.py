"""accept() with allowed origins."""

import logging
from typing import Any, Final

import pytest
from helpers.asgi import Server, run
from helpers.connections import (
    ACCEPT,
    CLOSE,
    CONNECT,
    PLAIN,
    START,
    connection,
    denial,
    length,
)
from helpers.loops import Run, on_both

from wsfsm import IllegalTransition, ReadyState, WebSocket, WebSocketDisconnect
from wsfsm.origins import AllowedOrigins, OriginPattern, _Limited
from wsfsm.testing import connect
from wsfsm.types import Message

REJECTED: Final = [CLOSE]


PAGE: Final = "https://page.example"


def from_page(
    *incoming: Message, origin: str | None = PAGE, **keys: Any
) -> tuple[WebSocket, Server]:
    headers = [(b"host", b"app.example")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return connection(*incoming, headers=headers, scheme="wss", **keys)


class TestAllowedOrigins:
    @pytest.fixture(autouse=True)
    def _unlimited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsfsm.origins.log_refusal.__defaults__", (_Limited(),))

    @pytest.mark.parametrize(
        "allowed",
        [
            ["https://page.example"],
            ("https://other.example", "https://page.example"),
            [OriginPattern.parse("https://page.example")],
            AllowedOrigins(["https://page.example"], same_origin=False),
            iter(["https://page.example"]),
        ],
        ids=["list", "tuple", "pattern", "AllowedOrigins", "iterator"],
    )
    def test_a_page_of_an_allowed_origin_is_accepted(
        self, allowed: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = from_page(CONNECT)

        run(websocket.accept("chat", [(b"x", b"y")], allowed_origins=allowed))

        accept = {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x", b"y")]}
        assert (server.sent, caplog.messages) == ([accept], [])

    @pytest.mark.parametrize("origin", ["https://app.example", None], ids=["own", "none"])
    def test_an_empty_list_allows_the_own_origin_and_programs(self, origin: str | None) -> None:
        websocket, _ = from_page(CONNECT, origin=origin)

        run(websocket.accept(allowed_origins=[]))

        assert websocket.is_open

    @pytest.mark.parametrize(
        "origin",
        [PAGE, "null", "https://app.example:8443"],
        ids=["another host", "null", "another port"],
    )
    def test_another_page_is_denied(self, origin: str, caplog: pytest.LogCaptureFixture) -> None:
        websocket, server = from_page(origin=origin)  # even before the connect is received

        with pytest.raises(WebSocketDisconnect) as caught:
            run(websocket.accept(allowed_origins=[]))

        body = b"This origin is not allowed to open a WebSocket here.\n"
        assert server.sent == denial(403, [PLAIN, length(len(body))], body)
        assert websocket.ready_state is ReadyState.CLOSING
        assert (caught.value.code, caught.value.reason) == (1006, "")
        assert not isinstance(caught.value, RuntimeError)
        why = caplog.messages[0].removeprefix("Refused a WebSocket to /. ")
        assert caught.value.topic == "origin"
        assert caught.value.__notes__[1:] == [f"{why} The connection was denied with HTTP 403."]
        assert origin in why
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("wsfsm.origins", logging.WARNING)

    def test_without_the_extension_another_page_is_rejected(self) -> None:
        websocket, server = from_page(extensions={})

        with pytest.raises(WebSocketDisconnect):
            run(websocket.accept(allowed_origins=[]))

        assert server.sent == REJECTED

    def test_by_default_all_pages_are_accepted(self) -> None:
        websocket, _ = from_page(CONNECT)
        run(websocket.accept())
        assert websocket.is_open

    @pytest.mark.parametrize(
        ("allowed", "kind"),
        [
            ("https://page.example", TypeError),
            (["https://page.example/path"], ValueError),
            (["*"], ValueError),
        ],
        ids=["one str", "with a path", "star"],
    )
    def test_a_malformed_list_is_an_error_and_nothing_is_sent(
        self, allowed: Any, kind: type[Exception]
    ) -> None:
        websocket, server = from_page(CONNECT)

        with pytest.raises(kind):
            run(websocket.accept(allowed_origins=allowed))

        assert (server.sent, len(server.incoming)) == ([], 1)
        assert websocket.ready_state is ReadyState.CONNECTING

    @pytest.mark.parametrize("sent", [ACCEPT, START, *REJECTED], ids=["open", "denying", "over"])
    def test_an_accept_that_is_refused_checks_nothing(
        self, sent: Message, caplog: pytest.LogCaptureFixture
    ) -> None:
        websocket, server = from_page(CONNECT)
        run(websocket.send(sent))
        server.sent.clear()

        with pytest.raises(IllegalTransition) as caught:
            run(websocket.accept(allowed_origins=[]))

        assert caught.value.event == "websocket.accept"
        assert (server.sent, caplog.messages) == ([], [])

    def test_the_denial_ends_a_block_quietly(self) -> None:
        websocket, server = from_page(CONNECT)

        async def handler() -> None:
            async with websocket:
                await websocket.accept(allowed_origins=[])
                raise AssertionError("the connection is denied")

        run(handler())
        assert [m["type"] for m in server.sent] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]

    def test_the_log_is_limited(self, caplog: pytest.LogCaptureFixture) -> None:
        for _ in range(12):
            websocket, _ = from_page()
            with pytest.raises(WebSocketDisconnect):
                run(websocket.accept(allowed_origins=[]))

        assert len(caplog.messages) == 10

    @on_both
    def test_it_works_with_a_timeout(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            async with websocket:
                await websocket.accept(allowed_origins=["https://page.example"], timeout=5)

        async def main() -> None:
            for origin, status in (("https://page.example", None), ("https://evil.example", 403)):
                async with connect(handler, headers={"origin": origin}) as client:
                    assert getattr(await client.handshake(), "status", None) == status

        run(main)

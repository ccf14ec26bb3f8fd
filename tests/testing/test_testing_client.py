"""The client of wsfsm.testing: what an application does reaches it, and the reverse."""

import asyncio
from typing import Any

import pytest
from helpers.echo import answer
from helpers.echo import echo as echo_app
from helpers.loops import Run, on_both

from wsfsm import (
    WebSocket,
)
from wsfsm.testing import (
    Accepted,
    ClientDenied,
    ClientFailure,
    Denied,
    connect,
)
from wsfsm.types import Message, Receive, Scope, Send


@on_both
class TestMessages:
    def test_a_handler_answers(self, run: Run) -> None:
        async def main() -> None:
            async with connect(answer) as client:
                await client.send_text("hello")

                assert await client.receive_text() == "you said hello"

        run(main)

    def test_an_asgi_application_answers_with_each_kind(self, run: Run) -> None:
        async def main() -> None:
            async with connect(echo_app) as client:
                await client.send_text("text")
                await client.send_bytes(b"bytes")
                await client.send_bytes(bytearray(b"array"))
                await client.send_json({"é": 1})
                await client.send_json([2], mode="binary")
                await client.send_text("any")

                assert await client.receive_text() == "text"
                assert await client.receive_bytes() == b"bytes"
                assert await client.receive() == b"array"
                assert await client.receive_text() == '{"é":1}'
                assert await client.receive_json("binary") == [2]
                assert await client.receive() == "any"

        run(main)

    @pytest.mark.parametrize(("method", "data"), [("send_text", b"x"), ("send_bytes", "x")])
    def test_data_of_the_other_type_is_not_sent(self, run: Run, method: str, data: Any) -> None:
        async def main() -> None:
            async with connect(echo_app) as client:
                with pytest.raises(TypeError, match=f"{method}.*'data' must be .*, got"):
                    await getattr(client, method)(data)

        run(main)

    def test_json_is_decoded(self, run: Run) -> None:
        async def main() -> None:
            async with connect(echo_app) as client:
                await client.send_json({"a": [1, None]})

                assert await client.receive_json() == {"a": [1, None]}

        run(main)

    @pytest.mark.parametrize("method", ["send_json", "receive_json"])
    def test_json_has_two_modes(self, run: Run, method: str) -> None:
        async def main() -> None:
            async with connect(echo_app) as client:
                keys = {"mode": "xml"} | ({"data": 1} if method == "send_json" else {})
                with pytest.raises(ValueError, match="mode must be 'text' or 'binary', got str"):
                    await getattr(client, method)(**keys)

        run(main)

    @pytest.mark.parametrize(
        ("method", "sent", "text"),
        [
            ("receive_text", b"x", "Expected a text message, but got bytes b'x'"),
            ("receive_bytes", "x", "Expected a binary message, but got str 'x'"),
        ],
    )
    def test_a_message_of_the_other_kind_is_a_failure(
        self, run: Run, method: str, sent: Any, text: str
    ) -> None:
        async def main() -> None:
            async with connect(echo_app) as client:
                await (client.send_text if isinstance(sent, str) else client.send_bytes)(sent)
                with pytest.raises(ClientFailure, match=text):
                    await getattr(client, method)()

        run(main)

    def test_iteration_ends_with_the_connection(self, run: Run) -> None:
        async def counts(websocket: WebSocket) -> None:
            await websocket.accept()
            for number in range(3):
                await websocket.send_text(str(number))

        async def main() -> None:
            async with connect(counts) as client:
                assert [message async for message in client] == ["0", "1", "2"]

        run(main)

    def test_messages_that_are_sent_before_a_close_are_received_first(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> list[str]:
            await websocket.accept()
            return [text async for text in websocket.iter_text()]

        async def main() -> None:
            async with connect(handler) as client:
                await client.send_text("1")
                await client.send_text("2")
                await client.close()

                assert await client.result() == ["1", "2"]

        run(main)


@on_both
class TestHandshake:
    def test_the_answer_has_subprotocol_and_headers(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept("chat", headers=[(b"X-Room", b"1")])

        async def main() -> None:
            async with connect(handler, subprotocols=["soap", "chat"]) as client:
                assert await client.handshake() == Accepted("chat", ((b"x-room", b"1"),))
                assert await client.accepted() == Accepted("chat", ((b"x-room", b"1"),))
                with pytest.raises(ClientFailure, match="but it was accepted"):
                    await client.denied()

        run(main)

    def test_a_close_before_the_accept_is_an_http_response(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.close(4001, "who are you?")

        async def main() -> None:
            async with connect(handler) as client:
                assert await client.denied() == Denied(403)
                with pytest.raises(ClientDenied, match="rejected with HTTP 403") as caught:
                    await client.receive_text()
                assert caught.value.denied == Denied(403)

        run(main)

    @pytest.mark.parametrize("parts", [[b"no"], [b"n", b"o"], [b"n", b"o", b""]])
    def test_a_denial_has_status_headers_and_body(self, run: Run, parts: list[bytes]) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            headers = [(b"retry-after", b"5")]
            start = {"type": "websocket.http.response.start", "status": 429, "headers": headers}
            await send(start)
            for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
                body = {"type": "websocket.http.response.body", "body": part}
                await send(body | {"more_body": bool(left)})

        async def main() -> None:
            async with connect(application) as client:
                denied = await client.denied()

            assert denied == Denied(429, ((b"retry-after", b"5"),), b"no")

        run(main)

    def test_a_denial_that_is_cut_short_is_not_complete(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"half", "more_body": True})

        async def main() -> None:
            async with connect(application) as client:
                assert await client.denied() == Denied(404, (), b"half", complete=False)

        run(main)

    def test_an_application_that_raises_at_once_is_answered_with_500(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            raise ZeroDivisionError

        async def main() -> None:
            async with connect(handler) as client:
                assert (await client.denied()).status == 500
                with pytest.raises(ZeroDivisionError):
                    await client.result()

        run(main)

    def test_a_client_can_leave_before_it(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> list[Message]:
            return [await websocket.receive(), await websocket.receive()]

        async def main() -> None:
            async with connect(handler) as client:
                client.drop()

                assert await client.result() == [
                    {"type": "websocket.connect"},
                    {"type": "websocket.disconnect", "code": 1006, "reason": ""},
                ]
                with pytest.raises(ClientFailure, match="left before the answer"):
                    await client.handshake()

        run(main)


def test_a_client_connects_only_once() -> None:
    async def main() -> None:
        client = connect(echo_app)
        async with client:
            await client.accepted()
        with pytest.raises(RuntimeError, match=r"connects once; call connect\(\) again"):
            await client.__aenter__()

    asyncio.run(main())

"""Before the accept: deny(), and the choice of a subprotocol: negotiate()."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import pytest
import starlette.datastructures
from helpers.asgi import run
from helpers.connections import (
    ACCEPT,
    BODY,
    BYE,
    CLOSE,
    CONNECT,
    MORE,
    PLAIN,
    START,
    accepted,
    connection,
    denial,
    left,
    length,
    states,
)
from helpers.loops import Run, on_both

from wsfsm import ConnectionClosed, IllegalTransition, ReadyState, WebSocket, WebSocketDisconnect
from wsfsm.datastructures import Headers
from wsfsm.testing import Denied, connect
from wsfsm.types import Message

REJECTED: Final = [CLOSE]


class TestDeny:
    def test_the_default_is_403_with_an_empty_body(self) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.deny())

        assert server.sent == denial(403, [length(0)])
        assert websocket.ready_state is ReadyState.CLOSING
        assert (websocket.closed_by, websocket.close_code) == ("application", 1006)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            ("nö", [PLAIN, length(3)]),
            (b"n\xff", [length(2)]),
            ("", [length(0)]),
        ],
        ids=["str", "bytes", "empty str"],
    )
    def test_the_body_is_text_or_bytes(
        self, body: str | bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.deny(401, body=body))

        payload = body.encode() if isinstance(body, str) else body
        assert server.sent == denial(401, headers, payload)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Retry-After": "60", "X-Name": "\xe4"},
            MappingProxyType({"Retry-After": "60", "X-Name": "\xe4"}),
            Headers({"Retry-After": "60", "X-Name": "\xe4"}),
            starlette.datastructures.Headers({"Retry-After": "60", "X-Name": "\xe4"}),
            [(b"retry-after", b"60"), (b"x-name", b"\xe4")],
            ((b"retry-after", b"60"), (b"x-name", b"\xe4")),
            iter([(b"retry-after", b"60"), (b"x-name", b"\xe4")]),
        ],
        ids=["dict", "mapping", "Headers", "Starlette's Headers", "list", "tuple", "iterator"],
    )
    def test_headers_are_a_mapping_of_str_or_pairs_of_bytes(self, headers: Any) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.deny(503, headers=headers))

        pairs = [(b"retry-after", b"60"), (b"x-name", b"\xe4"), length(0)]
        assert server.sent == denial(503, pairs)

    @pytest.mark.parametrize(
        "kind", [Headers, starlette.datastructures.Headers], ids=["wsfsm", "Starlette"]
    )
    def test_all_values_of_a_name_are_sent(self, kind: Any) -> None:
        websocket, server = connection(CONNECT)
        cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]

        run(websocket.deny(headers=kind(raw=cookies)))

        assert server.sent == denial(403, [*cookies, length(0)])

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "text/html", "Content-Length": "5"},
            [(b"CONTENT-TYPE", b"text/html"), (b"Content-Length", b"5")],
        ],
        ids=["mapping", "pairs"],
    )
    def test_headers_that_are_there_are_not_added(self, headers: Any) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.deny(headers=headers, body="<br/>"))

        names = [name.lower() for name, _ in server.sent[0]["headers"]]
        assert names == [b"content-type", b"content-length"]

    def test_the_arguments_are_not_changed(self) -> None:
        websocket, _ = connection(CONNECT)
        headers = [(b"x", b"y")]

        run(websocket.deny(headers=headers, body="no"))

        assert headers == [(b"x", b"y")]

    @pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, 404], ids=["HTTPStatus", "int"])
    def test_the_server_gets_a_plain_int(self, status: int) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.deny(status))

        assert server.sent[0]["status"] == 404
        assert type(server.sent[0]["status"]) is int

    @pytest.mark.parametrize("status", [204, 304], ids=["No Content", "Not Modified"])
    def test_a_status_without_a_body_has_no_length(self, status: int) -> None:
        websocket, server = connection(CONNECT)

        run(websocket.deny(status))

        assert server.sent == denial(status, [])

    @pytest.mark.parametrize(
        ("arguments", "kind", "text"),
        [
            ({"status": 199}, ValueError, "'status' must be from 200 to 599, got 199;"),
            ({"status": 600}, ValueError, "'status' must be from 200 to 599, got 600;"),
            ({"status": 101}, ValueError, "'status' must be from 200 to 599, got 101;"),
            ({"status": 4003}, ValueError, "'status' must be from 200 to 599, got 4003;"),
            ({"status": "403"}, TypeError, "'status' must be int, got str '403';"),
            ({"status": 403.0}, TypeError, "'status' must be int, got float 403.0;"),
            ({"status": True}, TypeError, "'status' must be int, got bool True;"),
            ({"status": None}, TypeError, "'status' must be int, got NoneType None;"),
            ({"body": None}, TypeError, "'body' must be str or bytes, got NoneType None;"),
            ({"body": ["no"]}, TypeError, r"'body' must be str or bytes, got list \['no'\];"),
            ({"status": 204, "body": "no"}, ValueError, "a response with status 204 has no body;"),
            ({"body": "\ud800"}, ValueError, "surrogates not allowed"),
            ({"headers": {"x": 1}}, TypeError, "'headers' must be a mapping of str in latin-1,"),
            ({"headers": {"x": "\u20ac"}}, TypeError, "'headers' must be a mapping of str in lat"),
            ({"headers": {b"x": b"y"}}, TypeError, "'headers' must be a mapping of str in latin"),
            ({"headers": [("x", "y")]}, TypeError, "'headers' must be pairs of bytes, got list"),
            ({"headers": 5}, TypeError, "'headers' must be pairs of bytes, got int 5;"),
            ({"headers": "x: y"}, TypeError, "'headers' must be pairs of bytes, got str 'x: y';"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["no", "yes"])
    def test_a_wrong_argument_is_refused_before_anything_is_sent(
        self,
        arguments: dict[str, Any],
        kind: type[Exception],
        text: str,
        extensions: Mapping[str, Any],
    ) -> None:
        websocket, server = connection(CONNECT, extensions=extensions)

        with pytest.raises(kind, match=text):
            run(websocket.deny(**arguments))

        assert (server.sent, websocket.ready_state) == ([], "connecting")
        run(websocket.deny())

    @pytest.mark.parametrize("scope", [{"extensions": {}}, {"extensions": None}], ids=str)
    def test_without_the_extension_the_server_answers_with_403(self, scope: Any) -> None:
        websocket, server = connection(CONNECT, **scope)

        run(websocket.deny(401, headers={"x": "y"}, body="no"))

        assert server.sent == REJECTED
        assert websocket.ready_state is ReadyState.CLOSING

    def test_a_scope_without_extensions_has_no_extension(self) -> None:
        websocket, server = connection(CONNECT)
        del websocket.scope["extensions"]
        run(websocket.deny(401))
        assert server.sent == REJECTED

    @pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["no", "yes"])
    @pytest.mark.parametrize(
        ("sent", "state"),
        [
            ([ACCEPT], "open"),
            ([START], "denying"),
            ([START, MORE], "denying"),
            ([START, BODY], "closing"),
            ([*REJECTED], "closing"),
            ([ACCEPT, *REJECTED], "closing"),
        ],
        ids=["open", "denying", "with a part", "denied", "rejected", "closed"],
    )
    def test_it_is_refused_once_the_handshake_is_answered(
        self, sent: list[Message], state: str, extensions: Mapping[str, Any]
    ) -> None:
        websocket, server = connection(CONNECT, extensions=extensions)
        for message in sent:
            run(websocket.send(message))
        server.sent.clear()

        with pytest.raises(IllegalTransition) as caught:
            run(websocket.deny())

        assert caught.value.event == "websocket.http.response.start"
        assert isinstance(caught.value, ConnectionClosed) == (state == "closing")
        assert (server.sent, websocket.ready_state) == ([], state)

    def test_an_open_connection_stays_usable(self) -> None:
        websocket, server = accepted()

        with pytest.raises(
            IllegalTransition, match=r"allowed now: websocket\.send, websocket\.close"
        ):
            run(websocket.deny())
        run(websocket.send_text("still there"))

        assert server.sent == [{"type": "websocket.send", "text": "still there"}]

    def test_after_the_client_has_left_it_raises_the_end(self) -> None:
        websocket, server = connection(CONNECT, BYE)
        run(websocket.receive())
        run(websocket.receive())

        with pytest.raises(ConnectionClosed) as caught:
            run(websocket.deny())

        assert (caught.value.code, caught.value.closed_by, server.sent) == (4001, "client", [])
        with pytest.raises(ConnectionClosed):
            run(left()[0].deny())

    def test_a_client_that_leaves_meanwhile_is_the_loss_of_the_transport(self) -> None:
        websocket, server = connection(CONNECT)
        server.failing = OSError("broken pipe")

        with pytest.raises(WebSocketDisconnect) as caught:
            run(websocket.deny())

        assert caught.value.__cause__ is server.failing
        assert websocket.ready_state is ReadyState.LOST

    def test_a_hook_of_a_subclass_sees_both_messages(self) -> None:
        seen: list[str] = []

        class Hooked(WebSocket):
            async def send(self, message: Message) -> None:
                seen.append(message["type"])
                await super().send(message)

        websocket, server = connection(CONNECT)
        websocket.__class__ = Hooked
        run(websocket.deny())

        assert seen == [message["type"] for message in server.sent]

    @on_both
    def test_the_client_receives_the_response(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.deny(
                HTTPStatus.UNAUTHORIZED, headers={"X-A": "b"}, body="nö", timeout=5
            )

        async def main() -> None:
            headers = ((b"x-a", b"b"), PLAIN, length(3))
            async with connect(handler) as client:
                assert await client.denied() == Denied(401, headers, "nö".encode())
            async with connect(handler, server="daphne") as client:
                assert (await client.denied()).status == 403

        run(main)

    @on_both
    def test_a_timeout_names_it(self, run: Run) -> None:
        slow: Any = None

        async def handler(websocket: WebSocket) -> None:
            slow.pause_reading()
            with pytest.raises(TimeoutError, match=r"deny\(\) took longer than its timeout of 0 s"):
                await websocket.deny(timeout=0)

        async def main() -> None:
            nonlocal slow
            async with connect(handler) as slow:
                await slow.result()

        run(main)


class TestHeadersOfADenial:
    @pytest.mark.parametrize(
        "headers",
        [
            {"x-a": "1\r\nset-cookie: a=b"},
            {"x a": "1"},
            {"": "1"},
            [(b"x-a", b"1\n")],
            [(b"x-a", b"\0")],
            [(b"x-a:", b"1")],
        ],
        ids=repr,
    )
    def test_headers_that_no_response_can_have_are_refused(self, headers: Any) -> None:
        websocket, server = connection(extensions={"websocket.http.response": {}})

        with pytest.raises(ValueError, match=r"deny\(\): no header can be .*; nothing was sent"):
            run(websocket.deny(headers=headers))

        assert (server.sent, websocket.ready_state) == ([], "connecting")


def test_denial_that_was_given_up_after_its_head_gets_its_own_body() -> None:
    websocket, server = connection(extensions={"websocket.http.response": {}})

    class GivenUp(Exception):
        pass

    async def send(message: Message) -> None:
        await server.send(message)
        if message["type"].endswith("start"):
            raise GivenUp

    websocket._send = send
    with pytest.raises(GivenUp):
        run(websocket.deny(401, body="log in"))
    run(websocket.aclose())

    assert [message.get("body") for message in server.sent] == [None, b"log in"]
    assert (b"content-length", b"6") in server.sent[0]["headers"]


class TestNegotiate:
    def test_subprotocols_that_can_be_iterated_once_are_kept(self) -> None:
        websocket, _ = connection(subprotocols=iter(["v1"]))

        assert websocket.negotiate(["v2", "v1"]) == "v1"
        assert websocket.scope["subprotocols"] == ["v1"]

    @pytest.mark.parametrize(
        ("offered", "spoken", "chosen"),
        [
            (["a", "b"], ["b", "a"], "b"),
            (["a", "b"], ["a", "b"], "a"),
            (["a", "b"], ("c", "b"), "b"),
            (["a", "b"], ["c"], None),
            (["a", "b"], [], None),
            (["a", "b"], ["A"], None),
            ([], ["a"], None),
            (None, ["a"], None),
            (["graphql-transport-ws"], ["graphql"], None),
        ],
        ids=str,
    )
    def test_it_chooses_the_best_one_that_is_offered(
        self, offered: list[str] | None, spoken: Iterable[str], chosen: str | None
    ) -> None:
        websocket, server = connection(subprotocols=offered)

        assert websocket.negotiate(spoken) == chosen
        assert websocket.negotiate(iter(spoken)) == chosen
        assert (server.sent, states(websocket)) == ([], ("CONNECTING", "CONNECTING"))

    def test_a_scope_without_subprotocols_offers_none(self) -> None:
        websocket, _ = connection()
        assert websocket.negotiate(["a"]) is None

    def test_one_str_is_an_error(self) -> None:
        websocket, _ = connection(subprotocols=["c", "chat"])
        with pytest.raises(TypeError, match="takes a list of subprotocols, got str 'chat'"):
            websocket.negotiate("chat")

    @on_both
    def test_the_client_gets_the_choice(self, run: Run) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept(websocket.negotiate(["v2", "v1"]))

        async def main() -> None:
            for offered, chosen in ((["v1"], "v1"), (["v1", "v2"], "v2"), (["v0"], None)):
                async with connect(handler, subprotocols=offered) as client:
                    assert (await client.accepted()).subprotocol == chosen

        run(main)

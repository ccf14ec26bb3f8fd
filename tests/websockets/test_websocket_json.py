"""The facade: JSON with the functions of a class or of a connection."""

import functools
import json
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import pytest
import starlette.websockets
from helpers.asgi import Server, run, scope
from helpers.connections import CONNECT, TEXT, accepted, states

import wsfsm
from wsfsm.integrations.starlette import WebSocket as Both
from wsfsm.types import Message

BASES = [wsfsm.WebSocket, Both]


def spaced(data: Any) -> str:
    return json.dumps(data, indent=1)


def shouted(text: str, **_: Any) -> Any:
    return json.loads(text.upper())


class Codec:
    def dumps(self, data: Any) -> str:
        return spaced(data)

    def loads(self, text: str) -> Any:
        return shouted(text)


class Compiled:
    """A function that becomes a method, as one of Python, and has no signature."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, instance: object, owner: object) -> Callable[..., Any]:
        return self if instance is None else functools.partial(self.function, instance)

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    @property
    def __signature__(self) -> Any:
        raise ValueError("no signature found")


class Mixin:
    json_dumps = spaced
    json_loads = shouted


class _Static:
    json_dumps = staticmethod(spaced)
    json_loads = staticmethod(shouted)


class _Methods:
    def json_dumps(self, data: Any) -> str:
        assert isinstance(self, wsfsm.WebSocket)
        return spaced(data)

    def json_loads(self, text: str) -> Any:
        assert isinstance(self, wsfsm.WebSocket)
        return shouted(text)


class _ClassMethods:
    @classmethod
    def json_dumps(cls, data: Any) -> str:
        return spaced(data)

    @classmethod
    def json_loads(cls, text: str) -> Any:
        return shouted(text)


class _Properties:
    @property
    def json_dumps(self) -> Callable[[Any], str]:
        return spaced

    @property
    def json_loads(self) -> Callable[[str], Any]:
        return shouted


def namespace(dumps: Any, loads: Any) -> dict[str, Any]:
    return {"json_dumps": dumps, "json_loads": loads}


IN_A_CLASS = {
    "functions": namespace(spaced, shouted),
    "lambdas": namespace(
        lambda data: json.dumps(data, indent=1), lambda text: json.loads(text.upper())
    ),
    "partial functions": namespace(
        functools.partial(spaced), functools.partial(shouted, unused=None)
    ),
    "static methods": namespace(staticmethod(spaced), staticmethod(shouted)),
    "bound methods": namespace(Codec().dumps, Codec().loads),
    "cached functions": namespace(functools.cache(spaced), functools.cache(shouted)),
    "methods": {key: vars(_Methods)[key] for key in ("json_dumps", "json_loads")},
    "class methods": {key: vars(_ClassMethods)[key] for key in ("json_dumps", "json_loads")},
    "properties": {key: vars(_Properties)[key] for key in ("json_dumps", "json_loads")},
}
INHERITED = {
    "functions": Mixin,
    "static methods": _Static,
    "methods": _Methods,
    "class methods": _ClassMethods,
    "properties": _Properties,
}


def opened(cls: type[wsfsm.WebSocket], *incoming: Message) -> tuple[wsfsm.WebSocket, Server]:
    server = Server([CONNECT, *incoming])
    websocket = cls(scope(), server.receive, server.send)
    run(websocket.accept())
    server.sent.clear()
    return websocket, server


def text_of(text: str) -> Message:
    return {"type": "websocket.receive", "text": text}


def uses_both(websocket: wsfsm.WebSocket, server: Server) -> None:
    server.incoming.append(text_of('"a"'))
    run(websocket.send_json((1,)))  # which can be a key of a cache

    assert server.sent == [{"type": "websocket.send", "text": "[\n 1\n]"}]
    assert run(websocket.receive_json()) == "A"


@pytest.mark.parametrize("base", BASES, ids=["wsfsm", "starlette"])
class TestFunctions:
    @pytest.mark.parametrize("kind", IN_A_CLASS)
    def test_functions_of_a_class_are_used(self, base: type[wsfsm.WebSocket], kind: str) -> None:
        uses_both(*opened(type("Own", (base,), IN_A_CLASS[kind])))

    @pytest.mark.parametrize("kind", IN_A_CLASS)
    def test_functions_of_the_class_above_are_used(
        self, base: type[wsfsm.WebSocket], kind: str
    ) -> None:
        uses_both(*opened(type("Child", (type("Own", (base,), IN_A_CLASS[kind]),), {})))

    @pytest.mark.parametrize("kind", INHERITED)
    def test_functions_of_a_mixin_are_used(self, base: type[wsfsm.WebSocket], kind: str) -> None:
        uses_both(*opened(type("Own", (INHERITED[kind], base), {})))

    def test_functions_of_a_connection_are_used_by_it_alone(
        self, base: type[wsfsm.WebSocket]
    ) -> None:
        websocket, server = opened(base)
        other, others = opened(base)
        websocket.json_dumps, websocket.json_loads = spaced, shouted

        uses_both(websocket, server)
        run(other.send_json([1]))

        assert others.sent == [{"type": "websocket.send", "text": "[1]"}]

    def test_functions_of_a_connection_hide_those_of_its_class(
        self, base: type[wsfsm.WebSocket]
    ) -> None:
        own = type("Own", (base,), namespace(repr, repr))
        websocket, server = opened(own)
        websocket.json_dumps, websocket.json_loads = spaced, shouted

        uses_both(websocket, server)

    def test_one_function_can_be_replaced_without_the_other(
        self, base: type[wsfsm.WebSocket]
    ) -> None:
        class Own(base):  # type: ignore[misc,valid-type]
            json_dumps = spaced

        websocket, server = opened(Own, text_of('"a"'))
        run(websocket.send_json([1]))

        assert server.sent[0]["text"] == "[\n 1\n]"
        assert run(websocket.receive_json()) == "a"
        assert run(opened(base, text_of('"a"'))[0].receive_json()) == "a"

    def test_builtin_functions_are_used(self, base: type[wsfsm.WebSocket]) -> None:
        class Own(base):  # type: ignore[misc,valid-type]
            json_dumps = msgspec.json.encode
            json_loads = msgspec.json.decode

        websocket, server = opened(Own, text_of('{"a": 1}'))
        run(websocket.send_json({"a": "ä"}))
        run(websocket.send_json({"a": "ä"}, mode="binary"))

        assert [message.get("text") for message in server.sent] == ['{"a":"ä"}', None]
        assert server.sent[1]["bytes"] == '{"a":"ä"}'.encode()
        assert run(websocket.receive_json()) == {"a": 1}

    def test_function_without_a_signature_is_used(self, base: type[wsfsm.WebSocket]) -> None:
        uses_both(*opened(type("Own", (base,), namespace(Compiled(spaced), Compiled(shouted)))))

    def test_class_is_used(self, base: type[wsfsm.WebSocket]) -> None:
        websocket, server = opened(type("Own", (base,), namespace(bytes, str)), text_of("a"))
        run(websocket.send_json([97, 98]))

        assert server.sent[0]["text"] == "ab"
        assert run(websocket.receive_json()) == "a"


def test_function_that_the_base_gets_later_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(wsfsm.WebSocket):
        pass

    monkeypatch.setattr(wsfsm.WebSocket, "json_dumps", msgspec.json.encode)
    websocket, server = opened(Own)
    run(websocket.send_json([1, 2]))

    assert server.sent[0]["text"] == "[1,2]"
    assert not {"json_dumps", "json_loads"} & vars(Own).keys()


def test_a_connection_that_is_taken_over_keeps_the_functions_of_its_class() -> None:
    class Own(Both):
        json_dumps = staticmethod(spaced)

    server = Server([CONNECT])
    theirs = starlette.websockets.WebSocket(scope(), server.receive, server.send)
    websocket = Own.over(theirs)
    run(websocket.accept())
    run(theirs.send_json([1]))  # which passes the call on

    assert server.sent[-1]["text"] == "[\n 1\n]"


class Refused(Exception):
    """An error of an application's own decoder."""


@attrs.frozen
class Frozen(Exception):
    text: str


def refusing(text: str) -> Any:
    raise Refused(text)


def freezing(text: str) -> Any:
    raise Frozen(text)


class TestInvalidJson:
    @pytest.mark.parametrize(
        ("loads", "error"),
        [
            (json.loads, json.JSONDecodeError),
            (msgspec.json.decode, msgspec.DecodeError),
            (msgspec.json.Decoder(int).decode, msgspec.DecodeError),
            (refusing, Refused),
        ],
        ids=["standard library", "msgspec", "typed msgspec", "own"],
    )
    @pytest.mark.parametrize("mode", ["text", "binary"])
    def test_error_of_the_decoder_is_raised_with_the_text_and_the_next_message_is_received(
        self, loads: Callable[[str], Any], error: type[Exception], mode: str
    ) -> None:
        key, data = ("text", "{'a'") if mode == "text" else ("bytes", b"{'a'")
        websocket, _ = accepted({"type": "websocket.receive", key: data}, TEXT)
        websocket.json_loads = loads

        with pytest.raises(error) as caught:
            run(websocket.receive_json(mode))

        assert not isinstance(caught.value, json.JSONDecodeError) or loads is json.loads
        assert caught.value.doc == "{'a'"  # type: ignore[attr-defined]
        assert states(websocket) == ("CONNECTED", "CONNECTED")
        assert run(websocket.receive_text()) == "hello"

    def test_text_that_an_error_keeps_itself_is_not_replaced(self) -> None:
        websocket, _ = accepted(text_of("{"))

        def loads(text: str) -> Any:
            return json.loads(text + " ")

        websocket.json_loads = loads
        with pytest.raises(json.JSONDecodeError) as caught:
            run(websocket.receive_json())
        assert caught.value.doc == "{ "

    def test_error_that_cannot_keep_the_text_is_raised_as_it_is(self) -> None:
        websocket, _ = accepted(text_of("{"), TEXT)
        websocket.json_loads = freezing

        with pytest.raises(Frozen) as caught:
            run(websocket.receive_json())
        assert caught.value.text == "{"
        assert not hasattr(caught.value, "doc")
        assert run(websocket.receive_text()) == "hello"

    def test_binary_message_that_is_not_utf_8_is_in_the_error(self) -> None:
        websocket, _ = accepted({"type": "websocket.receive", "bytes": b'"\xff"'}, TEXT)

        with pytest.raises(UnicodeDecodeError) as caught:
            run(websocket.receive_json("binary"))

        assert caught.value.object == caught.value.doc == b'"\xff"'  # type: ignore[attr-defined]
        assert run(websocket.receive_text()) == "hello"

    def test_json_that_is_nested_too_deeply_leaves_the_connection_usable(self) -> None:
        text = "[" * 100_000
        websocket, _ = accepted(text_of(text), TEXT)

        with pytest.raises(RecursionError) as caught:
            run(websocket.receive_json())

        assert caught.value.doc == text  # type: ignore[attr-defined]
        assert run(websocket.receive_text()) == "hello"


class TestUnsendableJson:
    @pytest.mark.parametrize("mode", ["text", "binary"])
    @pytest.mark.parametrize(
        ("dumps", "error"),
        [
            (json.dumps, TypeError),
            (msgspec.json.encode, TypeError),
            (lambda _: None, TypeError),
            (lambda _: 5, TypeError),
        ],
        ids=["standard library", "msgspec", "result is None", "result is a number"],
    )
    def test_data_that_cannot_be_encoded_are_not_sent(
        self, dumps: Callable[[Any], Any], error: type[Exception], mode: str
    ) -> None:
        websocket, server = accepted()
        websocket.json_dumps = dumps

        with pytest.raises(error):
            run(websocket.send_json(object(), mode))

        assert (server.sent, states(websocket)) == ([], ("CONNECTED", "CONNECTED"))

    def test_bytes_that_are_not_utf_8_are_not_sent_as_text(self) -> None:
        websocket, server = accepted()
        websocket.json_dumps = lambda _: b"\xff"

        with pytest.raises(UnicodeDecodeError):
            run(websocket.send_json(1))

        assert server.sent == []

    def test_surrogates_are_not_sent_as_binary(self) -> None:
        websocket, server = accepted()

        with pytest.raises(UnicodeEncodeError):
            run(websocket.send_json("\ud800", "binary"))

        assert server.sent == []

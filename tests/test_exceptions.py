"""The exceptions."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import pytest

import wsfsm
from wsfsm.conformance.options import OptionError
from wsfsm.exceptions import (
    ClientDisconnected,
    ConnectionClosed,
    ConversionError,
    IllegalTransition,
    MalformedMessage,
    UnexpectedFrame,
    WebSocketDisconnect,
    WebSocketDisconnected,
)
from wsfsm.fsm import IllegalTrigger
from wsfsm.server import BadHandshake
from wsfsm.testing import ClientDenied, ConnectionEnded, Denied

Kind: TypeAlias = type[BaseException]

REFUSED: dict[str, Any] = {"machine": "m", "state": 1, "event": "e", "allowed": ("x",)}
ARGUMENTS: dict[Kind, tuple[tuple[Any, ...], dict[str, Any]]] = {
    IllegalTransition: (("a\nb",), REFUSED),
    IllegalTrigger: (("a\nb",), REFUSED),
    ConversionError: (("text",), {"reasons": ("a", "b")}),
    WebSocketDisconnected: (("a\nb",), REFUSED),
    WebSocketDisconnect: ((4000, "bye"), {}),
    ConnectionClosed: (
        ("text",),
        {"code": 4000, "reason": "bye", "closed_by": "client", **REFUSED},
    ),
    MalformedMessage: (("text",), {"key": "type", "message": {}}),
    UnexpectedFrame: (("it's text",), {"expected": "text", "message": {"bytes": b"x"}}),
    ClientDisconnected: (("text",), {"code": 4000, "reason": "bye", "origin": "here"}),
    OptionError: (("select", "text"), {}),
    ClientDenied: (("text",), {"denied": Denied(403)}),
    ConnectionEnded: (("text",), {"code": 4000, "reason": "bye"}),
    BadHandshake: (("text",), {"status": 426, "headers": ((b"upgrade", b"websocket"),)}),
}
"""The arguments of exceptions with attributes of their own."""


def kinds() -> Iterator[Kind]:
    """All public exceptions of the package, whichever module they live in."""
    for module in pkgutil.walk_packages(wsfsm.__path__, "wsfsm."):
        if not module.name.endswith("__main__"):
            loaded = importlib.import_module(module.name)
            for name, kind in inspect.getmembers(loaded, inspect.isclass):
                own = kind.__module__ == module.name and not name.startswith("_")
                if own and issubclass(kind, BaseException):
                    yield kind


KINDS = list(kinds())
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle-{protocol}": partial(
            lambda protocol, e: pickle.loads(pickle.dumps(e, protocol)), protocol
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
copied = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


def made(kind: Kind) -> Any:
    args, kwargs = ARGUMENTS.get(kind, (("text",), {}))
    return kind(*args, **kwargs)


def check_twins(one: Any, other: Any) -> None:
    assert other is not one
    assert type(other) is type(one)
    assert (other.args, str(other), repr(other)) == (one.args, str(one), repr(one))
    assert vars(other) == vars(one)


class TestEveryException:
    def test_every_exception_with_an_init_is_among_the_examples(self) -> None:
        assert {kind for kind in KINDS if "__init__" in vars(kind)} <= set(ARGUMENTS) <= set(KINDS)

    @pytest.mark.parametrize("kind", ARGUMENTS)
    def test_exception_has_the_attributes_of_its_arguments(self, kind: Kind) -> None:
        args, kwargs = ARGUMENTS[kind]
        error = made(kind)

        assert error.args == args
        assert vars(error) | kwargs == vars(error)

    @copied
    @pytest.mark.parametrize("kind", KINDS)
    def test_exception_can_be_copied_and_pickled(
        self, kind: Kind, copied: Callable[[Any], Any]
    ) -> None:
        error = made(kind)
        error.add_note("a note")

        check_twins(error, copied(error))

    @pytest.mark.parametrize("kind", ARGUMENTS)
    def test_exception_calls_only_the_init_of_its_own_bases(self, kind: Kind) -> None:
        class Stranger(Exception):
            def __init__(self, *args: object) -> None:
                raise AssertionError("it is not a base of the exception")

        both = type("Both", (kind, Stranger), {})

        assert vars(made(kind)) == vars(both(*ARGUMENTS[kind][0], **ARGUMENTS[kind][1]))
        # On most Pythons `super()` would hide the fault: there each built-in has its own `__init__`
        assert "__class__" not in kind.__init__.__code__.co_freevars


class Refusal(Exception):
    """An exception of an application that knows its bases by `super` alone."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class RefusedAndClosed(Refusal, ConnectionClosed):
    pass


class ClosedAndRefused(ConnectionClosed, Refusal):
    def __init__(self, user: str, *, code: int) -> None:
        ConnectionClosed.__init__(self, f"{user} has left", code=code, reason="bye")
        Refusal.__init__(self, f"{user} has left", status=410)
        self.user = user


class ClosedAndOsError(ConnectionClosed, OSError):
    pass


class Slotted(WebSocketDisconnect):
    __slots__ = ("room",)

    def __init__(self, room: str) -> None:
        super().__init__(4001, "bye")
        self.room = room


class BrokenPipe(ClientDisconnected):
    def __init__(self, number: int, file: str) -> None:
        super().__init__(code=4001)
        OSError.__init__(self, number, "Broken pipe", file)


class TestSubclassesOfUsers:
    @copied
    @pytest.mark.parametrize(
        ("make", "text", "attributes"),
        [
            (
                partial(RefusedAndClosed, "text", status=403),
                "text",
                {"status": 403, "code": 1006, "reason": "", "closed_by": "transport"},
            ),
            (
                partial(ClosedAndRefused, "Ada", code=4001),
                "Ada has left",
                {"user": "Ada", "code": 4001, "status": 410},
            ),
            (
                partial(ClosedAndOsError, "text", code=4001, reason="bye"),
                "text",
                {"code": 4001, "reason": "bye", "errno": None},
            ),
            (
                partial(Slotted, "lobby"),
                "(4001, 'bye')",
                {"room": "lobby", "code": 4001, "reason": "bye"},
            ),
            (
                partial(BrokenPipe, 32, "x"),
                "[Errno 32] Broken pipe: 'x'",
                {"code": 4001, "errno": 32, "filename": "x"},
            ),
        ],
        ids=lambda value: value.func.__name__ if isinstance(value, partial) else "",
    )
    def test_subclass_of_a_user_keeps_its_attributes_when_copied(
        self,
        make: Callable[[], Any],
        text: str,
        attributes: dict[str, Any],
        copied: Callable[[Any], Any],
    ) -> None:
        error = make()
        twin = copied(error)

        check_twins(error, twin)
        for one in (error, twin):
            assert str(one) == text
            assert {name: getattr(one, name) for name in attributes} == attributes


class TestExceptions:
    def test_connection_closed_has_the_code_and_shows_its_text(self) -> None:
        error = ConnectionClosed("text", code=4000, reason="bye")

        assert (error.code, error.reason, error.args, str(error)) == (
            4000,
            "bye",
            ("text",),
            "text",
        )
        assert isinstance(error, WebSocketDisconnect)
        assert isinstance(error, RuntimeError)

    def test_disconnect_has_the_code_and_the_reason(self) -> None:
        error = WebSocketDisconnect(4000, "bye")

        assert (error.code, error.reason, error.args) == (4000, "bye", (4000, "bye"))

    def test_disconnect_has_starlettes_defaults(self) -> None:
        assert (WebSocketDisconnect().code, WebSocketDisconnect().reason) == (1000, "")
        assert WebSocketDisconnect(1001, None).reason == ""

    def test_unexpected_frame_without_a_message_has_no_data(self) -> None:
        assert UnexpectedFrame("t").data is None

    @pytest.mark.parametrize(("args", "text"), [((), ""), (("it's",), "it's"), ((1, 2), "(1, 2)")])
    def test_unexpected_frame_is_shown_like_other_exceptions(
        self, args: tuple[Any, ...], text: str
    ) -> None:
        error = UnexpectedFrame()
        error.args = args

        assert str(error) == text

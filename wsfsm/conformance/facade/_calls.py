"""Calls of a facade: binding the arguments of a case, and observing the result."""

import asyncio
import contextlib
import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from wsfsm.conformance._judge import Observation
from wsfsm.conformance.facade._fake_server import strip_subclasses
from wsfsm.conformance.facade.adapters import CallbackCalled
from wsfsm.conformance.values import CaseError, message, to_json, value

__all__ = ["bind_call", "bind_values", "observe_exception", "observe_task", "signature_of"]

_ORDER: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "accept": ("subprotocol", "headers"),
        "send_text": ("data",),
        "send_bytes": ("data",),
        "send_json": ("data",),
        "close": ("code", "reason"),
    }
)
"""Starlette's order of the arguments that are passed by position if a method has other names.

A message is not one of them, because `send(data)` of many classes does not take one; nor is a mode
of JSON, because a second parameter of another name is hardly a mode."""
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")
_TEXT: Final = 100  # characters of an exception's text that are kept


def bind_values(operation: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operation.

    Args:
        operation: Name of the operation.
        raw: The arguments in the case, where headers are pairs of texts.

    Raises:
        CaseError: An argument is wrong.
    """
    given: dict[str, Any] = {}
    for key, item in raw.items():
        if key == "headers":
            given[key] = _pairs(item)
        elif key == "message":
            given[key] = message(item)
        else:  # send_json takes tables as they are
            given[key] = item if operation == "send_json" else value(item)
    return given


def _pairs(headers: Any) -> list[tuple[bytes, ...]]:
    try:
        return [tuple(part.encode("latin-1") for part in pair) for pair in headers]
    except (AttributeError, TypeError, UnicodeError):
        raise CaseError(
            f"expected pairs of texts in latin-1 for headers, not {headers!r}"
        ) from None


def bind_call(
    name: str, operation: Callable[..., Any], given: Mapping[str, Any]
) -> Callable[[], Any] | None:
    """Bind the arguments of an operation; None if it does not take them.

    An argument is passed to the parameter of its name. If the method does not have one, the argument
    is passed at its position in Starlette's method.

    Args:
        name: Name of the operation.
        operation: The method or function.
        given: The arguments by name.
    """
    try:
        signature = inspect.signature(operation)
    except (TypeError, ValueError):  # a function in C may not have a signature
        return functools.partial(operation, **given)
    order = _ORDER.get(name, ())
    slots, rest, more = _Slots(signature), list[Any](), dict[str, Any]()
    bound = signature.bind_partial()
    for key in sorted(given, key=lambda key: order.index(key) if key in order else len(order)):
        place = order.index(key) if key in order else None
        slot = slots.of(key, place, (*order, "mode"))
        if slot is not None:
            bound.arguments[slot] = given[key]
        elif slots.rest and place == len(slots.ordinary) + len(rest) and slots.hides(key):
            rest.append(given[key])
        elif slots.more:
            more[key] = given[key]
        else:
            return None
    if not slots.required <= bound.arguments.keys():
        return None
    bound.arguments.update({slots.rest: tuple(rest)} if rest else {})
    bound.arguments.update({slots.more: more} if more else {})
    bound.apply_defaults()  # for the parameters before one that is passed by position
    return functools.partial(operation, *bound.args, **bound.kwargs)


class _Slots:
    """The parameters of a signature.

    Attributes:
        ordinary: The parameters that can be passed by position.
        required: The parameters without a default.
        rest: Name of the `*args`, or "".
        more: Name of the `**kwargs`, or "".
    """

    def __init__(self, signature: inspect.Signature) -> None:
        found = signature.parameters.values()
        self.ordinary = [p.name for p in found if p.kind <= p.POSITIONAL_OR_KEYWORD]
        self.rest = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), "")
        self.more = next((p.name for p in found if p.kind is p.VAR_KEYWORD), "")
        self._named = {p.name for p in found} - {self.rest, self.more}
        self.required = {p.name for p in found if p.default is p.empty} & self._named

    def hides(self, key: str) -> bool:
        """Whether an argument is passed in `*args`: if there are `**kwargs`, only data is."""
        return key == "data" or not self.more

    def of(self, key: str, place: int | None, known: Sequence[str]) -> str | None:
        """Return the parameter for an argument, or None.

        Args:
            key: Name of the argument.
            place: Its position in Starlette's order, or None.
            known: Names of all arguments that the operation may have.
        """
        if key in self._named:
            return key
        if place is None or place >= len(self.ordinary):
            return None
        found = self.ordinary[place]
        return None if found in known else found  # the parameter is for another argument


def signature_of(name: str, operation: Callable[..., Any]) -> str:
    """Describe an operation by its signature."""
    try:
        return _ADDRESS.sub("0x...", f"{name}{inspect.signature(operation)}")
    except Exception:  # noqa: BLE001 - a default may be of any class
        return f"{name}(...)"


def observe_task(task: asyncio.Task[Any]) -> Observation:
    """Return the observation of a task that is done."""
    if task.cancelled():
        return observe_exception(asyncio.CancelledError())
    error = task.exception()
    if error is not None:
        return observe_exception(error)
    result = _kept(task.result())
    match result:
        case CallbackCalled(name, code):
            return {"calls": name, "code": _kept(code)}
        case {"type": str()}:
            return {"message": result}
    return {"returns": result}


def _kept(result: Any) -> Any:
    """A result that a report can contain; a text in place of one that it cannot."""
    try:
        kept = strip_subclasses(result)
        json.dumps(to_json(kept))
    except Exception:  # noqa: BLE001 - the result may be of any class, or contain itself
        return f"<{type(result).__name__} without JSON>"
    return kept


def observe_exception(error: BaseException) -> Observation:
    """Return the observation of an exception."""
    try:
        full = str(error)
    except Exception:  # noqa: BLE001 - the exception may be of any class
        full = ""
    text = _ADDRESS.sub("0x...", full).partition("\n")[0][:_TEXT]
    observation: dict[str, Any] = {
        "raises": [kind.__name__ for kind in type(error).__mro__ if kind is not object],
        "text": text,
    }
    for key in ("code", "reason"):
        with contextlib.suppress(Exception):  # it may be a property
            observation[key] = _kept(getattr(error, key))
    return {key: item for key, item in observation.items() if item is not None}

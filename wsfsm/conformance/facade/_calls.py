"""What a facade is called with, and what is seen when it is: as a table for patterns."""

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
"""Starlette's order of what is given by position where a method has another name for it.

A message is not, as the `send(data)` of many a class takes none; nor is a mode of JSON, as a second
parameter of another name is hardly one."""
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")
_TEXT: Final = 100  # characters of an error's text that are kept


def bind_values(operation: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation is called with, out of what a case says.

    Args:
        operation: Name of the operation.
        raw: The arguments as they stand in the case: headers are pairs of texts there.

    Raises:
        CaseError: One of them has no meaning.
    """
    given: dict[str, Any] = {}
    for key, item in raw.items():
        if key == "headers":
            given[key] = _pairs(item)
        elif key == "message":
            given[key] = message(item)
        else:  # what becomes JSON is no value, but what TOML says
            given[key] = item if operation == "send_json" else value(item)
    return given


def _pairs(headers: Any) -> list[tuple[bytes, ...]]:
    try:
        return [tuple(part.encode("latin-1") for part in pair) for pair in headers]
    except (AttributeError, TypeError, UnicodeError):
        raise CaseError(f"headers are pairs of texts in latin-1, and not {headers!r}") from None


def bind_call(
    name: str, operation: Callable[..., Any], given: Mapping[str, Any]
) -> Callable[[], Any] | None:
    """The call of an operation with these arguments, or None if it does not take them.

    An argument goes to the parameter of its name. Where the method has none, it goes where it
    would stand in a call of Starlette's.

    Args:
        name: Name of the operation.
        operation: What is called.
        given: The arguments by their names.
    """
    try:
        signature = inspect.signature(operation)
    except (TypeError, ValueError):  # it is written in C and does not tell
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
    bound.apply_defaults()  # what stands before an argument that is given by its position
    return functools.partial(operation, *bound.args, **bound.kwargs)


class _Slots:
    """Where a signature has room for arguments.

    Attributes:
        ordinary: The parameters that can be given by position.
        required: Those without a default.
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
        """Whether an argument is one of `*args`: with `**kwargs` there only data has no name."""
        return key == "data" or not self.more

    def of(self, key: str, place: int | None, known: Sequence[str]) -> str | None:
        """The parameter for an argument, or None.

        Args:
            key: Name of the argument.
            place: Where it stands in Starlette's order, or None.
            known: Names of all arguments that the operation may have.
        """
        if key in self._named:
            return key
        if place is None or place >= len(self.ordinary):
            return None
        found = self.ordinary[place]
        return None if found in known else found  # its order is another, and it is for another one


def signature_of(name: str, operation: Callable[..., Any]) -> str:
    """An operation with its signature, for people."""
    try:
        return _ADDRESS.sub("0x...", f"{name}{inspect.signature(operation)}")
    except Exception:  # noqa: BLE001 - a default may be of any class
        return f"{name}(...)"


def observe_task(task: asyncio.Task[Any]) -> Observation:
    """The observation of a task that is done."""
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
    """A result as a report can hold it; a text instead of one that it cannot."""
    try:
        kept = strip_subclasses(result)
        json.dumps(to_json(kept))
    except Exception:  # noqa: BLE001 - what is given may be of any class, or hold itself
        return f"<{type(result).__name__} that cannot be told>"
    return kept


def observe_exception(error: BaseException) -> Observation:
    """The observation of an exception."""
    try:
        told = str(error)
    except Exception:  # noqa: BLE001 - what is raised may be of any class
        told = ""
    text = _ADDRESS.sub("0x...", told).partition("\n")[0][:_TEXT]
    saw: dict[str, Any] = {
        "raises": [kind.__name__ for kind in type(error).__mro__ if kind is not object],
        "text": text,
    }
    for key in ("code", "reason"):
        with contextlib.suppress(Exception):  # as it may be a property
            saw[key] = _kept(getattr(error, key))
    return {key: item for key, item in saw.items() if item is not None}

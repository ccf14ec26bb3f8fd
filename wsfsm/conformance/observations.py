"""What a facade is called with, and what is seen when it is: as a table for patterns."""

import asyncio
import contextlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wsfsm.conformance.facade_server import plain
from wsfsm.conformance.facades import Told
from wsfsm.conformance.observing import Saw
from wsfsm.conformance.values import message, to_json, value

__all__ = ["arguments_of", "fits", "raised", "seen"]

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")
_TEXT: Final = 100  # characters of an error's text that are kept


def arguments_of(operation: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation is called with, out of what a case says.

    Args:
        operation: Name of the operation.
        raw: The arguments as they stand in the case: headers are pairs of texts there.
    """
    given: dict[str, Any] = {}
    for key, item in raw.items():
        if key == "headers":
            given[key] = [tuple(part.encode("latin-1") for part in pair) for pair in item]
        elif key == "message":
            given[key] = message(item)
        else:  # what becomes JSON is no value, but what TOML says
            given[key] = item if operation == "send_json" else value(item)
    return given


def fits(operation: Callable[..., Any], given: Mapping[str, Any]) -> bool:
    """Whether an operation takes these arguments, by name."""
    try:
        inspect.signature(operation).bind(**given)
    except TypeError:
        return False
    except ValueError:  # it is written in C and does not tell
        return True
    return True


def seen(task: asyncio.Task[Any]) -> Saw:
    """The observation of a task that is done."""
    if task.cancelled():
        return raised(asyncio.CancelledError())
    error = task.exception()
    if error is not None:
        return raised(error)
    result = _kept(task.result())
    match result:
        case Told(name, code):
            return {"calls": name, "code": _kept(code)}
        case {"type": str()}:
            return {"message": result}
    return {"returns": result}


def _kept(result: Any) -> Any:
    """A result as a report can hold it; a text instead of one that it cannot."""
    try:
        kept = plain(result)
        json.dumps(to_json(kept))
    except Exception:  # noqa: BLE001 - what is given may be of any class, or hold itself
        return f"<{type(result).__name__} that cannot be told>"
    return kept


def raised(error: BaseException) -> Saw:
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

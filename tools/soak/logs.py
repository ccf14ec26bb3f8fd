"""The log of a server, and the entries that must not be in it."""

import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import attrs

__all__ = ["CONFIG", "Entry", "Formatter", "complaints", "parse"]

_TRACEBACK: Final = "Traceback (most recent call last)"
_DELIBERATE: Final = "tools.soak.application.Deliberate: "
_UNANSWERED: Final = "ASGI application returned without completing"
_ADDRESS: Final = re.compile("0x[0-9a-f]+")  # the address of an object differs each time
_SHOWN: Final = 3000  # characters of an entry


class Formatter(logging.Formatter):
    """Writes each entry as a line of JSON, so that other output cannot look like an entry."""

    def format(self, record: logging.LogRecord) -> str:
        """Format an entry."""
        text = super().format(record)
        return json.dumps([record.levelname, record.name, text, time.monotonic()])


CONFIG: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"soak": {"()": f"{__name__}.Formatter"}},
    "handlers": {"soak": {"class": "logging.StreamHandler", "formatter": "soak"}},
    "root": {"level": "INFO", "handlers": ["soak"]},
}
"""A configuration of `logging`, for `uvicorn --log-config`."""


@attrs.frozen
class Entry:
    """An entry of a log.

    Attributes:
        level: Level of the entry; "" for output that was not logged.
        logger: Name of the logger.
        text: The text, with its traceback.
        at: Time in seconds, on the monotonic clock of this machine; 0 if it is not known.
    """

    level: str
    logger: str
    text: str
    at: float = 0.0


def parse(text: str) -> list[Entry]:
    """Return the entries of a log, and other lines between them."""
    entries = []
    for line in filter(None, text.splitlines()):
        try:
            entries.append(Entry(*json.loads(line)))
        except (TypeError, ValueError):
            entries.append(Entry("", "", line))
    return entries


def complaints(entries: Iterable[Entry]) -> list[tuple[str, float]]:
    """Return the entries that must not be in a log, each text once, with the time of the first one.

    These are warnings and errors, and tracebacks unless an application has raised as planned.
    """
    found: Counter[str] = Counter()
    first: dict[str, float] = {}
    for entry in entries:
        if not _is_fine(entry):
            text = _ADDRESS.sub("0x...", entry.text[:_SHOWN])
            found[text] += 1
            first.setdefault(text, entry.at)
    return [(f"{count} times in the log: {text}", first[text]) for text, count in found.items()]


def _is_fine(entry: Entry) -> bool:
    match entry.level:
        case "INFO" | "DEBUG":
            return True
        case "WARNING":
            return entry.logger == "uvicorn.error" and _TRACEBACK not in entry.text
        case "ERROR":
            # a second traceback belongs to another exception
            deliberate = _DELIBERATE in entry.text and entry.text.count(_TRACEBACK) == 1
            return deliberate or entry.text.startswith(_UNANSWERED)
    return False

"""The log of a server, an entry a line, and all in it that must not be there."""

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
_ADDRESS: Final = re.compile("0x[0-9a-f]+")  # of an object, which differs each time
_SHOWN: Final = 3000  # characters of an entry


class Formatter(logging.Formatter):
    """Writes each entry as a line of JSON, so that nothing else can be taken for one."""

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
        level: Its level; "" for what was printed past the log.
        logger: Name of its logger.
        text: Its text, with its traceback.
        at: Seconds, on the clock of all processes of this machine; 0: not known.
    """

    level: str
    logger: str
    text: str
    at: float = 0.0


def parse(text: str) -> list[Entry]:
    """The entries of a log, and the lines between them."""
    entries = []
    for line in filter(None, text.splitlines()):
        try:
            entries.append(Entry(*json.loads(line)))
        except (TypeError, ValueError):
            entries.append(Entry("", "", line))
    return entries


def complaints(entries: Iterable[Entry]) -> list[tuple[str, float]]:
    """All in a log that must not be there, the same things once, and when each was logged first.

    Tracebacks are, unless an application has raised because a plan says so.
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
            # a second traceback would be that of another exception
            deliberate = _DELIBERATE in entry.text and entry.text.count(_TRACEBACK) == 1
            return deliberate or entry.text.startswith(_UNANSWERED)
    return False

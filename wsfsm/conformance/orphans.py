"""Ends the servers that a runner leaves behind: one that is killed cannot do it by itself.

A process of its own is told which servers run. It ends with the runner, however that ends, and
takes the servers that are left with it.
"""

import atexit
import contextlib
import functools
import subprocess
import sys
from typing import IO, Final

__all__ = ["forget", "watch"]

_WATCHMAN: Final = """
import contextlib, os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
"""


def watch(group: int) -> None:
    """End a group of processes if the runner ends before it is forgotten."""
    _tell(f"+{group}\n")


def forget(group: int) -> None:
    """It has ended."""
    _tell(f"-{group}\n")


def _tell(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # somebody has ended the watchman
        _watchman().write(line)


@functools.cache
def _watchman() -> IO[str]:
    process = subprocess.Popen(  # noqa: S603 - it is this Python
        [sys.executable, "-I", "-S", "-c", _WATCHMAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the runner from its terminal does not end it
        bufsize=1,
        text=True,
    )
    atexit.register(process.communicate)
    told = process.stdin
    if told is None:  # pragma: no cover - a PIPE was asked for
        raise AssertionError
    return told

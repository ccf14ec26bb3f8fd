"""Ends the servers that a runner leaves behind: one that is killed cannot do it by itself.

A process of its own is told which servers run. It ends with the runner, however that ends, and
takes the servers that are left with it.
"""

import atexit
import contextlib
import os
import subprocess
import sys
from typing import Final

import attrs

__all__ = ["forget", "hire", "watch"]

_ENDING: Final = 5.0  # seconds that the watchman may take to end

_WATCHMAN: Final = """
import contextlib, os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
"""


@attrs.frozen
class _Watchman:
    """The process, and what it is told by.

    Attributes:
        process: The process.
        pipe: File descriptor that it ends with.
        runner: Process that it watches.
    """

    process: "subprocess.Popen[bytes]"
    pipe: int
    runner: int


_watchmen: list[_Watchman] = []
"""The one of this process comes last; those before it are of processes that it was forked from."""


def hire() -> None:
    """Have the watchman there before there is something to watch: to start him takes a while."""
    if not _watchmen or _watchmen[-1].runner != os.getpid():
        _watchmen.append(_hired())


def watch(group: int) -> None:
    """End a group of processes if the runner ends before it is forgotten."""
    hire()
    _tell(f"+{group}\n")


def forget(group: int) -> None:
    """It has ended."""
    _tell(f"-{group}\n")


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # somebody has ended the watchman
        os.write(_watchmen[-1].pipe, line.encode())


def _hired() -> _Watchman:
    theirs, ours = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - it is this Python
        [sys.executable, "-I", "-S", "-c", _WATCHMAN],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the runner from its terminal does not end it
    )
    os.close(theirs)
    watchman = _Watchman(process, ours, os.getpid())
    atexit.register(_dismiss, watchman)
    return watchman


def _dismiss(watchman: _Watchman) -> None:
    if watchman.runner == os.getpid():
        # nor is there a traceback for who is impatient
        with contextlib.suppress(OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
            os.close(watchman.pipe)
            watchman.process.wait(_ENDING)


def _let_go() -> None:
    """In a process that was forked: what the parent's watchman waits for is not here."""
    for watchman in _watchmen[-1:]:
        os.close(watchman.pipe)


# where nothing is forked there is no such function
getattr(os, "register_at_fork", dict)(after_in_child=_let_go)

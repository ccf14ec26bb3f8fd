"""Ends the servers that a runner leaves behind, because a runner that is killed cannot do it.

The reaper is a process of its own, which learns through a pipe which servers run. It ends with the
runner, however the runner ends, and kills the servers that are left.
"""

import atexit
import contextlib
import os
import subprocess
import sys
from typing import Final

import attrs

__all__ = ["start", "track", "untrack"]

_ENDING: Final = 5.0  # seconds that the reaper may take to end

_SCRIPT: Final = """
import contextlib, os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
"""


@attrs.frozen
class _Reaper:
    """The process, and the pipe to it.

    Attributes:
        process: The process.
        pipe: File descriptor that we write to; the process ends when it is closed.
        runner: Id of the process that it belongs to.
    """

    process: "subprocess.Popen[bytes]"
    pipe: int
    runner: int


_reapers: list[_Reaper] = []
"""The last one belongs to this process; the others to processes that this one was forked from."""


def start() -> None:
    """Start the reaper, unless it runs. Call it early, because it takes a while."""
    if not _reapers or _reapers[-1].runner != os.getpid():
        _reapers.append(_started())


def track(group: int) -> None:
    """Have a process group killed if the runner ends before `untrack` is called."""
    start()
    _write(f"+{group}\n")


def untrack(group: int) -> None:
    """Leave a process group alone, because it has ended."""
    _write(f"-{group}\n")


def _write(line: str) -> None:
    with contextlib.suppress(OSError):  # the reaper was killed
        os.write(_reapers[-1].pipe, line.encode())


def _started() -> _Reaper:
    theirs, ours = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - it is this Python
        [sys.executable, "-I", "-S", "-c", _SCRIPT],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal must not end it with the runner
    )
    os.close(theirs)
    reaper = _Reaper(process, ours, os.getpid())
    atexit.register(_end, reaper)
    return reaper


def _end(reaper: _Reaper) -> None:
    if reaper.runner == os.getpid():
        # a second Ctrl-C prints no traceback
        with contextlib.suppress(OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
            os.close(reaper.pipe)
            reaper.process.wait(_ENDING)


def _close_inherited() -> None:
    """Close the parent's pipe in a forked child, or the parent's reaper would wait for the child."""
    for reaper in _reapers[-1:]:
        os.close(reaper.pipe)


# systems without fork do not have this function
getattr(os, "register_at_fork", dict)(after_in_child=_close_inherited)

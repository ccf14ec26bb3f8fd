"""Memory, tasks, timers and descriptors of this process; Linux only."""

import asyncio
import ctypes
import gc
import re
import resource
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

__all__ = ["Turns", "holdings"]

_EACH: Final = 0.005  # seconds
_NUMBERS: Final = re.compile(r"when=[\d.]+ |0x[0-9a-f]+")
_TIMER: Final = "TimerHandle"
_OURS: Final = ("wsfsm", "asyncio", "uvicorn", "uvloop", "websockets", "tools", "h11")


class Turns:
    """Measures the longest turn of the running event loop.

    Its CPU time is its own; in the time on the clock other processes may have had their turn.

    Attributes:
        longest: Seconds of CPU time of this thread.
        slowest: Seconds on the clock.
    """

    def __init__(self) -> None:
        self.longest = self.slowest = 0.0
        self._cpu = self._clock = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self.reset()
        self._timer = asyncio.get_running_loop().call_later(_EACH, self._tick)

    def reset(self) -> None:
        """Forget all turns until now."""
        self.longest = self.slowest = 0.0
        self._cpu, self._clock = time.thread_time(), time.monotonic()

    def _tick(self) -> None:
        cpu, clock = time.thread_time(), time.monotonic()
        self.longest = max(self.longest, cpu - self._cpu)
        self.slowest = max(self.slowest, clock - self._clock - _EACH)
        self._cpu, self._clock = cpu, clock
        self._timer = asyncio.get_running_loop().call_later(_EACH, self._tick)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()


def holdings(turns: Turns) -> dict[str, Any]:
    """All that this process holds once what is not needed is given back.

    Args:
        turns: The turns of its loop, which begin anew.
    """
    longest, slowest = turns.longest, turns.slowest
    cpu = time.process_time()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    things = gc.get_objects()
    timers = [thing for thing in things if type(thing).__name__ == _TIMER]
    kinds = Counter(_name(type(thing)) for thing in things)
    del things
    seen = {
        "memory": pages * resource.getpagesize(),
        "tasks": sorted(_told(task) for task in asyncio.all_tasks()),
        "timers": sorted(_timed(timer) for timer in timers if not timer.cancelled()),
        "descriptors": sorted(_descriptors()),
        "objects": {kind: n for kind, n in kinds.items() if _is_ours(kind)},
        "longest turn": longest,
        "slowest turn": slowest,
        "cpu": cpu,
    }
    turns.reset()
    return seen


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_ours(kind: str) -> bool:
    # asyncio keeps timers for a while that were cancelled; the others are counted by themselves
    return kind.startswith(_OURS) and not kind.endswith(_TIMER)


def _told(task: "asyncio.Task[Any]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task))


def _timed(timer: asyncio.TimerHandle) -> str:
    """A timer, without the numbers that differ from time to time."""
    return _NUMBERS.sub("", repr(timer))


def _descriptors() -> list[str]:
    """Each open descriptor: its kind, without the numbers that differ from time to time."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(path.readlink()).split(":", 1)[0])
        except OSError:  # the one of the folder itself
            continue
    return found

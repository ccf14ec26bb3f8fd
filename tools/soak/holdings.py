"""The resources of this process: memory, tasks, timers and descriptors. Linux only."""

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

_EACH: Final = 0.005  # seconds between measurements
_NUMBERS: Final = re.compile(r"when=[\d.]+ |0x[0-9a-f]+")
_TIMER: Final = "TimerHandle"
_OURS: Final = ("wsfsm", "asyncio", "uvicorn", "uvloop", "websockets", "tools", "h11")


class Turns:
    """Measures the longest turn of the running event loop.

    CPU time counts only this process; elapsed time includes time in which other processes ran.

    Attributes:
        longest: The longest CPU time of a turn, in seconds of this thread.
        slowest: The longest elapsed time of a turn, in seconds.
    """

    def __init__(self) -> None:
        self.longest = self.slowest = 0.0
        self._cpu = self._clock = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start measuring."""
        self.reset()
        self._timer = asyncio.get_running_loop().call_later(_EACH, self._tick)

    def reset(self) -> None:
        """Forget all earlier turns."""
        self.longest = self.slowest = 0.0
        self._cpu, self._clock = time.thread_time(), time.monotonic()

    def _tick(self) -> None:
        cpu, clock = time.thread_time(), time.monotonic()
        self.longest = max(self.longest, cpu - self._cpu)
        self.slowest = max(self.slowest, clock - self._clock - _EACH)
        self._cpu, self._clock = cpu, clock
        self._timer = asyncio.get_running_loop().call_later(_EACH, self._tick)

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()


def holdings(turns: Turns) -> dict[str, Any]:
    """Return the resources of this process, after a garbage collection.

    Args:
        turns: The turns of the event loop, which are reset.
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
        "tasks": sorted(_task_name(task) for task in asyncio.all_tasks()),
        "timers": sorted(_timer_name(timer) for timer in timers if not timer.cancelled()),
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
    # asyncio keeps cancelled timers for a while, and running ones are counted under "timers"
    return kind.startswith(_OURS) and not kind.endswith(_TIMER)


def _task_name(task: "asyncio.Task[Any]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task))


def _timer_name(timer: asyncio.TimerHandle) -> str:
    """Describe a timer, without numbers that differ each time."""
    return _NUMBERS.sub("", repr(timer))


def _descriptors() -> list[str]:
    """Return the kind of each open descriptor, without numbers that differ each time."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(path.readlink()).split(":", 1)[0])
        except OSError:  # the descriptor of the folder itself, which is closed already
            continue
    return found

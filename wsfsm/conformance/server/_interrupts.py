"""Signals that end the runner: it stops its servers first, as with Ctrl-C."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, Final, cast

__all__ = ["interruptible"]

_SIGNALS: Final = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


@contextlib.contextmanager
def interruptible(interrupts: list[int]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP cancel the current task, so that it can stop its servers.

    A second signal cancels all tasks, so that no server is waited for any more. A signal that has
    a handler already keeps it.

    Args:
        interrupts: List to which the numbers of the signals are added.
    """
    loop = asyncio.get_running_loop()
    task = cast("asyncio.Task[Any]", asyncio.current_task())

    def interrupt(number: int, _frame: object) -> None:
        # an exception raised here would appear anywhere, for example in a task whose errors asyncio logs
        loop.call_soon_threadsafe(hurry if interrupts else task.cancel)
        interrupts.append(number)

    def hurry() -> None:
        for waiting in asyncio.all_tasks(loop):
            waiting.cancel()

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

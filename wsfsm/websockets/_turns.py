"""A turn of the event loop, whichever library runs it, and without importing one."""

import sys
from typing import Any, NoReturn

__all__ = ["give_turn", "refuse"]


async def give_turn() -> None:
    """Let the other tasks of the event loop run once; without a loop, go on at once.

    asyncio and trio are known, with all that runs on them.
    """
    # a library that runs this very coroutine has been imported already
    asyncio = sys.modules.get("asyncio")
    trio = getattr(sys.modules.get("trio"), "lowlevel", None)
    if _has_task(asyncio):
        await asyncio.sleep(0)  # type: ignore[union-attr]  # it is not None
    elif _has_task(trio):
        await trio.checkpoint()  # type: ignore[union-attr]  # as above


async def refuse(error: Exception) -> NoReturn:
    """Raise the error of a call that is refused, after a turn of the event loop.

    Without it, an application that makes the same mistake for ever would stop all other tasks.
    """
    try:
        await give_turn()
        raise error from None
    finally:
        del error  # it has this frame in its traceback


def _has_task(library: Any) -> bool:
    try:
        return library.current_task() is not None
    except (AttributeError, RuntimeError):  # it is not imported, or does not run in this thread
        return False

"""Timeouts of receives and sends."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from wsfsm._loops import current_loop

__all__ = ["within"]

T = TypeVar("T")


async def within(
    seconds: float, call: Callable[[], Awaitable[T]], name: str, state: Callable[[], str]
) -> T:
    """Call a method of the facade, and cancel it when the time is over.

    Args:
        seconds: The time that it may take.
        call: The method, with its arguments.
        name: Its name, for the error.
        state: Returns a sentence about the state of the connection, for the error.

    Raises:
        TimeoutError: It took longer.
    """
    results: list[T] = []

    async def run() -> None:
        results.append(await call())

    if not await current_loop().finishes(run, seconds):
        raise TimeoutError(
            f"{name}() took longer than its timeout of {seconds:g} seconds\n{state()}."
        )
    return results[0]

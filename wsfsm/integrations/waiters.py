"""Tasks that wait for something to change, each of which looks by itself whether it has."""

import asyncio

__all__ = ["Waiters"]


class Waiters(list[asyncio.Future[None]]):
    """Tasks that wait, all to be woken together.

    Args:
        loop: Their loop.
    """

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop

    async def wait(self) -> None:
        """Wait to be woken."""
        waiter = self._loop.create_future()
        self.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self:  # it was cancelled
                self.remove(waiter)

    def wake(self) -> None:
        """Wake all who wait."""
        for waiter in self:
            if not waiter.done():
                waiter.set_result(None)
        self.clear()

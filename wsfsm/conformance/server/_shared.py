"""Results of cases that share a server: they count once the server has outlived them."""

import asyncio
from collections import deque
from collections.abc import Iterator
from time import monotonic

import attrs

from wsfsm.conformance.verdicts import Result

__all__ = ["SharedServer"]


@attrs.define
class SharedServer:
    """A server on which cases are played side by side, and the results that do not count yet.

    Attributes:
        responds: Whether requests still reached the application at the last probe.
        probing: Lock that is held during a probe.
    """

    responds: bool = True
    probing: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    _fresh: deque[tuple[float, Result]] = attrs.field(factory=deque, init=False)

    def add(self, result: Result) -> None:
        """Add the result of a case that has just ended."""
        self._fresh.append((monotonic(), result))

    def has_any(self, until: float) -> bool:
        """Whether there are results from before a time."""
        return bool(self._fresh) and self._fresh[0][0] < until

    def is_due(self, until: float) -> bool:
        """Whether to probe the server, because there are results from before a time."""
        return self.responds and self.has_any(until)

    def outlived(self, until: float) -> Iterator[Result]:
        """Remove and return the results from before a time, because the server outlived them."""
        while self.has_any(until):
            yield self._fresh.popleft()[1]

"""Tests that run on asyncio and on trio."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
import trio

Run: TypeAlias = Callable[[Callable[[], Awaitable[Any]]], Any]


def _on_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await main()

    return asyncio.run(bounded())


def _on_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        with trio.fail_after(20):
            return await main()

    return trio.run(bounded)


on_both = pytest.mark.parametrize("run", [_on_asyncio, _on_trio], ids=["asyncio", "trio"])
"""Gives a test the argument `run`, which runs a coroutine function for at most twenty seconds."""

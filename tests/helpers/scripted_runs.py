"""The scope of a run, and callables that never answer, for tests of the scripted application."""

import asyncio
from typing import Any

SCOPE = {"type": "websocket", "headers": [(b"x-wsfsm-run", b"1")]}


async def never() -> Any:
    await asyncio.Event().wait()


async def nowhere(_message: Any) -> None:
    """Discard a message."""

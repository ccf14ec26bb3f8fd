"""A connection that exchanges echoes all the time, beside the conversations."""

import asyncio
import time
from typing import Final, Self

from tools.soak.peer import Address, Peer
from tools.soak.plan import Application
from wsfsm.conformance.server._client import OPCODES, frame, request

__all__ = ["Neighbour"]

_REST: Final = 0.005  # seconds between an echo and the next message
_PATIENCE: Final = 20.0  # seconds for an echo


class Neighbour:
    """Sends a message and waits for its echo, repeatedly.

    Args:
        address: Where the server listens.

    Attributes:
        gaps: Seconds that each echo took.
        faults: A sentence for each fault.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self.gaps: list[float] = []
        self.faults: list[str] = []

    async def __aenter__(self) -> Self:
        """Connect, and start to send."""
        self._peer = await Peer.reach(self._address)
        query = Application(echo=True, quiet=True).query("neighbour")
        self._peer.write(request(target=f"/?{query}".encode()))
        await self._peer.response(_PATIENCE)
        self._task = asyncio.create_task(self._echo())
        return self

    async def _echo(self) -> None:
        while True:
            text = f"message {len(self.gaps)}"
            start = time.monotonic()
            self._peer.write(frame(OPCODES["text"], text.encode()))
            got = await self._peer.read_frame(_PATIENCE)
            if got != {"opcode": "text", "fin": True, "text": text}:
                self.faults.append(f"the neighbour got {got} instead of {text!r}")
                return
            self.gaps.append(time.monotonic() - start)
            await asyncio.sleep(_REST)

    async def __aexit__(self, *_: object) -> None:
        """Stop, and close the connection."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._peer.abort()

"""Connections that are still open when a server is stopped."""

import asyncio
from typing import Any, Final

from tools.soak import wire
from tools.soak.messages import Batch
from tools.soak.peer import Address, Peer
from tools.soak.plan import Application
from wsfsm.conformance.server._client import request

__all__ = ["Leftovers"]

_PATIENCE: Final = 20.0  # seconds
_OPENED: Final = 10.0  # seconds for a connection to reach its state
_RESTART: Final = 1012  # IANA WebSocket Close Code Number Registry: service restart


class Leftovers:
    """One open connection, one whose handshake is not answered, and two silent ones.

    Args:
        address: Where the server listens.
        status: Status with which the server answers a handshake that is pending when it stops.

    Attributes:
        faults: A sentence for each fault.
    """

    def __init__(self, address: Address, status: int) -> None:
        self._address = address
        self._status = status
        self._peers: list[Peer] = []
        self.faults: list[str] = []

    async def open(self) -> None:
        """Open the connections.

        Raises:
            OSError: The server does not listen.
        """
        self._idle = await self._ask("idle", Application(echo=True))
        self._pending = await self._ask("pending", Application(answer="wait"))
        await self._ask("silent", Application(echo=True))
        unread = Application(batch=Batch(1, 20, "huge"), propagates=True, quiet=True)
        await self._ask("unread", unread, slow=True)
        for peer in self._peers:
            if peer is not self._pending:
                await peer.response(_OPENED)

    async def _ask(self, name: str, application: Application, *, slow: bool = False) -> Peer:
        peer = await Peer.reach(self._address, slow=slow)
        peer.write(request(target=f"/?{application.query(name)}".encode()))
        self._peers.append(peer)
        return peer

    async def see(self) -> None:
        """Check how the connections end after the signal to stop, if there are any."""
        if not self._peers:
            return
        close, response = await asyncio.gather(
            self._idle.read_frame(_PATIENCE), self._pending.response(_PATIENCE)
        )
        self._differs("an open connection", close.get("code", close), _RESTART)
        self._differs("a pending handshake", response.get("status", response), self._status)
        self._idle.write(wire.close(_RESTART))
        ends = await self._idle.end(_PATIENCE)
        self._differs("the open connection, after its Close,", ends, {"ends": "FIN"})

    def _differs(self, what: str, got: Any, wanted: Any) -> None:
        if got != wanted:
            self.faults.append(f"at the stop, {what} got {got!r} instead of {wanted!r}")

    def leave(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            peer.abort()

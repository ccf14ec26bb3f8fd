"""The runner's end of the control channel: what the application's side of a case is told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from wsfsm.conformance.values import from_json, to_json

__all__ = ["Control", "Remote"]

_LIMIT: Final = 2**26  # bytes of a line: a message of a case can be long
_GRACE: Final = 2.0  # seconds that an answer may be late, as machines can be busy


class Remote:
    """The application's side of one run, as the runner sees it.

    Attributes:
        scope: Scope of the connection, once the application runs.
        arrived: Set once it runs.
        calls: How often it has been called.
    """

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.arrived = asyncio.Event()
        self.calls = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def arrive(
        self, scope: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The application runs."""
        self.scope, self._reader, self._writer = scope, reader, writer
        self.calls += 1
        self.arrived.set()

    def renew(self) -> None:
        """The application runs for another connection from now on; that of the last one ends."""
        self.leave()
        self.scope, self._reader, self._writer = {}, None, None
        self.arrived.clear()

    async def do(self, command: dict[str, Any], within: float) -> dict[str, Any]:
        """Tell it what to do; what it sees.

        Args:
            command: What it shall do.
            within: Seconds that it may take.

        Returns:
            What it sees; `gone` if the application does not run, or not any more.
        """
        if not await self.is_there(within):
            return {"gone": True}
        assert self._writer is not None  # noqa: S101 - it has arrived
        line = json.dumps(to_json({**command, "within": within}))
        self._writer.write(line.encode() + b"\n")
        return await self._answer(within)

    async def tell(self, command: dict[str, Any]) -> dict[str, Any]:
        """Tell it what to do, such as to end, without waiting for what comes of it."""
        if not await self.is_there(_GRACE):
            return {"gone": True}
        assert self._writer is not None  # noqa: S101 - it has arrived
        self._writer.write(json.dumps(to_json(command)).encode() + b"\n")
        return {"told": True}

    async def ended(self, within: float) -> dict[str, Any]:
        """How the application ends, without being told.

        Args:
            within: Seconds that it may take.
        """
        if not await self.is_there(within):
            return {"gone": True}
        return await self._answer(within - _GRACE)

    async def is_there(self, within: float) -> bool:
        """Whether the application runs, or comes to run in so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.arrived.wait(), within)
        return self.arrived.is_set()

    async def _answer(self, within: float) -> dict[str, Any]:
        assert self._reader is not None  # noqa: S101 - it has arrived
        try:
            async with asyncio.timeout(within + _GRACE):
                line = await self._reader.readline()
        except TimeoutError:
            return {"waits": True}
        except OSError:
            return {"gone": True}
        except ValueError:  # more than a line may have
            return {"garbled": True}
        if not line.endswith(b"\n"):  # it has died over it
            return {"gone": True}
        return _table(line) or {"garbled": True}

    def leave(self) -> None:
        """Let the application end, if it has not."""
        if self._writer is not None:
            self._writer.close()


class Control:
    """The control channel: where players come, and to whose run each belongs.

    Attributes:
        address: Host and port where it listens.
    """

    def __init__(self) -> None:
        self.address = ""
        self._remotes: dict[str, Remote] = {}
        self._writers: list[asyncio.StreamWriter] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator["Control"]:
        """Listen on a free port of 127.0.0.1."""
        control = cls()
        server = await asyncio.start_server(control._meet, "127.0.0.1", 0, limit=_LIMIT)
        host, port = server.sockets[0].getsockname()
        control.address = f"{host}:{port}"
        try:
            yield control
        finally:
            server.close()
            for writer in control._writers:
                writer.transport.abort()
            await asyncio.sleep(0)  # for the transports to be closed in it

    @contextlib.contextmanager
    def expecting(self, run: str) -> Iterator[Remote]:
        """The application's side of a run, which is let go in the end."""
        remote = self._remotes[run] = Remote()
        try:
            yield remote
        finally:
            del self._remotes[run]
            remote.leave()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            hello = _table(await reader.readline())
        except (OSError, ValueError):  # it is nobody who plays a case
            hello = {}
        match hello:
            case {"hello": str(run), "scope": dict(scope)} if run in self._remotes:
                self._remotes[run].arrive(scope, reader, writer)
            case _:
                writer.close()  # its run is over, or it is no player


def _table(line: bytes) -> dict[str, Any]:
    """What a line says; nothing if it is not as a player writes."""
    try:
        told = from_json(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}

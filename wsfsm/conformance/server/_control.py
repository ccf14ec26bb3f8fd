"""The runner's end of the control channel: the steps of the application, and its observations."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from wsfsm.conformance.values import from_json, to_json

__all__ = ["Control", "RemoteApp"]

_LIMIT: Final = 2**26  # bytes of a line, because a message of a case can be long
_GRACE: Final = 2.0  # seconds that an answer may be late, because machines can be busy


class RemoteApp:
    """The scripted application of one run, as the runner sees it.

    Attributes:
        scope: Scope of the connection, once the application runs.
        arrived: Set once the application runs.
        calls: How often the server has called the application.
    """

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.arrived = asyncio.Event()
        self.calls = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def attach(
        self, scope: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """The server has called the application, which has connected to the control channel."""
        self.scope, self._reader, self._writer = scope, reader, writer
        self.calls += 1
        self.arrived.set()

    def renew(self) -> None:
        """Release the application, and expect one for another connection."""
        self.release()
        self.scope, self._reader, self._writer = {}, None, None
        self.arrived.clear()

    async def do(self, command: dict[str, Any], within: float) -> dict[str, Any]:
        """Send a command, and return the observation.

        Args:
            command: The command.
            within: Seconds that the observation may take.

        Returns:
            The observation; `gone` if the application does not run, or no longer runs.
        """
        if not await self.is_running(within):
            return {"gone": True}
        assert self._writer is not None  # noqa: S101 - it has arrived
        line = json.dumps(to_json({**command, "within": within}))
        self._writer.write(line.encode() + b"\n")
        return await self._answer(within)

    async def post(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command that has no observation, for example to return."""
        if not await self.is_running(_GRACE):
            return {"gone": True}
        assert self._writer is not None  # noqa: S101 - it has arrived
        self._writer.write(json.dumps(to_json(command)).encode() + b"\n")
        return {"delivered": True}

    async def wait_ended(self, within: float) -> dict[str, Any]:
        """Observe how the application ends by itself.

        Args:
            within: Seconds that it may take.
        """
        if not await self.is_running(within):
            return {"gone": True}
        return await self._answer(within - _GRACE)

    async def is_running(self, within: float) -> bool:
        """Whether the application runs, or starts to run in so many seconds."""
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
        except ValueError:  # a line above the limit
            return {"garbled": True}
        if not line.endswith(b"\n"):  # the server ended in the middle of it
            return {"gone": True}
        return _table(line) or {"garbled": True}

    def release(self) -> None:
        """Let the application return, unless it has ended."""
        if self._writer is not None:
            self._writer.close()


class Control:
    """The control channel, to which the scripted applications connect.

    Attributes:
        address: Host and port where it listens.
    """

    def __init__(self) -> None:
        self.address = ""
        self._apps: dict[str, RemoteApp] = {}
        self._writers: list[asyncio.StreamWriter] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator["Control"]:
        """Listen on a free port of 127.0.0.1."""
        control = cls()
        server = await asyncio.start_server(control._accept, "127.0.0.1", 0, limit=_LIMIT)
        host, port = server.sockets[0].getsockname()
        control.address = f"{host}:{port}"
        try:
            yield control
        finally:
            server.close()
            for writer in control._writers:
                writer.transport.abort()
            await asyncio.sleep(0)  # lets the loop close the transports

    @contextlib.contextmanager
    def expecting(self, run: str) -> Iterator[RemoteApp]:
        """Expect the application of a run, and release it at the end."""
        app = self._apps[run] = RemoteApp()
        try:
            yield app
        finally:
            del self._apps[run]
            app.release()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            hello = _table(await reader.readline())
        except (OSError, ValueError):  # not a scripted application
            hello = {}
        match hello:
            case {"hello": str(run), "scope": dict(scope)} if run in self._apps:
                self._apps[run].attach(scope, reader, writer)
            case _:
                writer.close()  # its run is over, or it is not a scripted application


def _table(line: bytes) -> dict[str, Any]:
    """The table in a line; empty if a scripted application does not write such a line."""
    try:
        table = from_json(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}

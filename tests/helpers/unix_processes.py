"""Programs in processes of their own that listen on Unix sockets, so that they need no ports."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import websockets

from helpers.asgi import ROOT

UVICORN: Final = (sys.executable, "-m", "uvicorn")
REDIS: Final = ("redis-server", "--port", "0", "--save", "", "--unixsocket")


@attrs.frozen
class Process:
    """A process that listens on a Unix socket."""

    path: Path
    popen: subprocess.Popen[bytes]

    async def listens(self) -> None:
        """Wait until it listens."""
        while True:
            assert self.popen.poll() is None, "the program does not start"
            with socket.socket(socket.AF_UNIX) as sock:
                if sock.connect_ex(str(self.path)) == 0:
                    return
            await asyncio.sleep(0.02)

    async def connect(
        self, path: str, *, max_queue: int | None = None
    ) -> websockets.ClientConnection:
        """Connect a client, which reads at most `max_queue` messages that nobody has received."""
        return await websockets.unix_connect(
            str(self.path),
            f"ws://localhost{path}",
            compression=None,
            max_queue=max_queue,
            ping_interval=None,
        )

    async def stop(self) -> None:
        """Stop it as a service manager does."""
        self.popen.terminate()
        await asyncio.to_thread(self.popen.wait, 20)


@attrs.frozen
class Processes:
    """Processes in a folder of their own, because the path of a socket must be short."""

    folder: Path
    started: list[subprocess.Popen[bytes]] = attrs.field(factory=list)

    async def start(self, name: str, *command: str, cwd: Path = ROOT, **env: str) -> Process:
        """Start a program, and wait until it listens; the path of its socket is its last argument."""
        process = self._start(name, command, cwd, env)
        await process.listens()
        return process

    def _start(self, name: str, command: Sequence[str], cwd: Path, env: dict[str, str]) -> Process:
        path = self.folder / name
        path.unlink(missing_ok=True)
        with self._log(name).open("ab") as log:
            popen = subprocess.Popen(  # noqa: S603 - our own
                [*command, str(path)],
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": str(ROOT), **env},
                stdout=log,
                stderr=log,
            )
        self.started.append(popen)
        return Process(path, popen)

    async def redis(self) -> Process:
        """Start a Redis."""
        return await self.start("redis", *REDIS)

    @property
    def redis_url(self) -> str:
        """Its URL."""
        return f"unix://{self.folder / 'redis'}"

    def log(self, name: str) -> str:
        """All that a program has printed."""
        return self._log(name).read_text(encoding="utf-8")

    @property
    def logs(self) -> str:
        """All that the programs have printed."""
        return "".join(path.read_text(encoding="utf-8") for path in self.folder.glob("*.log"))

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextlib.contextmanager
def processes() -> Iterator[Processes]:
    with tempfile.TemporaryDirectory() as folder:
        here = Processes(Path(folder))
        try:
            yield here
        finally:
            for popen in here.started:
                popen.kill()
                popen.wait(20)

"""A server in a process of its own, with its CPU time and memory. Linux only."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from wire_client import connected
from wire_load import TEXT, Plain

HERE: Final = Path(__file__).parent
PATIENCE: Final = 30.0  # seconds for a server to start
GRACE: Final = 5.0  # seconds for a server to stop
PAGE: Final = resource.getpagesize()
CORES: Final = sorted(os.sched_getaffinity(0))

Cores: TypeAlias = set[int]
SERVERS_CORE: Final[Cores] = {CORES[0]}
CLIENTS_CORE: Final[Cores] = {CORES[-1]}


GREETING: Final = Plain(TEXT, 64)


class DidNotStartError(Exception):
    """The server has ended or does not answer; the text is the last line of its output."""


@contextlib.contextmanager
def pinned(cores: Cores) -> Iterator[None]:
    """Pin this process to cores for a while, and the processes that it starts meanwhile for ever."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def files_for(count: int) -> bool:
    """Allow this many open files in this process and in those that it starts, if possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < count and (hard == unlimited or hard >= count):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
        soft = count
    return soft == unlimited or soft >= count


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def family(root: int) -> list[int]:
    """Return a process and all its descendants, because some servers work in child processes."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # after the name, which is in parentheses and may contain any character: state and parent
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
    found = [root]
    for pid in found:  # the list grows during the loop
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def cpu_of(pids: Iterable[int]) -> int:
    """Return the nanoseconds of CPU time, user and system, of processes."""
    # Python does not have clock_getcpuclockid(), but the clock's number is part of the kernel's
    # interface (include/linux/posix-timers.h: ~pid << 3 | CPUCLOCK_SCHED). It is used here
    # because /proc/<pid>/stat counts only hundredths of a second.
    return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in pids)


class ServerProcess:
    """A running server.

    Args:
        arguments: Arguments of Python, with `{port}` for the port.

    Attributes:
        starting: The seconds from the start of the process to its first echo.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.port = free_port()
        command = [sys.executable, *(part.format(port=self.port) for part in arguments)]
        paths = [str(HERE), *filter(None, [os.getenv("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._launched = time.monotonic()
        with pinned(SERVERS_CORE):
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that stop() can kill its workers too
            )
        self._pids = [self._process.pid]

    async def started(self) -> None:
        """Wait until the server accepts a WebSocket, and sends an echo."""
        while True:
            try:
                client = await connected(self.port)
                await client.echo(GREETING)
            except (OSError, EOFError) as error:
                late = time.monotonic() > self._launched + PATIENCE
                if self._process.poll() is not None or late:
                    raise DidNotStartError(self._last_line() or str(error)) from None
                await asyncio.sleep(0.002)  # the client has a core of its own
            else:
                break
        self.starting = time.monotonic() - self._launched
        await client.close()
        self._pids = family(self._process.pid)

    def cpu(self) -> int:
        """Return the nanoseconds of CPU time, user and system, of all processes of the server."""
        return cpu_of(self._pids)

    def memory(self) -> int:
        """Return the bytes of resident memory of all processes of the server."""
        statm = (Path(f"/proc/{pid}/statm").read_text(encoding="ascii") for pid in self._pids)
        return sum(int(fields.split()[1]) * PAGE for fields in statm)

    def _last_line(self) -> str:
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError):  # all processes of the session have ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()

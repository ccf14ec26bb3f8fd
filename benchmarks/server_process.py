"""A server in a process of its own: started, its CPU time and memory read, stopped. Linux only."""

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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from wire_client import connected

HERE: Final = Path(__file__).parent
PATIENCE: Final = 30.0  # seconds for a server to start
GRACE: Final = 5.0  # seconds for a server to stop
PAGE: Final = resource.getpagesize()
CORES: Final = sorted(os.sched_getaffinity(0))

Cores: TypeAlias = set[int]
SERVERS_CORE: Final[Cores] = {CORES[0]}
CLIENTS_CORE: Final[Cores] = {CORES[-1]}


class DidNotStartError(Exception):
    """The server ended or kept silent; the message is the end of what it printed."""


@contextlib.contextmanager
def pinned(cores: Cores) -> Iterator[None]:
    """This process, and those that it starts here for good, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def files_for(count: int) -> bool:
    """Allow this many open files here and in what is started from here, if that can be."""
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
    """A process and all that descend from it: some servers leave the work to a worker."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # the name, in parentheses, may hold anything; then come the state and the parent
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
    found = [root]
    for pid in found:  # grows while it is walked
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


class ServerProcess:
    """A running server.

    Args:
        arguments: What follows the interpreter, with `{port}` where the port belongs.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.port = free_port()
        command = [sys.executable, *(part.format(port=self.port) for part in arguments)]
        paths = [str(HERE), *filter(None, [os.getenv("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        with pinned(SERVERS_CORE):
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers can be ended with it
            )
        self._pids = [self._process.pid]

    async def started(self) -> None:
        """Wait until it accepts a WebSocket."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                client = await connected(self.port)
            except (OSError, EOFError) as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise DidNotStartError(self._last_words() or str(error)) from None
                await asyncio.sleep(0.05)
            else:
                break
        await client.close()
        self._pids = family(self._process.pid)

    def cpu(self) -> int:
        """Nanoseconds of CPU time, user and system, of all its processes until now."""
        # clock_getcpuclockid() is not in Python; the number that it makes of a process is the
        # kernel's interface (include/linux/posix-timers.h: ~pid << 3 | CPUCLOCK_SCHED). Unlike
        # /proc/<pid>/stat it counts more finely than in hundredths of a second.
        return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in self._pids)

    def memory(self) -> int:
        """Bytes of resident memory of all its processes."""
        statm = (Path(f"/proc/{pid}/statm").read_text(encoding="ascii") for pid in self._pids)
        return sum(int(fields.split()[1]) * PAGE for fields in statm)

    def _last_words(self) -> str:
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError):  # all of the session ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()

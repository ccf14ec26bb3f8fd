"""Targets: servers on which cases are played, and how they are started and stopped."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Final, Protocol

import attrs

from wsfsm.conformance._versions import installed_versions
from wsfsm.conformance.server import _reaper
from wsfsm.conformance.server._certificates import Certificate, certificate, is_available
from wsfsm.conformance.server.app import CONTROL, scripted_app
from wsfsm.exceptions import Explained
from wsfsm.types import ASGIApp

__all__ = [
    "CommandTarget",
    "FactoryTarget",
    "RunningServer",
    "ServerTarget",
    "TargetError",
]

APPLICATION: Final = "wsfsm.conformance.server.app:app"
"""The application that a server has to serve."""

AS_USUAL: Final = frozenset({"stop", "subprocess"})
"""The variants of a server in a process of its own that is started as usual: a step stops it, or
blocks its event loop."""

TLS: Final = "tls"
"""The variant of a server that speaks TLS."""

_HOST: Final = "127.0.0.1"
_STARTING: Final = 30.0  # seconds that a server may take to listen
_STOPPING: Final = 10.0  # seconds that it may take to exit
_TAIL: Final = 2000  # characters of its output that a report shows
_READ: Final = 65_536  # bytes of its output that are read, because it may be endless


class TargetError(Explained, Exception):
    """A server that cannot be started, or is not installed."""

    topic = "check"


class RunningServer(Protocol):
    """A server that runs.

    Attributes:
        host: Host where it listens.
        port: Port where it listens.
        stopped: Whether `stop` was called.
        is_subprocess: Whether it is a process of its own, which can exit.
        tls: Context of a client; None if the server does not speak TLS.
    """

    host: str
    port: int
    stopped: bool
    is_subprocess: bool
    tls: ssl.SSLContext | None

    def exit_reason(self) -> str:
        """How it has exited by itself; "" if it runs, or was stopped."""

    def output_tail(self) -> str:
        """The last lines that it has printed, or ""."""

    async def stop(self) -> None:
        """Stop it by SIGTERM, as a service manager does."""

    async def exit_status(self, within: float) -> int | None:
        """Wait for its exit status; None if it has not exited in so many seconds."""


class ServerTarget(Protocol):
    """A server that can be started."""

    @property
    def name(self) -> str:
        """Name in reports."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the packages that it consists of, by name."""

    def has(self, variant: str) -> bool:
        """Whether it can be started as this variant; "" is the usual way."""

    def running(self, control: str, variant: str) -> AbstractAsyncContextManager[RunningServer]:
        """Start it with the scripted application, and stop it at the end.

        Args:
            control: Host and port of the control channel.
            variant: The variant.

        Raises:
            TargetError: It cannot be started.
        """


def _without_folders(text: str) -> str:
    """Remove the folders of this machine from a text, because a report may be published."""
    folders = {sys.prefix, sys.base_prefix}
    with contextlib.suppress(OSError):  # the folder may have been removed
        folders.add(str(Path.cwd()))
    for folder in sorted(folders - {Path(folder).anchor for folder in folders}, key=len)[::-1]:
        text = text.replace(folder, "...")
    return text


@attrs.define
class _Process:
    host: str
    port: int
    process: asyncio.subprocess.Process
    output: IO[bytes]
    tls: ssl.SSLContext | None = None
    stopped: bool = False
    is_subprocess: bool = True

    def exit_reason(self) -> str:
        status = self.process.returncode
        if status is None or self.stopped:
            return ""
        return f"the server exited by itself with status {status}"

    def output_tail(self) -> str:
        size = os.fstat(self.output.fileno()).st_size
        # pread, because the server writes at the same offset, which must not move
        printed = os.pread(self.output.fileno(), _READ, max(0, size - _READ))
        return _without_folders(printed.decode("utf-8", "replace"))[-_TAIL:].strip()

    async def stop(self) -> None:
        self.stopped = True
        # asyncio's send_signal() reaps a process that has exited, and loses its status
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)

    async def exit_status(self, within: float) -> int | None:
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.process.wait(), within)
        return None

    async def end(self) -> None:
        try:
            if self.process.returncode is None:
                await self.stop()
                await self.exit_status(_STOPPING)
        finally:  # also after an interrupt
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # children that outlived it
            _reaper.untrack(self.process.pid)
            await self._reaped()

    async def _reaped(self) -> None:
        """Wait for the killed process even if the wait is cancelled, because it takes no time."""
        cancelled = None
        while self.process.returncode is None:
            try:
                await self.process.wait()
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled


@attrs.frozen(kw_only=True)
class CommandTarget:
    """A server that a command starts.

    Attributes:
        name: Name in reports.
        command: The command and its arguments, in which ``{host}`` and ``{port}`` are replaced by the
            address where it has to listen, and ``{app}`` by the application that it has to serve.
            Without ``{app}`` it has to serve ``wsfsm.conformance.server.app:app`` by itself.
        variants: More arguments by the name of a variant: ``keepalive`` (a Ping each second, and one
            second to wait for the Pong), ``limit`` (messages of at most 65536 bytes) and ``tls``, in
            whose arguments ``{cert}`` and ``{key}`` are replaced by the files of a certificate.
        packages: Packages whose versions are reported, if they are installed; the first one is the
            server. If it is empty, no version is reported.
    """

    name: str
    command: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]] = {}
    packages: tuple[str, ...] = ()

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of its packages, and of this Python."""
        return installed_versions(*self.packages) if self.packages else {}

    def has(self, variant: str) -> bool:
        """Whether it can be started as this variant; any process can be stopped."""
        if variant == TLS and not is_available():
            return False
        return not variant or variant in AS_USUAL or variant in self.variants

    @contextlib.asynccontextmanager
    async def running(self, control: str, variant: str) -> AsyncIterator[RunningServer]:
        """Start it, and stop it at the end."""
        _reaper.start()
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(_reserved_port())
            output = stack.enter_context(tempfile.TemporaryFile())
            made = stack.enter_context(certificate(_HOST)) if variant == TLS else None
            process = await self._start(port, variant, control, output, made)
            _reaper.track(process.pid)
            server = _Process(_HOST, port, process, output, made.trust if made else None)
            try:
                await self._until_it_listens(server)
                yield server
            finally:
                await server.end()

    async def _start(
        self, port: int, variant: str, control: str, output: IO[bytes], made: Certificate | None
    ) -> asyncio.subprocess.Process:
        given = {"host": _HOST, "port": str(port), "app": APPLICATION}
        if made is not None:
            given |= {"cert": str(made.chain), "key": str(made.key)}
        if not self.command:
            raise TargetError(f"{self.name} does not have a command; pass the one that starts it")
        words = (*self.command, *self.variants.get(variant, ()))
        arguments = [_replaced(word, given) for word in words]
        try:
            return await asyncio.create_subprocess_exec(
                *arguments,
                env={**os.environ, CONTROL: control},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a null character in the command
            raise TargetError(f"{self.name} cannot be started: {error}") from None

    async def _until_it_listens(self, server: _Process) -> None:
        try:
            await asyncio.wait_for(self._listening(server), _STARTING)
        except TimeoutError:
            raise TargetError(
                f"{self.name} does not listen on {server.host}:{server.port} after "
                f"{_STARTING:.0f} seconds. Output of the server:\n{server.output_tail()}"
            ) from None

    async def _listening(self, server: _Process) -> None:
        while not _listens(server.host, server.port):
            if server.process.returncode is not None:
                raise TargetError(
                    f"{self.name} exits with status {server.process.returncode} before it listens "
                    f"on port {server.port}. Output of the server:\n{server.output_tail()}"
                )
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        if server.process.returncode is not None:
            raise TargetError(
                f"{self.name} listens on port {server.port}, but its process has exited with status "
                f"{server.process.returncode}. Start it in the foreground. Output of the server:\n"
                f"{server.output_tail()}"
            )


def _replaced(word: str, given: Mapping[str, str]) -> str:
    for name, item in given.items():
        word = word.replace(f"{{{name}}}", item)
    return word


_PORTS: Final = itertools.cycle(random.sample(range(20_000, 32_768), 10_000))
"""Ports that systems do not use for clients, each used once in a long time."""


@contextlib.contextmanager
def _reserved_port() -> Iterator[int]:
    """Find a free port, and keep other processes that do the same from it until the end of the block.

    The server cannot bind it at once, so a UDP socket with the same number shows that it is taken.
    """
    while True:
        port = next(filter(_is_free, _PORTS))
        with socket.socket(type=socket.SOCK_DGRAM) as mark:
            try:
                mark.bind((_HOST, port))
            except OSError:
                continue
            yield port
            return


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as sock:
        sock.bind((_HOST, port))
        return True
    return False


def _listens(host: str, port: int) -> bool:
    # the timeout is long, because this machine answers at once
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@attrs.define
class _InProcess:
    host: str
    port: int
    stopped: bool = False
    is_subprocess: bool = False
    tls: ssl.SSLContext | None = None

    def exit_reason(self) -> str:
        return ""

    def output_tail(self) -> str:
        return ""

    async def stop(self) -> None:
        """Do nothing: no step calls it, because `FactoryTarget` has no such variant."""

    async def exit_status(self, within: float) -> int | None:
        """Return None: no step calls it."""


@attrs.frozen(kw_only=True)
class FactoryTarget:
    """A server that runs in the runner's own event loop.

    Attributes:
        name: Name in reports.
        factory: Returns, for an application, an asynchronous context manager that serves it and
            yields host and port.
        versions: Versions of the packages that it consists of, by name.
    """

    name: str
    factory: Callable[[ASGIApp], AbstractAsyncContextManager[tuple[str, int]]]
    versions: Mapping[str, str] = {}

    def has(self, variant: str) -> bool:
        """Whether it can be started as this variant: only in the usual way."""
        return not variant

    @contextlib.asynccontextmanager
    async def running(self, control: str, variant: str) -> AsyncIterator[RunningServer]:  # noqa: ARG002
        """Start it, and stop it at the end."""
        async with self.factory(scripted_app(control)) as (host, port):
            yield _InProcess(host, port)

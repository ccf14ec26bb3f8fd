"""Targets: the servers that cases are played on, and how they are started and stopped."""

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
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Final, Protocol

import attrs

from wsfsm.conformance._versions import versions
from wsfsm.conformance.server._certificates import Certificate, can_be_made, certificate
from wsfsm.conformance.server._reaper import forget, hire, watch
from wsfsm.conformance.server.app import CONTROL, player_for
from wsfsm.types import ASGIApp

__all__ = [
    "CommandTarget",
    "FactoryTarget",
    "ServerTarget",
    "Serving",
    "TargetError",
]

APPLICATION: Final = "wsfsm.conformance.server.app:app"
"""What a server has to serve."""

AS_USUAL: Final = frozenset({"stop", "apart"})
"""The variants of a process of its own that is started as usual: it is told to stop in the midst of a
case, or its event loop is held up."""

TLS: Final = "tls"
"""The variant of a server that is started with a certificate."""

_HOST: Final = "127.0.0.1"
_STARTING: Final = 30.0  # seconds that a server may take to listen
_STOPPING: Final = 10.0  # seconds that it may take to end
_TOLD: Final = 2000  # characters of its output that are told
_READ: Final = 65_536  # bytes of it that are read, as it may be endless


class TargetError(Exception):
    """A server that cannot be started, or is not installed."""


class Serving(Protocol):
    """A server that runs.

    Attributes:
        host: Host where it listens.
        port: Port where it listens.
        stopped: Whether it was told to stop.
        apart: Whether it is a process of its own, which can die.
        tls: Whom a client trusts; None if the server speaks no TLS.
    """

    host: str
    port: int
    stopped: bool
    apart: bool
    tls: ssl.SSLContext | None

    def died(self) -> str:
        """How it has died without being told to; "" if it lives."""

    def words(self) -> str:
        """The last words that it has printed, or ""."""

    async def stop(self) -> None:
        """Tell it to stop, as a service manager does (SIGTERM)."""

    async def exit_status(self, within: float) -> int | None:
        """Its exit status once it has stopped, or None if it has not in so many seconds."""


class ServerTarget(Protocol):
    """A server that can be started.

    Attributes:
        name: What it is called in reports.
    """

    @property
    def name(self) -> str:
        """What it is called in reports."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of what it is made of, by name."""

    def has(self, variant: str) -> bool:
        """Whether it can be started so: as usual (""), or otherwise."""

    def running(self, control: str, variant: str) -> AbstractAsyncContextManager[Serving]:
        """Start it with the player as its application, and stop it in the end.

        Args:
            control: Host and port of the control channel.
            variant: How it is started.

        Raises:
            TargetError: It cannot be started.
        """


def _without_folders(text: str) -> str:
    """A text without the folders of this machine: a report may be published."""
    folders = {sys.prefix, sys.base_prefix}
    with contextlib.suppress(OSError):  # it may have been removed
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
    apart: bool = True

    def died(self) -> str:
        status = self.process.returncode
        if status is None or self.stopped:
            return ""
        return f"it has ended by itself with status {status}"

    def words(self) -> str:
        size = os.fstat(self.output.fileno()).st_size
        # the server writes at the same offset, which must not be moved
        said = os.pread(self.output.fileno(), _READ, max(0, size - _READ))
        return _without_folders(said.decode("utf-8", "replace"))[-_TOLD:].strip()

    async def stop(self) -> None:
        self.stopped = True
        # asyncio's own send_signal() reaps a process that has ended, and its status is lost
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
        finally:  # whoever is interrupted here leaves nothing behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # children that have outlived it
            forget(self.process.pid)
            await self._reaped()

    async def _reaped(self) -> None:
        """Wait for one that was killed, which takes no time, however often that is cancelled."""
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
        name: What it is called in reports.
        command: The command and its arguments, in which `{host}`, `{port}` and `{app}` are replaced
            by where it has to listen, and the application that it has to serve. Without `{app}`
            it has to serve `wsfsm.conformance.server.app:app` by itself.
        variants: More arguments by the name of a variant: `keepalive` (a Ping once a second, and
            a Pong awaited for a second), `limit` (messages of at most 64 KiB) and `tls`, in whose
            arguments `{cert}` and `{key}` are replaced by the files of a certificate.
        packages: Packages whose versions are told, if they are installed; the first is the server.
            Without any it is not known what runs the command, and no version is told.
    """

    name: str
    command: tuple[str, ...]
    variants: Mapping[str, tuple[str, ...]] = {}
    packages: tuple[str, ...] = ()

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of its packages, and of the Python that they are installed in."""
        return versions(*self.packages) if self.packages else {}

    def has(self, variant: str) -> bool:
        """Whether it has the variant; it can always be told to stop."""
        if variant == TLS and not can_be_made():
            return False
        return not variant or variant in AS_USUAL or variant in self.variants

    @contextlib.asynccontextmanager
    async def running(self, control: str, variant: str) -> AsyncIterator[Serving]:
        """Start it, and stop it in the end."""
        hire()
        port = _free_port()
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(tempfile.TemporaryFile())
            made = stack.enter_context(certificate(_HOST)) if variant == TLS else None
            process = await self._start(port, variant, control, output, made)
            watch(process.pid)
            serving = _Process(_HOST, port, process, output, made.trust if made else None)
            try:
                await self._until_it_listens(serving)
                yield serving
            finally:
                await serving.end()

    async def _start(
        self, port: int, variant: str, control: str, output: IO[bytes], made: Certificate | None
    ) -> asyncio.subprocess.Process:
        given = {"host": _HOST, "port": str(port), "app": APPLICATION}
        if made is not None:
            given |= {"cert": str(made.chain), "key": str(made.key)}
        if not self.command:
            raise TargetError(f"{self.name} has no command")
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
        except (OSError, ValueError) as error:  # or a character that no command can have
            raise TargetError(f"{self.name} cannot be started: {error}") from None

    async def _until_it_listens(self, serving: _Process) -> None:
        try:
            await asyncio.wait_for(self._listening(serving), _STARTING)
        except TimeoutError:
            raise TargetError(
                f"{self.name} does not listen on {serving.host}:{serving.port} after "
                f"{_STARTING:.0f} seconds:\n{serving.words()}"
            ) from None

    async def _listening(self, serving: _Process) -> None:
        while not _listens(serving.host, serving.port):
            if serving.process.returncode is not None:
                raise TargetError(
                    f"{self.name} ends before it listens on port {serving.port}, with "
                    f"status {serving.process.returncode}:\n{serving.words()}"
                )
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        if serving.process.returncode is not None:
            raise TargetError(
                f"{self.name} listens on port {serving.port}, but the process that was started has "
                f"ended with status {serving.process.returncode}; it has to stay in the "
                f"foreground:\n{serving.words()}"
            )


def _replaced(word: str, given: Mapping[str, str]) -> str:
    for name, item in given.items():
        word = word.replace(f"{{{name}}}", item)
    return word


_PORTS: Final = itertools.cycle(random.sample(range(20_000, 32_768), 10_000))
"""Ports that no client is given by its system, and no two servers of a run get one after the other."""


def _free_port() -> int:
    return next(filter(_is_free, _PORTS))


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as sock:
        sock.bind((_HOST, port))
        return True
    return False


def _listens(host: str, port: int) -> bool:
    # this machine answers at once
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@attrs.define
class _InProcess:
    host: str
    port: int
    stopped: bool = False
    apart: bool = False
    tls: ssl.SSLContext | None = None

    def died(self) -> str:
        return ""

    def words(self) -> str:
        return ""

    async def stop(self) -> None:
        """Nobody asks for it: `FactoryTarget` has no such variant."""

    async def exit_status(self, within: float) -> int | None:
        """Nobody asks for it."""


@attrs.frozen(kw_only=True)
class FactoryTarget:
    """A server that runs in the runner's own event loop.

    Attributes:
        name: What it is called in reports.
        factory: Gives, for an application, an asynchronous context manager that serves it, and
            that gives host and port.
        versions: Versions of what it is made of, by name.
    """

    name: str
    factory: Callable[[ASGIApp], AbstractAsyncContextManager[tuple[str, int]]]
    versions: Mapping[str, str] = {}

    def has(self, variant: str) -> bool:
        """Only the usual one."""
        return not variant

    @contextlib.asynccontextmanager
    async def running(self, control: str, variant: str) -> AsyncIterator[Serving]:  # noqa: ARG002
        """Start it, and stop it in the end."""
        async with self.factory(player_for(control)) as (host, port):
            yield _InProcess(host, port)

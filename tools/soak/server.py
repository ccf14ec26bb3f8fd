"""A uvicorn in a process of its own: start it, query its resources, stop it, and read its log."""

import asyncio
import contextlib
import json
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import trustme

from tools.soak.logs import CONFIG, Entry, parse
from tools.soak.peer import Address, Peer
from tools.soak.plan import PING_INTERVAL, Target
from tools.soak.wire import MOST

__all__ = ["ServerError", "SoakServer", "ask", "serving"]

_ROOT: Final = Path(__file__).parent.parent.parent
_STARTING: Final = 30.0  # seconds before it must listen
_ANSWERING: Final = 40.0  # seconds before it must answer
_STOPPING: Final = 30.0  # seconds before it is killed
# the folder comes last in the path, so that it does not hide files that an installed package lacks
_LAUNCH: Final = "import sys; sys.path.append(sys.argv.pop(1)); import uvicorn; uvicorn.main()"
_LISTENS: Final = re.compile(r"running on (?:https?://[\d.]+:(\d+)|unix socket)")


class ServerError(Exception):
    """The server cannot be started, or does not answer."""


async def ask(address: Address, path: str, **fields: str) -> Any:
    """Send an HTTP request to a server's application, and return the answer.

    Args:
        address: Where the server listens.
        path: "/state" or "/report".
        fields: The query.

    Raises:
        ServerError: The server does not answer.
    """
    target = f"{path}?{urlencode(fields)}"
    try:
        peer = await Peer.reach(address)
        try:
            peer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            response = await peer.response(_ANSWERING)
        finally:
            peer.abort()
        return json.loads(response["body"])
    except (OSError, KeyError, ValueError) as error:
        raise ServerError(f"{path} is not answered: {error!r}") from None


class SoakServer:
    """A running server.

    Args:
        process: The process.
        address: Where the server listens.
        log: The log.
    """

    def __init__(self, process: asyncio.subprocess.Process, address: Address, log: Path) -> None:
        self._process = process
        self._log = log
        self.address = address

    async def stop(self) -> tuple[float, int]:
        """Stop the server by SIGTERM; return the seconds that it takes, and its exit status."""
        start = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOPPING):
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
        status = await self._process.wait()
        return time.monotonic() - start, status

    def entries(self) -> list[Entry]:
        """Return the entries of the log."""
        return parse(_read(self._log))


def _secrets(folder: Path) -> tuple[list[str], ssl.SSLContext]:
    """Return uvicorn's options for TLS, and a context for clients."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    key, chain = folder / "key.pem", folder / "chain.pem"
    certificate.private_key_pem.write_to_path(key)
    for part in certificate.cert_chain_pems:
        part.write_to_path(chain, append=True)
    trusts = ssl.create_default_context()
    authority.configure_trust(trusts)
    return ["--ssl-keyfile", str(key), "--ssl-certfile", str(chain)], trusts


def _options(target: Target, app: str, ws: str) -> list[str]:
    pings = (str(PING_INTERVAL), "3") if target.pings else ("0", "0")
    return [
        *(app, "--ws", ws, "--loop", target.loop, "--http", target.http),
        *("--ws-ping-interval", pings[0], "--ws-ping-timeout", pings[1]),
        *("--ws-max-size", str(MOST), "--no-use-colors", "--lifespan", "on"),
    ]


@contextlib.asynccontextmanager
async def serving(target: Target, app: str, ws: str, folder: Path) -> AsyncIterator[SoakServer]:
    """Start a server, and kill it at the end if it was not stopped.

    Args:
        target: The target.
        app: The application, for example "tools.soak.application:app".
        ws: The class for WebSockets.
        folder: Folder for the server's files.

    Raises:
        ServerError: The server does not start.
    """
    config = folder / "logging.json"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    options = [*_options(target, app, ws), "--log-config", str(config)]
    trusts, path = None, ""
    if target.transport == "unix":
        path = str(folder / "soak.sock")
        options += ["--uds", path]
    else:
        options += ["--host", "127.0.0.1", "--port", "0"]
    if target.transport == "tls":
        secrets, trusts = _secrets(folder)
        options += secrets
    log = folder / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "default", "-c", _LAUNCH, str(_ROOT), *options),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        port = await _listening(process, log)
        yield SoakServer(process, Address(path, port, trusts), log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _listening(process: asyncio.subprocess.Process, log: Path) -> int:
    """Wait until a server listens; return its port, or 0 if it does not have one."""
    end = time.monotonic() + _STARTING
    while (found := _LISTENS.search(text := _read(log))) is None:
        if process.returncode is not None or time.monotonic() > end:
            raise ServerError(f"the server does not start: {text[-2000:]}")
        await asyncio.sleep(0.05)
    return int(found[1] or 0)


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")

"""Measure the CPU time that Redis needs to publish a message to the processes of an application.

Each process of an application subscribes once, and sends the message on to its own connections.
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from report import markdown
from server_process import CLIENTS_CORE, PATIENCE, SERVERS_CORE, cpu_of, free_port, pinned

PROCESSES: Final = (1, 10, 100)
ROW: Final = "microseconds of Redis for a message"
MESSAGES: Final = 2000
SUBSCRIBE: Final = b"SUBSCRIBE room\r\n"
TEXT: Final = b"x" * 64
PUBLISH: Final = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n$64\r\n" + TEXT + b"\r\n"
MESSAGE: Final = b"*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$64\r\n" + TEXT + b"\r\n"
SUBSCRIBED: Final = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nroom\r\n:1\r\n"


class Connection(asyncio.Protocol):
    """A connection to Redis, which counts the bytes that arrive."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._missing = 0
        self._waiter: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0 and not self._waiter.done():
            self._waiter.set_result(None)

    def expect(self, size: int) -> asyncio.Future[None]:
        """Return a future that is done when this number of bytes has arrived."""
        self._missing += size
        self._waiter = self._loop.create_future()
        return self._waiter


async def connected(port: int) -> Connection:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(ConnectionError):
                return (await loop.create_connection(Connection, "127.0.0.1", port))[1]
            await asyncio.sleep(0.05)  # Redis has not started yet


@contextlib.contextmanager
def redis(program: str, port: int) -> Iterator[int]:
    """Run Redis, and return the number of its process."""
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with pinned(SERVERS_CORE):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - as above
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def measure(program: str, messages: int) -> dict[str, float]:
    """Measure the microseconds for a message, for each number of processes."""
    figures: dict[str, float] = {}
    port = free_port()
    with redis(program, port) as pid, pinned(CLIENTS_CORE):
        publisher, subscribers = await connected(port), list[Connection]()
        async with asyncio.timeout(PATIENCE):
            for count in PROCESSES:
                while len(subscribers) < count:
                    subscribers.append(await connected(port))
                    done = subscribers[-1].expect(len(SUBSCRIBED))
                    subscribers[-1].transport.write(SUBSCRIBE)
                    await done
                before = cpu_of([pid])
                for _ in range(messages):
                    replies = [one.expect(len(MESSAGE)) for one in subscribers]
                    publisher.transport.write(PUBLISH)
                    await asyncio.gather(*replies)
                used = (cpu_of([pid]) - before) / messages / 1e3
                figures["1 process" if count == 1 else f"{count} processes"] = round(used, 1)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--json", type=Path, help="write the results to this file or folder")
    options = parser.parse_args()
    program = shutil.which("redis-server")
    if program is None:
        print("the fan-out is skipped, because redis-server is not installed", file=sys.stderr)
        return 0
    output = subprocess.check_output([program, "--version"], text=True)  # noqa: S603 - as above
    found = re.search(r"v=(\S+)", output)
    results: dict[str, Any] = {
        "about": {"redis": found[1] if found else "", "messages": options.messages},
        "figures": {ROW: asyncio.run(measure(program, options.messages))},
    }
    print(f"Redis {results['about']['redis']}\n\n{markdown(results['figures'])}")
    if options.json:
        path = options.json / "fan-out.json" if options.json.is_dir() else options.json
        path.write_text(f"{json.dumps(results, indent=2)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

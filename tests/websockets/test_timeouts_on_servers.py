"""Timeouts of receives on all servers that are installed: no message is lost."""

import asyncio
import json
from typing import Final

import attrs
import pytest
import websockets
from helpers.known_servers import INSTALLED, command, serving
from helpers.timeouts_app import END
from helpers.uvicorn_server import in_time

from wsfsm.conformance.server.targets import CommandTarget

pytestmark = [pytest.mark.long, pytest.mark.one_python]

MESSAGES: Final = 500
TARGETS: Final = {name: lambda name=name: command(name) for name in INSTALLED} | {
    "hypercorn on trio": lambda: _on_trio(command("hypercorn"))
}


def _on_trio(target: CommandTarget) -> CommandTarget:
    return attrs.evolve(target, command=(*target.command, "--worker-class", "trio"))


@pytest.mark.parametrize("name", TARGETS)
def test_timeouts_lose_no_message(name: str) -> None:
    target = TARGETS[name]()

    async def main() -> None:
        async with serving(target, "helpers.timeouts_app:app") as server:
            async with websockets.connect(f"ws://{server.host}:{server.port}/") as client:
                for number in range(MESSAGES):
                    await client.send(str(number))
                    await asyncio.sleep(0.0003 * (number % 5))
                # a server that loses messages loses some of these, too
                answer = asyncio.ensure_future(client.recv())
                while not answer.done():
                    await client.send(END)
                    await asyncio.wait([answer], timeout=0.01)
                timeouts, got = json.loads(await answer)
        assert got == [*map(str, range(MESSAGES)), END]
        assert timeouts

    in_time(main)

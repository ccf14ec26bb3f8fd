"""Serve listeners of picows, for the candidates that use it."""

import argparse
import asyncio
from collections.abc import Callable
from importlib import import_module

import picows


def main(description: str | None, listener: Callable[[str], picows.WSListener]) -> None:
    """Serve for ever.

    Args:
        description: The help text of the program.
        listener: Create the listener of a connection from the path of its request.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("port", type=int)
    parser.add_argument("loop", choices=["asyncio", "uvloop"])
    options = parser.parse_args()

    async def serve() -> None:
        server = await picows.ws_create_server(
            lambda request: listener(request.path.decode()),
            "127.0.0.1",
            options.port,
            backlog=2048,
        )
        await server.serve_forever()

    with asyncio.Runner(loop_factory=import_module(options.loop).new_event_loop) as runner:
        runner.run(serve())

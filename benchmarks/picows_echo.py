"""The lower bound in the benchmark of servers: picows, which is compiled, without ASGI."""

import argparse
import asyncio
from importlib import import_module

import picows


class Echo(picows.WSListener):
    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type in {picows.WSMsgType.TEXT, picows.WSMsgType.BINARY}:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


async def serve(port: int) -> None:
    server = await picows.ws_create_server(lambda _: Echo(), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("loop", choices=["asyncio", "uvloop"])
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=import_module(options.loop).new_event_loop) as runner:
        runner.run(serve(options.port))


if __name__ == "__main__":
    main()

"""The ASGI floor in the benchmark of servers: the least that a server does for an ASGI application.

picows reads and writes the frames in C, a deque and a future hand the messages over, and the application
runs in a task of its own. There are no checks, no extensions and no flow control, so it is a measure and not
a server.
"""

import asyncio
from collections import deque
from typing import Any

import picows
from echo_app import app
from picows_server import main


class Connection(picows.WSListener):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._messages: deque[dict[str, Any]] = deque([{"type": "websocket.connect"}])
        self._waiter: asyncio.Future[None] | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        scope = {"type": "websocket", "path": self._path, "headers": [], "subprotocols": []}
        self._task = self._loop.create_task(app(scope, self.receive, self.send))

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            text = frame.get_payload_as_utf8_text()
            self._deliver({"type": "websocket.receive", "text": text})
        elif frame.msg_type == picows.WSMsgType.BINARY:
            data = frame.get_payload_as_bytes()
            self._deliver({"type": "websocket.receive", "bytes": data})
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, _: picows.WSTransport) -> None:
        self._deliver({"type": "websocket.disconnect", "code": 1005})

    def _deliver(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        while not self._messages:
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._messages.popleft()

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            if (text := message.get("text")) is not None:
                self._transport.send(picows.WSMsgType.TEXT, text.encode())
            else:
                self._transport.send(picows.WSMsgType.BINARY, message["bytes"])


if __name__ == "__main__":
    main(__doc__, Connection)

"""The lower bound in the benchmark of servers: picows, which is compiled, without ASGI."""

import picows
from picows_server import main


class Echo(picows.WSListener):
    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type in {picows.WSMsgType.TEXT, picows.WSMsgType.BINARY}:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


members: set[picows.WSTransport] = set()


class Broadcast(picows.WSListener):
    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        members.add(transport)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        members.discard(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        for member in members:
            member.send(frame.msg_type, payload)


if __name__ == "__main__":
    main(__doc__, lambda path: Broadcast() if path == "/broadcast" else Echo())

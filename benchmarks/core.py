"""Measure the time that the protocol core takes without sockets, compared with wsproto and h11.

A message is a text of 64 bytes; with h11, which does not have WebSockets, it is a chunk of a body. In
every round all candidates run in turn, and the best round of each counts.
"""

import argparse
import gc
import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final, TypeAlias

import h11
from h11._state import ConnectionState
from report import markdown
from websockets.frames import Frame, Opcode
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from wsfsm.integrations.frames import FrameReader, control_frame, data_frame
from wsfsm.server import ServerConnection
from wsfsm.server.commands import SendClose
from wsfsm.tables import SERVER

TEXT: Final = "x" * 64
FRAME: Final = Frame(Opcode.TEXT, TEXT.encode()).serialize(mask=True)
CLOSE: Final = Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True)
CHUNK: Final = b"40\r\n" + TEXT.encode() + b"\r\n"
HEADERS: Final = [
    (b"host", b"example.org"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]
HEAD: Final = b"".join(
    [b"GET / HTTP/1.1\r\n", *(b"%s: %s\r\n" % pair for pair in HEADERS), b"\r\n"]
)
POST: Final = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
ACCEPT: Final = {"type": "websocket.accept"}
SEND: Final = {"type": "websocket.send", "text": TEXT}

Step: TypeAlias = Callable[[], object]


def opened() -> ServerConnection:
    connection = ServerConnection()
    connection.receive_request("GET", HEADERS)
    connection.next_message()
    connection.send(ACCEPT)
    return connection


def wsproto_opened() -> WSConnection:
    connection = WSConnection(ConnectionType.SERVER)
    connection.receive_data(HEAD)
    for event in connection.events():
        if isinstance(event, Request):
            connection.send(AcceptConnection())
    return connection


def h11_opened() -> h11.Connection:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(POST)
    connection.next_event()
    connection.send(h11.Response(status_code=200, headers=[(b"transfer-encoding", b"chunked")]))
    return connection


def one_event() -> dict[str, Step]:
    """Take an event that does not change the state, with nothing but the machine."""
    node = SERVER.nodes[opened().state]
    state = ConnectionState()
    state.process_event(h11.CLIENT, h11.Request)
    return {
        "core": lambda: node.step("websocket.send"),
        "h11": lambda: state.process_event(h11.CLIENT, h11.Data),
    }


def message_in() -> dict[str, Step]:
    core, framed, wsproto, http = opened(), opened(), wsproto_opened(), h11_opened()
    reader = FrameReader()

    def with_core() -> None:
        core.receive_message(TEXT)
        core.next_message()

    def with_frames() -> None:
        for event in reader.read(FRAME):
            framed.receive_message(event)  # type: ignore[arg-type]  # the event is a message
        framed.next_message()

    def with_wsproto() -> None:
        wsproto.receive_data(FRAME)
        for _ in wsproto.events():
            pass

    def with_h11() -> None:
        http.receive_data(CHUNK)
        http.next_event()

    return {
        "core": with_core, "core and frames": with_frames, "wsproto": with_wsproto, "h11": with_h11,
    }  # fmt: skip


def message_out() -> dict[str, Step]:
    core, wsproto, http = opened(), wsproto_opened(), h11_opened()

    def with_frames() -> None:
        for command in core.send(SEND):
            data_frame(command.payload, True)  # type: ignore[union-attr]  # noqa: FBT003

    return {
        "core": lambda: core.send(SEND),
        "core and frames": with_frames,
        "wsproto": lambda: wsproto.send(TextMessage(TEXT)),
        "h11": lambda: http.send(h11.Data(data=TEXT.encode())),
    }


def connection() -> dict[str, Step]:
    """Do a handshake, and answer a Close; with h11, answer a request with a response."""

    def with_core() -> None:
        connection = opened()
        connection.receive_close(1000)
        connection.next_message()
        connection.connection_lost()

    def with_frames() -> None:
        connection = opened()
        for event in FrameReader().read(CLOSE):
            commands = connection.receive_close(event.code, event.reason)  # type: ignore[union-attr]
            for command in commands:
                if isinstance(command, SendClose):
                    control_frame(command)
        connection.next_message()
        connection.connection_lost()

    def with_wsproto() -> None:
        connection = wsproto_opened()
        connection.receive_data(CLOSE)
        for event in connection.events():
            if isinstance(event, CloseConnection):
                connection.send(event.response())

    def with_h11() -> None:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(HEAD)
        connection.next_event()
        connection.next_event()
        connection.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
        connection.send(h11.EndOfMessage())

    return {
        "core": with_core, "core and frames": with_frames, "wsproto": with_wsproto, "h11": with_h11,
    }  # fmt: skip


ROWS: Final[dict[str, tuple[Callable[[], dict[str, Step]], int]]] = {
    "receive a message": (message_in, 500),
    "send a message": (message_out, 500),
    "open and close a connection": (connection, 50),
    "one step of the machine": (one_event, 2000),
}
"""Each row, and the number of steps in a round."""


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Measure the microseconds for each step, in the best round."""
    figures: dict[str, dict[str, float]] = {}
    for row, (prepare, count) in ROWS.items():
        best: dict[str, float] = {}
        for _ in range(rounds):
            # new connections in each round, so that old data does not slow down the next round
            for name, step in prepare().items():
                start = perf_counter_ns()
                for _ in range(count):
                    step()
                used = (perf_counter_ns() - start) / count / 1e3
                best[name] = min(used, best.get(name, used))
        figures[row] = {name: round(used, 2) for name, used in best.items()}
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the results to this file or folder")
    options = parser.parse_args()
    gc.disable()
    figures = measure(options.rounds)
    about: dict[str, Any] = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "rounds": options.rounds,
        "versions": {name: version(name) for name in ("wsproto", "h11", "websockets")},
    }
    print(f"Microseconds, {about['python']}, best of {options.rounds}\n\n{markdown(figures)}")
    if options.json:
        name = f"core-{sys.version_info.major}.{sys.version_info.minor}.json"
        path = options.json / name if options.json.is_dir() else options.json
        text = json.dumps({"about": about, "figures": figures}, indent=2)
        path.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

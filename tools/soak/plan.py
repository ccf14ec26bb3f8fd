"""Conversations as data: `planning` generates them, and both sides play them."""

import json
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlencode

import attrs

from tools.soak.messages import NOTHING, Batch

__all__ = [
    "PING_INTERVAL",
    "TARGETS",
    "Answer",
    "Application",
    "ApplicationEnd",
    "Client",
    "ClientEnd",
    "Conversation",
    "Ping",
    "Pong",
    "Request",
    "Rest",
    "Say",
    "Settle",
    "Step",
    "Target",
]


Request: TypeAlias = Literal["good", "partial", "gone", "version 12", "no key", "POST"]
ClientEnd: TypeAlias = Literal[
    "wait", "deaf", "close", "close and leave", "half-close", "leave", "reset", "silence",
    "bad opcode", "bad text", "bad size", "bomb", "no mask", "bad close",
]  # fmt: skip
Answer: TypeAlias = Literal["accept", "close", "deny", "raise", "return", "wait"]
ApplicationEnd: TypeAlias = Literal["disconnect", "close", "return", "raise", "probe"]


@attrs.frozen
class Target:
    """A server on which conversations are played.

    Args:
        loop: uvicorn's event loop.
        transport: Kind of the connections.
        http: uvicorn's HTTP parser.
        pings: Whether the server sends Pings, and closes connections that do not answer them.
        compat: Whether the server uses the compat class, which does not send a Close if the
            application returns or raises.
    """

    loop: Literal["asyncio", "uvloop"]
    transport: Literal["tcp", "tls", "unix"]
    http: Literal["h11", "httptools"]
    pings: bool
    compat: bool = False

    @property
    def name(self) -> str:
        """The name in arguments and reports."""
        return f"{self.loop}-{self.transport}"


PING_INTERVAL: Final = 1.0
"""Seconds from the 101, and from each Pong, to the next Ping of a server that sends Pings."""

TARGETS: Final = {
    target.name: target
    for target in (
        Target("asyncio", "tcp", "h11", pings=True),
        Target("uvloop", "tls", "httptools", pings=True),
        Target("asyncio", "unix", "httptools", pings=False, compat=True),
        Target("uvloop", "tcp", "h11", pings=True, compat=True),
        Target("asyncio", "tls", "httptools", pings=True),
        Target("uvloop", "unix", "h11", pings=False),
    )
}


@attrs.frozen
class Ping:
    """A Ping of the client, which the server answers (RFC 6455 5.5.2).

    Args:
        payload: The payload.
    """

    payload: bytes


@attrs.frozen
class Pong:
    """An unsolicited Pong (RFC 6455 5.5.3).

    Args:
        payload: The payload.
    """

    payload: bytes


@attrs.frozen
class Say:
    """The next message of the client's batch.

    Args:
        cuts: Places where the payload is cut into fragments (RFC 6455 5.4), as parts of its size.
        compressed: Whether to compress it, if compression was negotiated (RFC 7692 6.1).
        final: Whether its last block has BFINAL=1 (RFC 7692 7.2.3.4).
        between: Control frames between the fragments; any that are left follow the message.
    """

    cuts: tuple[float, ...] = ()
    compressed: bool = False
    final: bool = False
    between: tuple[Ping | Pong, ...] = ()


@attrs.frozen
class Rest:
    """A pause in which the client writes nothing.

    Args:
        seconds: Length of the pause.
    """

    seconds: float


@attrs.frozen
class Settle:
    """The client waits until all echoes and the last Pong have arrived."""


Step: TypeAlias = Say | Ping | Pong | Rest | Settle


@attrs.frozen(kw_only=True)
class Client:
    """The client's side.

    Args:
        request: The handshake: a good one, one after which the client leaves, or a bad one.
        offer: The Sec-WebSocket-Extensions; "" for none.
        subprotocols: The offered subprotocols.
        batch: The messages.
        steps: The steps before the end.
        writes: The way to write bytes: as many as possible at once ("whole"), frame by frame, in
            random "pieces", byte by byte, or each frame in fifty pieces ("drip").
        seed: Seed of the pieces.
        pause: Seconds between pieces.
        reads: Seconds between two reads of at most 32 KiB; 0 reads everything at once.
        end: The way to end.
        cut: Whether to end in the middle of a frame.
        settled: Whether to wait before the end until all echoes and the last Pong have arrived.
        code: Code of the Close; 1005 sends a Close without a code.
        reason: Reason of the Close.
    """

    request: Request = "good"
    offer: str = ""
    subprotocols: tuple[str, ...] = ()
    batch: Batch = NOTHING
    steps: tuple[Step, ...] = ()
    writes: Literal["whole", "frames", "pieces", "bytes", "drip"] = "whole"
    seed: int = 0
    pause: float = 0.0
    reads: float = 0.0
    end: ClientEnd = "wait"
    cut: bool = False
    settled: bool = False
    code: int = 1005
    reason: str = ""


@attrs.frozen(kw_only=True)
class Application:
    """The application's side.

    Args:
        answer: The answer to the handshake.
        delay: Seconds before the answer.
        subprotocol: The accepted subprotocol.
        status: Status of the denial response.
        body: Bytes in each part of the denial response.
        sized: Whether the denial response has a Content-Length.
        reads: Whether the application receives while it is connected.
        pause: Seconds after each received message.
        impatient: Whether it repeatedly receives with a short timeout.
        echo: Whether it sends back each received message.
        batch: Messages that it sends in addition.
        voices: Number of tasks that send the batch.
        gap: Seconds after each message of the batch.
        patience: Seconds that sending a message may take before the task gives up; 0 for no limit.
        end: The way in which it ends.
        after: Number of received messages before the end, if it does not wait for the disconnect.
        hold: Seconds without any action before the end.
        lingers: Whether it receives after its end until the disconnect.
        stubborn: Whether it goes on receiving and sending after the disconnect.
        propagates: Whether it lets exceptions of send() propagate.
        quiet: Whether it records nothing.
        code: Code of the Close.
        reason: Reason of the Close.
    """

    answer: Answer = "accept"
    delay: float = 0.0
    subprotocol: str | None = None
    status: int = 403
    body: tuple[int, ...] = ()
    sized: bool = False
    reads: bool = True
    pause: float = 0.0
    impatient: bool = False
    echo: bool = False
    batch: Batch = NOTHING
    voices: int = 1
    gap: float = 0.0
    patience: float = 0.0
    end: ApplicationEnd = "disconnect"
    after: int = 0
    hold: float = 0.0
    lingers: bool = True
    stubborn: bool = False
    propagates: bool = False
    quiet: bool = False
    code: int = 1000
    reason: str = ""

    def query(self, name: str) -> str:
        """Return the query with which a client requests a conversation with this application.

        Args:
            name: Name of the conversation.
        """
        defaults = attrs.asdict(Application())
        changed = {key: item for key, item in attrs.asdict(self).items() if item != defaults[key]}
        return urlencode({"name": name, "application": json.dumps(changed, separators=(",", ":"))})

    @classmethod
    def from_query(cls, query: str) -> tuple[str, "Application"]:
        """Read a query; return the name of the conversation and the application's side of it.

        Raises:
            KeyError: The query was not made by `query`.
        """
        fields = parse_qs(query)
        changed: dict[str, Any] = json.loads(fields["application"][0])
        if "batch" in changed:
            changed["batch"] = Batch(**changed["batch"])
        if "body" in changed:
            changed["body"] = tuple(changed["body"])
        return fields["name"][0], cls(**changed)


@attrs.frozen(kw_only=True)
class Conversation:
    """The plan of one connection, for both sides.

    Args:
        kind: Name of the kind.
        target: Name of the target.
        seed: Seed of the soak.
        number: Number of the conversation on this target.
        client: The client's side.
        application: The application's side.
    """

    kind: str
    target: str
    seed: int
    number: int
    client: Client
    application: Application

    @property
    def name(self) -> str:
        """A name that is unique in a soak."""
        return f"{self.target}.{self.number}"

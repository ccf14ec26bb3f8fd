"""Conversations as data: `planning` makes them, and the two sides play them."""

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
    """A server that conversations are played with.

    Args:
        loop: Event loop of uvicorn.
        transport: Kind of its connections.
        http: Parser of HTTP of uvicorn.
        pings: Whether it sends Pings, and closes connections that do not answer them.
        compat: Whether its class does as uvicorn's own ones, which send no Close for an application
            that returns or raises.
    """

    loop: Literal["asyncio", "uvloop"]
    transport: Literal["tcp", "tls", "unix"]
    http: Literal["h11", "httptools"]
    pings: bool
    compat: bool = False

    @property
    def name(self) -> str:
        """Its name in arguments and reports."""
        return f"{self.loop}-{self.transport}"


PING_INTERVAL: Final = 1.0
"""Seconds from the 101, and from each Pong, to a Ping of the servers that send some."""

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
    """A Ping of the client's, which the server answers (RFC 6455 5.5.2).

    Args:
        payload: Its payload.
    """

    payload: bytes


@attrs.frozen
class Pong:
    """An unsolicited Pong (RFC 6455 5.5.3).

    Args:
        payload: Its payload.
    """

    payload: bytes


@attrs.frozen
class Say:
    """The next message of the client's batch.

    Args:
        cuts: Where its payload is cut into fragments (RFC 6455 5.4), as parts of its size.
        compressed: Whether it is compressed, if that was agreed on (RFC 7692 6.1).
        final: Whether its last block has BFINAL=1 (RFC 7692 7.2.3.4).
        between: Control frames between the fragments; the last ones are sent behind the message.
    """

    cuts: tuple[float, ...] = ()
    compressed: bool = False
    final: bool = False
    between: tuple[Ping | Pong, ...] = ()


@attrs.frozen
class Rest:
    """The client writes nothing for a while.

    Args:
        seconds: How long.
    """

    seconds: float


@attrs.frozen
class Settle:
    """The client waits until all that it is owed has arrived: echoes, and the last Pong."""


Step: TypeAlias = Say | Ping | Pong | Rest | Settle


@attrs.frozen(kw_only=True)
class Client:
    """The client's side.

    Args:
        request: The handshake: a good one, one after which the client goes away, or a bad one.
        offer: Its Sec-WebSocket-Extensions; "" for none.
        subprotocols: The subprotocols that it offers.
        batch: Its messages.
        steps: All that it does before it ends.
        writes: How its bytes are written: as many as possible at once ("whole"), frame by frame,
            in random "pieces", byte by byte, or each frame in fifty pieces ("drip").
        seed: Seed of the pieces.
        pause: Seconds between pieces.
        reads: Seconds between two reads of at most 32 KiB; 0: at once and all.
        end: How it ends.
        cut: Whether it ends in the middle of a frame.
        settled: Whether all that it is owed is to arrive first.
        code: Code of its Close; 1005: it has none.
        reason: Reason of its Close.
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
        answer: Its answer to the handshake.
        delay: Seconds until it does.
        subprotocol: The subprotocol that it accepts.
        status: Status of its denial response.
        body: Bytes of each part of that.
        sized: Whether that has a Content-Length.
        reads: Whether it receives while it is connected.
        pause: Seconds between two messages that it receives.
        impatient: Whether it receives with a timeout, again and again.
        echo: Whether it sends back all that it receives.
        batch: Messages that it sends of its own accord.
        voices: Number of tasks that send them.
        gap: Seconds between two of them.
        patience: Seconds that one of them may take before it sends no more; 0: any number.
        end: Its end.
        after: Number of messages that it receives before it ends, if it ends by itself.
        hold: Seconds that it does nothing before it ends.
        lingers: Whether it receives after its end until the disconnect.
        stubborn: Whether it receives and sends on after the disconnect.
        propagates: Whether it lets exceptions of send() pass.
        quiet: Whether it notes nothing.
        code: Code of its Close.
        reason: Reason of its Close.
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
        """The query of a request for a conversation with it.

        Args:
            name: Name of the conversation.
        """
        defaults = attrs.asdict(Application())
        changed = {key: item for key, item in attrs.asdict(self).items() if item != defaults[key]}
        return urlencode({"name": name, "application": json.dumps(changed, separators=(",", ":"))})

    @classmethod
    def from_query(cls, query: str) -> tuple[str, "Application"]:
        """The name of a conversation, and the application's side of it.

        Raises:
            KeyError: The query is not one of `query`.
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
    """One connection, as both sides are to live it.

    Args:
        kind: Name of its kind.
        target: Name of its target.
        seed: Seed of the soak.
        number: Its number on this target.
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
        """A name that no other conversation of a soak has."""
        return f"{self.target}.{self.number}"

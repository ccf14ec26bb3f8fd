"""Draws the parts of random conversations."""

import random
from typing import Any, Final, TypeAlias

from tools.soak.messages import NOTHING, Batch
from tools.soak.plan import Application, Ping, Pong, Rest, Say, Settle, Step

__all__ = ["CLOSES", "ENOUGH", "OFFERS", "Rng", "application", "batch", "close", "steps", "writing"]

OFFERS: Final = (
    "permessage-deflate",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
    "x-other, permessage-deflate; client_max_window_bits=10",
    "x-other; a=1",
)
CLOSES: Final = (
    (1000, ""),
    (1001, "going away"),
    (3000, "three thousand"),
    (4001, "bye"),
    (4999, "ж" * 61),  # 122 bytes
    (1011, "x" * 123),
    (1005, ""),
)
_MOST: Final = {"tiny": 60, "usual": 40, "edges": 6, "large": 6, "huge": 2}
ENOUGH: Final = 0.4  # the greatest sum of pauses between messages, in seconds

Rng: TypeAlias = random.Random


def batch(rng: Rng, *sizes: str) -> Batch:
    """Draw a batch of messages.

    Args:
        rng: Source of randomness.
        sizes: Names of sizes, of which one is drawn; by default all that do not take long.
    """
    size = rng.choice(sizes or ("tiny", "tiny", "usual", "usual", "edges", "large", "huge"))
    return Batch(rng.getrandbits(32), rng.randint(1, _MOST[size]), size)


def _controls(rng: Rng, most: int) -> tuple[Ping | Pong, ...]:
    kinds = (Ping, Ping, Pong)
    sizes = (0, 4, 4, 20, 125)
    return tuple(
        rng.choice(kinds)(rng.randbytes(rng.choice(sizes))) for _ in range(rng.randint(0, most))
    )


def _say(rng: Rng, offer: str) -> Say:
    cuts = sorted(rng.random() for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))))
    compressed = bool(offer) and rng.random() < 0.75
    return Say(
        tuple(cuts),
        compressed=compressed,
        final=compressed and rng.random() < 0.15,
        between=_controls(rng, 3) if rng.random() < 0.2 else (),
    )


def steps(rng: Rng, count: int, offer: str, *, echo: bool) -> tuple[Step, ...]:
    """Draw the steps of a client.

    Args:
        rng: Source of randomness.
        count: Number of the client's messages, each of which is a step.
        offer: The client's Sec-WebSocket-Extensions; "" for none.
        echo: Whether the client can wait for echoes between its messages.
    """
    drawn: list[Step] = []
    for _ in range(count):
        drawn.append(_say(rng, offer))
        dice = rng.random()
        if dice < 0.05:
            drawn.append(Rest(rng.uniform(0, 0.05)))
        elif dice < 0.15:
            drawn.extend(_controls(rng, 2))
        elif dice < 0.2 and echo:
            drawn.append(Settle())
    if rng.random() < 0.05:
        drawn += [Ping(number.to_bytes(2, "big")) for number in range(300)]
    return tuple(drawn)


def writing(rng: Rng, sizes: str) -> dict[str, Any]:
    """Draw the way in which a client writes, as keys of `Client`.

    Args:
        rng: Source of randomness.
        sizes: Name of the sizes of the client's messages.
    """
    pieces = rng.random() < 0.4
    small = sizes in {"tiny", "usual", "edges"}
    return {
        "writes": rng.choice(("pieces", "bytes" if small else "pieces") if pieces else ("whole", "frames")),
        "seed": rng.getrandbits(32),
        "pause": rng.choice((0.0, 0.0, 0.001, 0.01)) if pieces else 0.0,
    }  # fmt: skip


def close(rng: Rng) -> dict[str, Any]:
    """Draw a code and a reason, as keys of `Client`."""
    code, reason = rng.choice(CLOSES)
    return {"code": code, "reason": reason}


def application(rng: Rng, said: int) -> Application:
    """Draw an application that exchanges messages.

    Args:
        rng: Source of randomness.
        said: Number of the client's messages.
    """
    mode = rng.choice(("echo", "echo", "echo", "push", "push", "sink"))
    sent = batch(rng) if mode == "push" else NOTHING
    several = sent.sizes in {"usual", "large"} and rng.random() < 0.3
    return Application(
        delay=rng.choice((0.0, 0.0, 0.0, 0.02)),
        pause=rng.uniform(0, ENOUGH / max(said, 1)) if rng.random() < 0.2 else 0.0,
        impatient=rng.random() < 0.1,
        echo=mode == "echo",
        batch=sent,
        voices=rng.randint(2, 8) if several else 1,
        gap=rng.uniform(0, 0.005) if rng.random() < 0.3 else 0.0,
        stubborn=rng.random() < 0.1,
        propagates=rng.random() < 0.3,
    )

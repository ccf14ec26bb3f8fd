"""Random conversations, which depend only on seed, target and number."""

import random
from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from tools.soak import draw
from tools.soak.messages import NOTHING, Batch
from tools.soak.plan import (
    TARGETS,
    Answer,
    Application,
    ApplicationEnd,
    Client,
    ClientEnd,
    Conversation,
    Ping,
    Request,
    Say,
    Step,
    Target,
)

__all__ = ["KINDS", "plan"]

_Sides: TypeAlias = tuple[Client, Application]


def _ending(rng: draw.Rng, client: Client, application: Application) -> _Sides:
    """Let one side, or both at about the same time, close the connection."""
    dice = rng.random()
    if dice < 0.5:
        ended = attrs.evolve(
            client,
            end=rng.choice(("close", "close", "close", "close and leave")),
            settled=rng.random() < 0.5,
            **draw.close(rng),
        )
        return ended, application
    code, reason = rng.choice(draw.CLOSES[:-1])
    ending = attrs.evolve(
        application,
        end=rng.choice(("close", "close", "return", "raise")),
        after=rng.randint(0, client.batch.count),
        lingers=rng.random() < 0.7,
        code=code,
        reason=reason,
    )
    if dice < 0.6:
        return attrs.evolve(client, end="close", **draw.close(rng)), ending
    return client, ending


def _talk(rng: draw.Rng, _: Target) -> _Sides:
    """Generate messages in both directions, and a closing handshake."""
    offer = "" if rng.random() < 0.4 else rng.choice(draw.OFFERS)
    batch = draw.batch(rng)
    application = draw.application(rng, batch.count)
    protocols = ("chat", "superchat") if rng.random() < 0.2 else ()
    slow = rng.random() < 0.12
    client = Client(
        offer=offer,
        subprotocols=protocols,
        batch=batch,
        steps=draw.steps(rng, batch.count, offer, echo=application.echo),
        reads=rng.uniform(0.02, 0.15) if slow else 0.0,
        **draw.writing(rng, batch.sizes),
    )
    if protocols:
        application = attrs.evolve(application, subprotocol=rng.choice((*protocols, None)))
    return _ending(rng, client, application)


def _rude(rng: draw.Rng, target: Target) -> _Sides:
    """Generate a talk that the client ends without a Close."""
    client, application = _talk(rng, target)
    ends: list[ClientEnd] = ["leave", "reset", "half-close"]
    if target.transport == "tls":  # asyncio does not support half-closed connections with TLS
        ends.remove("half-close")
    rude = attrs.evolve(
        client,
        end=rng.choice(ends),
        settled=rng.random() < 0.4,
        cut=rng.random() < 0.4,
    )
    return rude, attrs.evolve(application, end="disconnect")


def _slow(rng: draw.Rng, _: Target) -> _Sides:
    """Generate much data that moves slowly in one direction, longer than any timeout of the server."""
    code, reason = rng.choice(draw.CLOSES[:-1])
    if rng.random() < 0.5:
        batch = Batch(rng.getrandbits(32), 1, "vast")
        client = Client(
            batch=batch,
            steps=(Say(),),
            writes="drip",
            pause=0.1,
            end="close",
            settled=rng.random() < 0.5,
            code=code,
            reason=reason,
        )
        return client, Application(echo=rng.random() < 0.5)
    ends: tuple[ApplicationEnd, ...] = ("close", "return", "raise")
    application = Application(
        reads=rng.random() < 0.5,
        batch=Batch(rng.getrandbits(32), 7, "vast"),
        end=rng.choice(ends),
        code=code,
        reason=reason,
    )
    return Client(reads=0.06), application


def _flood(rng: draw.Rng, _: Target) -> _Sides:
    """Generate thousands of small frames of one kind, and any end."""
    offer = rng.choice(("", "", "permessage-deflate"))
    if rng.random() < 0.5:
        batch = Batch(rng.getrandbits(32), 1500, "tiny")
        say = Say(compressed=bool(offer), cuts=rng.choice(((), (), (0.5,))))
        steps: tuple[Step, ...] = (say,) * batch.count
    else:
        batch = NOTHING
        steps = tuple(Ping(number.to_bytes(2, "big")) for number in range(6000))
    client = Client(
        offer=offer,
        batch=batch,
        steps=steps,
        end=rng.choice(("close", "reset", "leave")),
        settled=rng.random() < 0.5,
        **draw.close(rng),
    )
    return client, Application(echo=rng.random() < 0.5)


def _hasty(rng: draw.Rng, target: Target) -> _Sides:
    """Generate a client that sends more than the server reads ahead, and leaves before the application."""
    offer = rng.choice(("", "", "permessage-deflate"))
    batch = Batch(rng.getrandbits(32), rng.randint(100, 300), "usual")
    ends: list[ClientEnd] = ["close and leave", "close and leave", "leave", "half-close"]
    if target.transport == "tls":
        ends.remove("half-close")
    client = Client(
        offer=offer,
        batch=batch,
        steps=(Say(compressed=bool(offer)),) * batch.count,
        writes=rng.choice(("whole", "frames")),
        end=rng.choice(ends),
        **draw.close(rng),
    )
    return client, Application(
        pause=rng.uniform(0, draw.ENOUGH / batch.count / 2), impatient=rng.random() < 0.2
    )


def _faulty(rng: draw.Rng, target: Target) -> _Sides:
    """Generate a talk that ends when the client violates the protocol."""
    client, application = _talk(rng, target)
    ends: tuple[ClientEnd, ...] = (
        "bad opcode",
        "bad text",
        "bad size",
        "bomb",
        "no mask",
        "bad close",
    )
    wrong = attrs.evolve(client, end=rng.choice(ends), settled=rng.random() < 0.5)
    return wrong, attrs.evolve(application, end="disconnect")


def _denied(rng: draw.Rng, _: Target) -> _Sides:
    """Generate an application that does not accept."""
    answers: tuple[Answer, ...] = ("close", "deny", "deny", "deny", "raise", "return")
    code, reason = rng.choice(draw.CLOSES[:-1])
    parts = rng.randint(1, 5)
    application = Application(
        answer=rng.choice(answers),
        delay=rng.choice((0.0, 0.02)),
        status=rng.choice((401, 403, 404, 503)),
        body=tuple(rng.choice((0, 1, 100, 20_000)) for _ in range(parts)),
        sized=rng.random() < 0.5,
        gap=rng.choice((0.0, 0.003)),
        code=code,
        reason=reason,
    )
    return Client(offer=rng.choice(("", *draw.OFFERS)), **draw.writing(rng, "tiny")), application


def _abandoned(rng: draw.Rng, _: Target) -> _Sides:
    """Generate a client that leaves before the handshake is complete."""
    client = Client(
        request=rng.choice(("partial", "gone", "gone")),
        end=rng.choice(("leave", "reset")),
        **draw.writing(rng, "tiny"),
    )
    application = Application(
        answer=rng.choice(("wait", "accept", "deny", "close")),
        delay=rng.choice((0.0, 0.01, 0.1)),
        body=(10, 100_000, 10),
        batch=draw.batch(rng, "usual", "large"),
        propagates=rng.random() < 0.5,
    )
    return client, application


def _refused(rng: draw.Rng, _: Target) -> _Sides:
    """Generate a client that sends a bad handshake."""
    requests: tuple[Request, ...] = ("version 12", "no key", "POST")
    return Client(request=rng.choice(requests), **draw.writing(rng, "tiny")), Application()


def _silent(rng: draw.Rng, target: Target) -> _Sides:
    """Generate a client that stops reading and writing, and does not close."""
    client, application = _talk(rng, target)
    application = attrs.evolve(application, end="disconnect", voices=1)
    if not target.pings:  # without Pings, only the application can notice
        application = attrs.evolve(
            application,
            batch=Batch(rng.getrandbits(32), 12, "huge"),
            echo=False,
            patience=0.5,
            end="close",
            after=0,
            code=1013,
            reason="too slow",
        )
    return attrs.evolve(client, end="silence", reads=0.0), application


def _unread(rng: draw.Rng, target: Target) -> _Sides:
    """Generate an application that does not receive. With Pings, the server notices that the client left."""
    batch = draw.batch(rng, "tiny", "large", "huge")
    client = Client(
        batch=batch,
        steps=(Say(),) * batch.count,
        # not slowly, because data that arrives during a timeout extends it
        writes=rng.choice(("whole", "frames")),
        end=rng.choice(("leave", "reset", "silence")) if target.pings else "wait",
    )
    application = Application(
        reads=False,
        end="probe" if target.pings else rng.choice(("close", "return", "raise")),
        hold=8.0 if target.pings else rng.uniform(0, 0.3),
    )
    return client, application


def _deaf(rng: draw.Rng, target: Target) -> _Sides:
    """Generate an application that closes, and a client that does not answer."""
    client, application = _talk(rng, target)
    ending = attrs.evolve(application, end=rng.choice(("close", "return", "raise")), code=4000)
    return attrs.evolve(client, end="deaf"), ending


def _first() -> _Sides:
    """Create a conversation that makes a server load all of its modules."""
    batch = Batch(1, 8, "usual")
    say = Say(cuts=(0.5,), compressed=True, between=(Ping(b"first"),))
    client = Client(
        offer="permessage-deflate",
        batch=batch,
        steps=(say,) * batch.count,
        end="close",
        settled=True,
    )
    return client, Application(echo=True)


KINDS: Final[dict[str, tuple[int, Callable[[draw.Rng, Target], _Sides]]]] = {
    "talk": (600, _talk),
    "rude": (140, _rude),
    "slow": (15, _slow),
    "flood": (20, _flood),
    "hasty": (40, _hasty),
    "faulty": (60, _faulty),
    "denied": (60, _denied),
    "abandoned": (50, _abandoned),
    "refused": (20, _refused),
    "silent": (20, _silent),
    "unread": (15, _unread),
    "deaf": (15, _deaf),
}
"""The kinds of conversations, with their weights and the functions that generate them."""


def plan(seed: int, target: str, number: int, kind: str = "") -> Conversation:
    """Generate a conversation.

    Args:
        seed: Seed of the soak.
        target: Name of the target.
        number: Number of the conversation on the target; -1 for the first one, which is always the
            same.
        kind: Kind of the conversation; "" for any kind.
    """
    rng = random.Random(f"{seed} {target} {number}")  # noqa: S311 - repeatable, not secret
    (drawn,) = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    kind = kind or drawn
    if number == -1:
        kind, (client, application) = "talk", _first()
    else:
        client, application = KINDS[kind][1](rng, TARGETS[target])
    return Conversation(
        kind=kind,
        target=target,
        seed=seed,
        number=number,
        client=client,
        application=application,
    )

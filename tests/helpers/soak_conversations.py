"""Conversations of the soak on a server in the test's own loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from helpers.uvicorn_server import running
from tools.soak import client
from tools.soak.application import app as right
from tools.soak.judging import judge
from tools.soak.messages import Batch
from tools.soak.peer import Address
from tools.soak.plan import Application, Client, Conversation, Say
from tools.soak.reading import Seen
from tools.soak.server import ask
from tools.soak.wire import MOST
from wsfsm.integrations.uvicorn import WebSocketProtocol

__all__ = ["MESSAGES", "conversation", "faults", "listening", "played", "right"]

PATIENCE = 3.0  # seconds
MESSAGES = Batch(7, 6, "usual")


def conversation(
    client: Client | None = None,
    application: Application | None = None,
    *,
    target: str = "asyncio-tcp",
    **changes: Any,
) -> Conversation:
    """Six messages that are echoed, and a Close of the client's."""
    usual = Client(
        batch=MESSAGES,
        steps=(Say(),) * MESSAGES.count,
        end="close",
        settled=True,
        code=4001,
        reason="bye",
    )
    return Conversation(
        kind="talk",
        target=target,
        seed=1,
        number=0,
        client=client or usual,
        application=application or Application(echo=True),
        **changes,
    )


@contextlib.asynccontextmanager
async def listening(app: Any = right, **options: Any) -> AsyncIterator[Address]:
    """A server that plays the application's side."""
    settings = {"ws": WebSocketProtocol, "lifespan": "on", "ws_max_size": MOST, **options}
    async with running(app, **settings) as (_, address):
        yield Address("", int(address.split(":")[1]), None)


async def played(
    plan: Conversation, address: Address, patience: float = PATIENCE
) -> tuple[Seen, dict[str, Any]]:
    """Accounts of both sides."""
    reports: list[dict[str, Any]] = []

    async def ended() -> None:
        reports.append(await ask(address, "/report", name=plan.name))

    seen = await client.play(plan, address, ended, patience)
    if not reports:
        await ended()
    return seen, reports[0]


def faults(plan: Conversation, app: Any = right, patience: float = PATIENCE) -> list[str]:
    """All that is wrong with a conversation that is played."""

    async def main() -> list[str]:
        async with asyncio.timeout(30), listening(app) as address:
            seen, report = await played(plan, address, patience)
            return judge(plan, seen, report)

    return asyncio.run(main())

"""The lifespan of an application around the connections of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from helpers.loops import Run, on_both
from starlette.applications import Starlette

from wsfsm.testing import ClientFailure, ClientTimeout, lifespan
from wsfsm.types import Receive, Scope, Send
from wsfsm.websockets._turns import give_turn

STARTED = {"type": "lifespan.startup.complete"}


@on_both
class TestLifespan:
    def test_an_application_starts_and_stops(self, run: Run) -> None:
        events: list[str] = []

        @asynccontextmanager
        async def life(app: Starlette) -> AsyncIterator[dict[str, Any]]:
            events.append("start")
            yield {"db": "x"}
            events.append("stop")

        async def main() -> None:
            async with lifespan(Starlette(lifespan=life)) as state:
                assert state == {"db": "x"}
                assert events == ["start"]

        run(main)

        assert events == ["start", "stop"]

    @pytest.mark.parametrize("fails_at", ["startup", "shutdown"])
    def test_an_application_fails(self, run: Run, fails_at: str) -> None:
        @asynccontextmanager
        async def life(app: Starlette) -> AsyncIterator[None]:
            if fails_at == "startup":
                raise ZeroDivisionError("no db")
            yield
            raise ZeroDivisionError("no db")

        async def main() -> None:
            text = f"The application has failed at lifespan.{fails_at}: .*ZeroDivisionError"
            with pytest.raises(ClientFailure, match=f"(?s){text}"):
                async with lifespan(Starlette(lifespan=life)):
                    pass

        run(main)

    def test_an_application_need_not_support_it(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("unknown type of scope")

        async def main() -> None:
            async with lifespan(application) as state:
                assert state == {}

        run(main)

    def test_an_application_that_ends_in_the_middle_fails(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(STARTED)
            raise ZeroDivisionError

        async def main() -> None:
            with pytest.raises(ZeroDivisionError):
                async with lifespan(application):
                    await give_turn()

        run(main)

    def test_it_has_a_timeout(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await receive()

        async def main() -> None:
            with pytest.raises(ClientTimeout, match=r"0\.02 seconds .* to lifespan\.startup"):
                async with lifespan(application, timeout=0.02):
                    pass

        run(main)

    def test_a_failure_without_a_message(self, run: Run) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed"})

        async def main() -> None:
            with pytest.raises(ClientFailure, match="without a message"):
                async with lifespan(application):
                    pass

        run(main)

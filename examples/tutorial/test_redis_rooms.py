import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from chat import app

from wsfsm.testing import Client, Closed, connect, lifespan


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "redis")
        monkeypatch.setenv("REDIS_URL", f"unix://{path}")
        command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while not path.exists() and process.poll() is None:
                time.sleep(0.01)
            yield process
            process.terminate()


def join(state: Mapping[str, Any], token: str) -> AbstractAsyncContextManager[Client]:
    return connect(app, f"/rooms/tea?token={token}", scope={"state": state})


@pytest.mark.anyio
@pytest.mark.usefixtures("redis")
async def test_processes_share_rooms() -> None:
    async with lifespan(app) as here, lifespan(app) as there, join(here, "a") as ann:
        assert await ann.receive_text() == "Ann joins"
        async with join(there, "b") as bob:
            assert await bob.receive_text() == "Bob joins"
            await bob.send_text("hello")
            assert await ann.receive_text() == "Bob joins"
            assert await ann.receive_text() == "Bob: hello"


@pytest.mark.anyio
async def test_rooms_close_with_redis(redis: subprocess.Popen[bytes]) -> None:
    async with lifespan(app) as here:
        async with join(here, "a") as ann:
            assert await ann.receive_text() == "Ann joins"
            redis.terminate()
            assert await ann.receive_close() == Closed(1012, "the rooms close")
        async with join(here, "b") as bob:
            assert (await bob.denied()).status == 503

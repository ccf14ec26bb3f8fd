"""Real clients of graphql-transport-ws: gql for Python, and graphql-ws for JavaScript."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import gql
import pytest
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from graphql_transport_ws.app import app
from helpers.uvicorn_server import serving

from wsfsm.integrations.uvicorn import WebSocketProtocol

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

TOKEN: Final = {"token": "secret"}


def connect(address: str, payload: dict[str, str]) -> gql.Client:
    transport = WebsocketsTransport(
        f"ws://{address}/",
        init_payload=payload,
        ping_interval=0.05,
        pong_timeout=10,
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    return gql.Client(transport=transport)


def test_gql_executes_and_subscribes() -> None:
    async def main() -> None:
        async with serving(app, ws=WebSocketProtocol) as address:
            async with asyncio.timeout(30), connect(address, TOKEN) as session:
                assert await session.execute(gql.gql("{ hello }")) == {"hello": "world"}
                counted = [result async for result in count_down(session, 3)]
                assert counted == [{"countdown": number} for number in (3, 2, 1, 0)]
                first, second = count_down(session, 1), count_down(session, 50)
                assert await anext(first) == {"countdown": 1}
                assert await anext(second) == {"countdown": 50}
                await second.aclose()  # completes it
                assert await anext(first) == {"countdown": 0}
                await first.aclose()
                with pytest.raises(TransportQueryError, match="Cannot query field 'bye'"):
                    await session.execute(gql.gql("{ bye }"))

    asyncio.run(main())


def count_down(session: Any, number: int) -> Any:
    return session.subscribe(gql.gql(f"subscription {{ countdown(from: {number}) }}"))


def test_gql_is_forbidden() -> None:
    async def main() -> None:
        async with serving(app, ws=WebSocketProtocol) as address:
            with pytest.raises(TransportConnectionFailed) as caught:
                async with asyncio.timeout(30), connect(address, {"token": "?"}):
                    raise AssertionError("it is permitted")
            assert "4403" in str(caught.value.__cause__)

    asyncio.run(main())


SCRIPT: Final = """
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const closes = [];
function connect(token) {
  return createClient({
    url: process.argv[2],
    webSocketImpl: WebSocket,
    connectionParams: { token },
    keepAlive: 50,
    retryAttempts: 0,
    on: { closed: (event) => closes.push([event.code, event.reason]) },
  });
}
async function all(client, query, limit = Infinity) {
  const results = [];
  for await (const result of client.iterate({ query })) {
    results.push(result.data ?? result);
    if (results.length >= limit) break;
  }
  return results;
}

const client = connect("secret");
const [query, three, two] = await Promise.all([
  all(client, "{ hello }"),
  all(client, "subscription { countdown(from: 3) }"),
  all(client, "subscription { countdown(from: 50) }", 2),
]);
const errors = await all(client, "{ bye }").catch((thrown) => thrown);
await client.dispose();
const forbidden = await all(connect("?"), "{ hello }").catch((thrown) => thrown.code);
console.log(JSON.stringify({ query, three, two, message: errors[0].message, forbidden, closes }));
"""


async def run(folder: Path, *command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "NO_UPDATE_NOTIFIER": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(120):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output


@pytest.mark.long
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm, which installs graphql-ws")
def test_graphql_ws_executes_and_subscribes(tmp_path: Path) -> None:
    async def main() -> bytes:
        packages = ("graphql-ws@6", "graphql@16", "ws@8")
        await run(tmp_path, "npm", "install", "--no-audit", "--no-fund", *packages)
        (tmp_path / "client.mjs").write_text(SCRIPT, encoding="utf-8")
        async with serving(app, ws=WebSocketProtocol) as address:
            return await run(tmp_path, "node", "client.mjs", f"ws://{address}/")

    assert json.loads(asyncio.run(main())) == {
        "query": [{"hello": "world"}],
        "three": [{"countdown": number} for number in (3, 2, 1, 0)],
        "two": [{"countdown": 50}, {"countdown": 49}],
        "message": "Cannot query field 'bye' on type 'Query'.",
        "forbidden": 4403,
        "closes": [[1000, "Normal Closure"]] * 2 + [[4403, "Forbidden"]],  # it leaves when idle
    }

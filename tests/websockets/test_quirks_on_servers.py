"""One application on all servers that are installed: handlers see the same, except for what is not hidden."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest
from helpers import quirks_app
from helpers.known_servers import INSTALLED, command, serving
from helpers.wire import BINARY, CLOSE, TEXT, close_payload, frame, request

from wsfsm.conformance.server._client import RawClient
from wsfsm.websockets._quirks import QUIRKS

pytestmark = [pytest.mark.long, pytest.mark.one_python]

Seen = list[str]
Frames = list[dict[str, Any]]
Played = tuple[str, dict[str, tuple[Seen, Frames]]]
Script = Callable[[RawClient], Coroutine[Any, Any, Frames]]

LEFT: Final = 0.2  # seconds after which a client is reset
ENDS: Final = 10.0  # seconds that a handler may take
NAMED: Final = {quirk.name: quirk for quirk in QUIRKS}
LOST: Final = "WebSocketDisconnect 1006 ''"
BYE: Final = frame(CLOSE, close_payload(4001, "bye"))
NO_CODE: Final = frame(CLOSE)


def writes(*frames: bytes) -> Script:
    """A client that sends frames, and answers a Close."""

    async def script(client: RawClient) -> Frames:
        await client.response(3.0)
        client.write(b"".join(frames))
        received = []
        while "opcode" in (seen := await client.read_frame(1.5)):
            received.append(seen)
            if seen["opcode"] == "close":
                client.write(frame(CLOSE, close_payload(seen["code"])))
        return received

    return script


async def resets(client: RawClient) -> Frames:
    await client.response(3.0)
    await asyncio.sleep(LEFT)
    client.reset()
    return []


async def resets_early(client: RawClient) -> Frames:
    await asyncio.sleep(LEFT)
    client.reset()
    return []


async def reads_the_response(client: RawClient) -> Frames:
    await client.response(3.0)
    return []


class On:
    """What handlers see on a server, according to the quirks.

    Args:
        name: Name of the server.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sends_fail = not self.has("send to a client that has left")
        self.accept_fails = not self.has("accept of a client that has left")
        self.code_of_loss = 1005 if self.has("code of a loss") else 1006

    def has(self, quirk: str) -> bool:
        return self.name in NAMED[quirk].servers

    def after(self, code: int, reason: str = "") -> Seen:
        """The calls after an end."""
        return [
            f"WebSocketDisconnect {code} {reason!r}",
            f"WebSocketDisconnected {code} {reason!r}",
            f"ConnectionClosed {code} {reason!r}",
            "returns None",
            "DISCONNECTED/DISCONNECTED",
        ]

    @property
    def left(self) -> Seen:
        code = 1006 if self.has("code of the client") else 4001
        return self.after(code, "" if self.has("reason of the client") else "bye")

    @property
    def left_without_a_code(self) -> Seen:
        return self.after(1006 if self.has("code of the client") else 1005)

    @property
    def pushed(self) -> Seen:
        if self.sends_fail:
            return [f"send: {LOST}"]
        return [f"receive: WebSocketDisconnect {self.code_of_loss} ''"]

    @property
    def accepted_late(self) -> Seen:
        if self.accept_fails:
            return [f"accept: {LOST}"]
        if self.sends_fail:
            return [f"send: {LOST}"]
        return [f"receive: WebSocketDisconnect {self.code_of_loss} ''"]

    @property
    def denied_late(self) -> Seen:
        if self.accept_fails:
            return [LOST]
        raises = self.has("RuntimeError of a denial response")
        return ["returns None", LOST if raises else "returns None"]

    @property
    def bypassed(self) -> Seen:
        return [LOST, "ConnectionClosed 1006 ''"] if self.sends_fail else ["returns None"] * 2

    @property
    def waited_early(self) -> Seen:
        disconnect = "returns {'type': 'websocket.disconnect', 'code': 1006}"
        return ["waits" if self.has("loss before the accept") else disconnect]

    @property
    def closed_with_1008(self) -> Seen:
        refusal = "Exception: invalid close code 1008 (must be 1000 or from [3000, 4999])"
        return [refusal if self.has("refused close codes") else "returns None"]


def expected(name: str) -> dict[str, tuple[str, Script, Seen]]:
    """A handler, a client and what the handler sees, by the name of a scenario."""
    on = On(name)
    kind = "an awaitable" if on.has("receive of another kind") else "a coroutine"
    data = frame(TEXT, b"t"), frame(BINARY, b"b"), frame(BINARY, b"b"), frame(TEXT, b"t")
    return {
        "close": ("receives", writes(BYE), on.left),
        "close without a code": ("receives", writes(NO_CODE), on.left_without_a_code),
        "reset": ("receives", resets, on.after(on.code_of_loss)),
        "data": (
            "reads",
            writes(*data, frame(TEXT, b"end")),
            ["returns 't'", "returns b'b'", *["UnexpectedFrame"] * 2, "end"],
        ),
        "reset of a push": ("pushes", resets, on.pushed),
        "reset, accept": ("accepts_late", resets_early, on.accepted_late),
        "reset, accept, close": (
            "accepts_and_closes_late",
            resets_early,
            [*([] if on.accept_fails else ["returns None"]), "DISCONNECTED"],
        ),
        "reset, reject": ("rejects_late", resets_early, ["returns None", "DISCONNECTED"]),
        "reset, deny": ("denies_late", resets_early, on.denied_late),
        "reset before the accept": ("waits_before_the_accept", resets_early, on.waited_early),
        "own close": (
            "closes",
            writes(),
            ["returns None", "WebSocketDisconnect 4000 'bye'"],
        ),
        "reset, close": (
            "closes_late",
            resets,
            ["returns None", "DISCONNECTED", "ConnectionClosed 1000 ''"],
        ),
        "close, close": (
            "closes_late",
            writes(BYE),
            ["returns None", "DISCONNECTED", "ConnectionClosed 1000 ''"],
        ),
        "close with 1008": ("closes_with_1008", writes(), on.closed_with_1008),
        "close with 1008 that fails": (
            "lets_the_close_fail",
            writes(),
            [f"fails: {on.closed_with_1008[0]}"] if on.has("refused close codes") else [],
        ),
        "bypassed": ("is_bypassed", writes(BYE), on.bypassed),
        "returned": ("returns", writes(), [LOST if on.sends_fail else "returns None"]),
        "empty messages": ("sends_nothing", writes(), []),
        "kind of receive": ("shows_the_receive", reads_the_response, [kind]),
    }


async def play(server: Any, path: str, script: Script, result: Path) -> tuple[Seen, Frames]:
    client = await RawClient.connect(server.host, server.port)
    client.write(request(target=path.encode()))
    try:
        async with asyncio.timeout(ENDS):
            frames = await script(client)
            while not result.exists():  # noqa: ASYNC110, ASYNC240 - a file has no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        return [f"the result of {path} is missing"], []
    finally:
        client.abort()
    return json.loads(result.read_text(encoding="utf-8")), frames  # noqa: ASYNC240 - it is small


@pytest.fixture(scope="module", params=INSTALLED)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The name of a server, and what handlers and clients saw on it."""
    name: str = request.param
    folder = tmp_path_factory.mktemp("quirks")
    scenarios = expected(name)
    target = command(name)

    async def main() -> list[tuple[Seen, Frames]]:
        async with serving(target, "helpers.quirks_app:app") as server:
            return await asyncio.gather(
                *(
                    play(server, f"/{handler}/{number}", script, folder / str(number))
                    for number, (handler, script, _) in enumerate(scenarios.values())
                )
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(quirks_app.FOLDER, str(folder))
        return name, dict(zip(scenarios, asyncio.run(main()), strict=True))


def test_handlers_see_the_same_on_all_servers_except_for_the_quirks(
    played: Played,
) -> None:
    name, results = played

    assert {scenario: seen for scenario, (seen, _) in results.items()} == {
        scenario: seen for scenario, (_, _, seen) in expected(name).items()
    }


def test_a_refused_close_that_leaves_the_handler_closes_the_connection(
    played: Played,
) -> None:
    name, results = played
    _, frames = results["close with 1008 that fails"]

    code = 1011 if On(name).has("refused close codes") else 1008
    assert [seen["code"] for seen in frames] == [code]


def test_empty_messages_reach_the_client(
    played: Played,
) -> None:
    name, results = played
    _, frames = results["empty messages"]

    payloads = [seen.get("text", seen.get("payload")) for seen in frames]

    empty = [] if On(name).has("empty messages") else ["", b""]
    assert payloads[: len(empty) + 1] == [*empty, "end"]

"""What an application sees of a server is what the profile of the server says."""

import contextlib
from typing import Any

import attrs
import pytest
from helpers.loops import Run, on_both

from wsfsm import WebSocket, WebSocketDisconnect
from wsfsm.testing import SERVERS, ClientTimeout, Closed, ServerProfile, connect
from wsfsm.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.one_python

SOON = 0.02
ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close", "code": 4000, "reason": "bye"}
TEXT: Message = {"type": "websocket.send", "text": "x"}
DENIAL: list[Message] = [
    {"type": "websocket.http.response.start", "status": 404, "headers": []},
    {"type": "websocket.http.response.body", "body": b""},
]
NAMES = [*SERVERS]


class Recorder:
    """An application that sends messages, and then receives and sends others."""

    def __init__(self, *messages: Message, receives: int = 1, then: Message | None = None) -> None:
        self.messages = messages
        self.receives = receives
        self.then = then
        self.received: list[Message] = []
        self.raised: Exception | None = None
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        for message in self.messages:
            await send(message)
        for _ in range(self.receives):
            self.received.append(await receive())
        if self.then is not None:
            try:
                await send(self.then)
            except Exception as error:  # noqa: BLE001 - the kind is compared
                self.raised = error

    @property
    def codes(self) -> list[int | None]:
        return [message["code"] for message in self.received]


def kind(error: Exception | None) -> type[Exception] | None:
    """The kind of exception, as far as a profile has it."""
    return None if error is None else OSError if isinstance(error, OSError) else type(error)


async def check_end(client: Any, *, ends: bool) -> None:
    """Check that the application ends; otherwise, that it waits, after which nothing else may wait long."""
    if ends:
        await client.result()
        return
    client.timeout = SOON
    with pytest.raises(ClientTimeout):
        await client.result()


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> ServerProfile:
    profile: ServerProfile = SERVERS[request.param]
    return profile


@on_both
class TestDisconnect:
    def test_the_client_closes_with_a_code(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.close(4001, "bye")

        run(main)

        reason = {"reason": "bye"} if server.keeps_reason else {}
        code = 4001 if server.keeps_code else server.code_lost
        assert app.received == [{"type": "websocket.disconnect", "code": code, **reason}]

    def test_the_client_closes_without_a_code(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.close(None)

        run(main)

        assert app.codes == [server.code_without]

    def test_the_transport_is_lost(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.accepted()
                client.drop()

        run(main)

        assert app.codes == [server.code_lost]

    def test_the_client_leaves_before_the_accept(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(then=ACCEPT)

        async def main() -> None:
            async with connect(app, server=server) as client:
                client.drop()
                await check_end(client, ends=server.reports_early_loss)

        with contextlib.ExitStack() as stack:
            if not server.reports_early_loss:  # the application waits for ever
                stack.enter_context(pytest.raises(ClientTimeout))
            run(main)

        assert app.codes == ([1006] if server.reports_early_loss else [])
        assert kind(app.raised) is server.accept_when_lost

    def test_the_application_closes(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT, CLOSE)

        async def main() -> None:
            async with connect(app, server=server) as client:
                assert await client.receive_close() == Closed(4000, "bye")

        run(main)

        assert app.codes == [4000 if server.code_closed is None else server.code_closed]

    def test_the_application_rejects(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(CLOSE)

        async def main() -> None:
            async with connect(app, server=server) as client:
                assert (await client.denied()).status == 403

        run(main)

        assert app.codes == [server.code_rejected]

    def test_the_application_denies(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(*DENIAL)

        async def main() -> None:
            async with connect(app, server=server) as client:
                assert (await client.denied()).status == (404 if server.denial else 500)
                await check_end(client, ends=refused or not silent)

        refused = not server.denial
        silent = server.code_denied is None
        with contextlib.ExitStack() as stack:
            if refused:
                text = "scope do not list 'websocket.http.response'"
                stack.enter_context(pytest.raises(RuntimeError, match=text))
            elif silent:
                stack.enter_context(pytest.raises(ClientTimeout))
            run(main)

        assert app.codes == ([] if refused or silent else [server.code_denied])

    def test_a_second_one(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT, receives=3)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.close(4001)
                await check_end(client, ends=server.repeats)

        with contextlib.ExitStack() as stack:
            if not server.repeats:
                stack.enter_context(pytest.raises(ClientTimeout))
            run(main)

        first = 4001 if server.keeps_code else server.code_lost
        again = first if server.code_repeated is None else server.code_repeated
        assert app.codes == ([first, again, again] if server.repeats else [first])


@on_both
class TestSend:
    @pytest.mark.parametrize("drops", [False, True])
    def test_a_send_after_the_disconnect(
        self, run: Run, server: ServerProfile, drops: bool
    ) -> None:
        app = Recorder(ACCEPT, then=TEXT)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.accepted()
                await (client.close() if not drops else client.receive_nothing(0))
                if drops:
                    client.drop()
                await client.result()
                state = "DISCONNECTED/" + (
                    "DISCONNECTED" if server.send_after is OSError else "CONNECTED"
                )
                assert state in client.trace.splitlines()[-2]

        run(main)

        assert kind(app.raised) is server.send_after

    def test_a_send_before_the_disconnect_is_received(
        self, run: Run, server: ServerProfile
    ) -> None:
        app = Recorder(ACCEPT, then=TEXT)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.accepted()
                client.pause_reading()
                await client.send_text("go")
                await client.receive_nothing(SOON)
                client.drop()

        run(main)

        assert kind(app.raised) is server.send_when_lost

    def test_a_close_after_the_disconnect(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT, then=CLOSE)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.close()

        run(main)

        assert kind(app.raised) is server.close_after

    def test_a_close_before_the_disconnect_is_received(
        self, run: Run, server: ServerProfile
    ) -> None:
        app = Recorder(ACCEPT, receives=0, then=CLOSE)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.accepted()
                client.drop()

        run(main)

        assert app.raised is None


@on_both
class TestEnds:
    @pytest.mark.parametrize("raises", [False, True])
    def test_the_application_ends(self, run: Run, server: ServerProfile, raises: bool) -> None:
        async def handler(websocket: WebSocket) -> None:
            await websocket.accept()
            if raises:
                raise ZeroDivisionError

        code = server.code_raised if raises else server.code_returned

        async def main() -> None:
            async with connect(handler, server=server) as client:
                with contextlib.suppress(ZeroDivisionError):
                    await client.result()
                if code is None:
                    await client.receive_nothing(SOON)
                else:
                    assert await client.receive_close() == Closed(code)

        run(main)


@on_both
class TestScope:
    def test_it_has_the_version_and_the_extensions(self, run: Run, server: ServerProfile) -> None:
        app = Recorder(ACCEPT, receives=1)

        async def main() -> None:
            async with connect(app, server=server) as client:
                await client.send_text("x")
                await client.result()

        run(main)

        assert app.scope["asgi"].get("spec_version") == server.spec_version
        assert ("websocket.http.response" in app.scope["extensions"]) is server.denial
        both = {"bytes": None} if server.both_keys else {}
        assert app.received == [{"type": "websocket.receive", "text": "x", **both}]

    def test_a_facade_sees_the_same_on_all(self, run: Run, server: ServerProfile) -> None:
        async def handler(websocket: WebSocket) -> int:
            await websocket.accept()
            assert await websocket.receive_text() == "x"
            try:
                await websocket.receive_text()
            except WebSocketDisconnect as end:
                return end.code
            raise AssertionError("a second message is asked for")

        async def main() -> None:
            async with connect(handler, server=server) as client:
                await client.send_text("x")
                await client.close(None)
                assert await client.result() in {1005, 1006}

        run(main)


@pytest.mark.parametrize("server", [None, 5, {}])
def test_a_server_of_the_wrong_type_is_refused(server: Any) -> None:
    with pytest.raises(ValueError, match=r"'server' must be one of wsfsm, .*, or a ServerProfile"):
        connect(Recorder(), server=server)


def test_an_unknown_server_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'server' must be one of wsfsm, .*granian, or a .*, got str 'apache'"
    ):
        connect(Recorder(), server="apache")


def test_a_profile_of_your_own() -> None:
    profile = attrs.evolve(SERVERS["daphne"], name="ours", denial=True)

    assert "websocket.http.response" in connect(Recorder(), server=profile).scope["extensions"]

"""The class in uvicorn in process: a loop whose time is virtual, and a transport that is a fake.

Nothing waits: where the loop has nothing to do, its clock goes on to the next timer.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import attrs
import uvicorn
from uvicorn.server import ServerState

from helpers.wire import request
from wsfsm.integrations.uvicorn import WebSocketProtocol
from wsfsm.server import Policies
from wsfsm.types import Message, Receive, Scope, Send

__all__ = ["Link", "Transport", "VirtualLoop", "in_virtual_time", "message", "turns", "with_room"]

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Never waits."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is left that could happen"
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a virtual clock, which keeps what its exception handler is given.

    Attributes:
        now: Its time.
        errors: What has reached its exception handler.
    """

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self.errors: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        return self.now


def in_virtual_time(
    main: Callable[[], Coroutine[Any, Any, T]], loop: VirtualLoop | None = None
) -> T:
    """Run a coroutine in a virtual loop; nothing may reach the loop's exception handler."""
    loop = loop or VirtualLoop()

    async def bounded() -> T:
        async with asyncio.timeout(10_000):
            return await main()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(bounded())
    assert not loop.errors, loop.errors
    return result


async def turns(count: int = 10) -> None:
    """Let the loop go on for some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


class Transport(asyncio.Transport):
    """A transport whose peer is the test.

    It refuses what asyncio's transports refuse, and counts what they would log.

    Args:
        half_closes: Whether it can write FIN and go on reading.

    Attributes:
        written: What was written, call by call.
        late: How often something was written to it while it was closing.
        reading: Whether it is read.
        finished: Whether FIN was written.
        ended: Whether all that was written has its end, by FIN.
        aborted: Whether it was aborted.
        lost: Whether its protocol knows that it is gone.
        kept: Bytes that its peer does not take.
        broken: Names of methods that raise.
        broke: How often one has.
    """

    def __init__(self, *, half_closes: bool = True) -> None:
        super().__init__()
        self.protocol: Any = None
        self.written: list[bytes] = []
        self.late = self.broke = self.kept = 0
        self.reading = True
        self.finished = self.ended = self.aborted = self.lost = self.closing = False
        self.half_closes = half_closes
        self.broken: set[str] = set()

    def check(self, name: str) -> None:
        if name in self.broken:
            self.broke += 1
            raise ValueError(f"{name} is broken")

    def write(self, data: Any) -> None:
        self.check("write")
        if self.finished:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.closing:
            self.late += 1
        else:
            self.written.append(bytes(data))

    def can_write_eof(self) -> bool:
        return self.half_closes

    def write_eof(self) -> None:
        self.check("write_eof")
        assert self.half_closes
        self.finished = self.ended = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.check("close")
        self.end()

    def end(self) -> None:
        """Close it, as asyncio does by itself."""
        if not self.closing:
            self.closing = self.ended = True
            asyncio.get_running_loop().call_soon(self.lose)

    def abort(self) -> None:
        self.aborted = self.closing = True
        self.ended = False
        asyncio.get_running_loop().call_soon(self.lose)

    def lose(self, error: Exception | None = None) -> None:
        """The connection is gone."""
        self.closing = True
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(error)

    def pause_reading(self) -> None:
        self.check("pause_reading")
        self.reading = False

    def resume_reading(self) -> None:
        self.check("resume_reading")
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def get_write_buffer_size(self) -> int:
        return self.kept

    @property
    def data(self) -> bytes:
        """All that was written."""
        return b"".join(self.written)


class Application:
    """An application that does what the test says, one step at a time.

    Attributes:
        saw: The outcome of each step: a message, "ok", or the exception.
    """

    def __init__(self) -> None:
        self.steps: asyncio.Queue[Any] = asyncio.Queue()
        self.saw: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        while True:
            step = await self.steps.get()
            if step == "return":
                return
            if isinstance(step, BaseException):
                raise step
            try:
                if step == "receive":
                    self.saw.append(await receive())
                else:
                    await send(step)
                    self.saw.append("ok")
            except Exception as error:  # noqa: BLE001 - it is looked at
                self.saw.append(error)


class Link:
    """A connection of the class in uvicorn, from its transport to its application.

    Args:
        app: The application.
        ws: The class.
        transport: The transport.
        options: Options of uvicorn.
    """

    def __init__(
        self,
        app: Any,
        ws: type[WebSocketProtocol] = WebSocketProtocol,
        transport: Transport | None = None,
        **options: Any,
    ) -> None:
        defaults: dict[str, Any] = {
            "ws": ws,
            "interface": "asgi3",
            "log_config": None,
            "log_level": "info",
        }
        config = uvicorn.Config(app, **(defaults | options))
        config.load()
        self.state = ServerState()
        self.protocol = ws(config, self.state, {})
        self.transport = transport or Transport()
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)

    @property
    def core(self) -> Any:
        """The core of the connection."""
        return self.protocol._connection

    @property
    def timers(self) -> dict[Any, Any]:
        """The timers that run."""
        return {handle.timer: handle for handle in self.protocol._deadlines._handles}

    def receive(self, *data: bytes) -> None:
        """Bytes of the peer arrive."""
        if not self.transport.lost:
            self.protocol.data_received(b"".join(data))

    def ask(self, *headers: tuple[bytes, bytes]) -> None:
        """The request of a peer arrives."""
        self.receive(request(*headers))

    def end(self) -> None:
        """FIN of the peer arrives."""
        transport = self.transport
        if not transport.lost and not self.protocol.eof_received():
            transport.end()

    def is_clean(self) -> bool:
        """Whether nothing is left of the connection."""
        state = self.state
        return not (self.timers or state.connections or state.tasks)


def message(kind: str, **keys: Any) -> Message:
    """A message of an application."""
    return cast("Message", {"type": f"websocket.{kind}", **keys})


def with_room(high: int, low: int) -> type[WebSocketProtocol]:
    """Make a class that reads ahead between these marks, in bytes."""

    class Reading(WebSocketProtocol):
        policies = attrs.evolve(Policies(), high_water=high, low_water=low)

    return Reading

"""The client: it has one connection to an application, in the event loop of the test."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from wsfsm._closing import code_fault, reason_fault
from wsfsm._loops import current_loop
from wsfsm._text import describe
from wsfsm.exceptions import Explained
from wsfsm.testing._failures import (
    ClientDenied,
    ClientFailure,
    ClientTimeout,
    ConnectionEnded,
    reports_end,
)
from wsfsm.testing._profiles import ServerProfile
from wsfsm.testing._server import Accepted, Closed, Denied, InMemoryServer
from wsfsm.testing._trace import Trace
from wsfsm.types import Scope
from wsfsm.websockets._errors import wrong_type
from wsfsm.websockets._exclusive import ExclusiveReceive

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

__all__ = ["Client"]

_RAISING: Final = 0.2  # seconds until the application has raised, after it has closed or denied
_NO_CODE: Final = 1005  # RFC 6455 7.1.5: the Close frame has none


class Client:
    """A client with one connection; `connect` makes it.

    The methods that wait take a `timeout` in seconds, which replaces that of the connection. If
    something else happens, they raise a `ClientFailure` with the trace.

    Attributes:
        scope: The scope of the connection.
        timeout: Seconds that each wait may take.
    """

    def __init__(
        self,
        application: Callable[..., Awaitable[Any]],
        scope: Scope,
        server: ServerProfile,
        timeout: float,
        *,
        strict: bool,
    ) -> None:
        self.scope = scope
        self.timeout = timeout
        self._application = application
        self._profile = server
        self._strict = strict
        self._trace = Trace()
        self._connected: InMemoryServer | None = None
        self._is_done = self._was_asked = False
        self._result: Any = None
        self._error: Exception | None = None

    @property
    def trace(self) -> str:
        """Everything that has happened, with the states of both machines."""
        return str(self._trace)

    @property
    def _server(self) -> InMemoryServer:
        if self._connected is None:
            raise RuntimeError(
                "the client is not connected; use it in a block, `async with connect(...) as client:`"
            )
        return self._connected

    async def __aenter__(self) -> Self:
        if self._connected is not None:
            raise RuntimeError(
                "a client connects once; call connect() again for another connection"
            )
        self._loop = current_loop()
        self._connected = InMemoryServer(
            self._loop, self._profile, self._trace, strict=self._strict
        )
        self._trace.note("client", f"requests {self.scope['path']}")
        self._server.request(self.scope["headers"])
        self._beside: AbstractAsyncContextManager[None] = self._loop.beside(self._run)
        await self._beside.__aenter__()
        return self

    async def _run(self) -> None:
        server = self._server
        try:
            if server.is_started:  # the server has not refused the handshake
                await self._call(server)
        finally:
            self._is_done = True
            server.bell.ring()

    async def _call(self, server: InMemoryServer) -> None:
        try:
            receive = ExclusiveReceive(server.receive) if self._strict else server.receive
            self._result = await self._application(self.scope, receive, server.send)
        except Exception as error:  # noqa: BLE001 - any exception of the application
            self._error = error
            self._trace.note("application", f"raises {type(error).__name__}: {error}")
        except BaseException as error:
            self._trace.note("application", f"is ended by {type(error).__name__}")
            raise
        else:
            self._trace.note("application", "returns")
        server.ended(self._error)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self._leave()
        except BaseException as failure:
            await self._beside.__aexit__(type(failure), failure, failure.__traceback__)
            raise
        if isinstance(error, Exception) and not isinstance(error, ClientFailure):
            error.add_note(self.trace)
            if error.__context__ is None and error is not self._error:
                error.__context__ = self._error
        await self._beside.__aexit__(kind, error, traceback)

    async def _leave(self) -> None:
        """Close the connection, and wait for the end of the application."""
        server = self._server
        if server.closed is None:
            if isinstance(server.answer, Accepted):
                self._close(1000, "")
            else:
                self.drop()
        server.resume()
        await self._wait(
            lambda: self._is_done,
            "the end of the application, which the client has left",
            self.timeout,
        )
        if self._error is not None and not (self._was_asked or reports_end(self._error)):
            self._error.add_note(self.trace)
            raise self._error

    # The handshake

    async def handshake(self, *, timeout: float | None = None) -> Accepted | Denied:
        """Wait for the answer to the handshake, whatever it is."""
        server = self._server
        await self._wait(
            lambda: server.answer is not None or server.closed is not None,
            "the answer to the handshake",
            timeout,
        )
        if server.answer is None:
            self._fail(ClientFailure("The client has left before the answer to the handshake."))
        return server.answer

    async def accepted(self, *, timeout: float | None = None) -> Accepted:
        """Wait for the accept. The methods that send and receive do so too."""
        answer = await self.handshake(timeout=timeout)
        if isinstance(answer, Denied):
            text = f"Expected an accept, but the handshake was rejected with HTTP {answer.status}."
            await self._fail_ended(ClientDenied(text, denied=answer))
        return answer

    async def denied(self, *, timeout: float | None = None) -> Denied:
        """Wait for the response that rejects the handshake."""
        answer = await self.handshake(timeout=timeout)
        if isinstance(answer, Accepted):
            self._fail(ClientFailure("Expected a rejected handshake, but it was accepted."))
        return answer

    # Sending

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        if not isinstance(data, str):
            raise wrong_type("send_text", "data", data, "str")
        await self._send(data, "text")

    async def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Send a binary message."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise wrong_type("send_bytes", "data", data, "bytes, bytearray or memoryview")
        await self._send(bytes(data), "bytes")

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Encode `data` as JSON, and send it.

        Args:
            data: Anything that `json.dumps` takes.
            mode: ``"text"`` or ``"binary"``, the kind of message to send.
        """
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        await (self.send_text(text) if _is_text(mode) else self.send_bytes(text.encode()))

    async def _send(self, data: str | bytes, kind: str) -> None:
        await self.accepted()
        if self._server.closed is not None:
            await self._fail_ended(self._connection_ended("Nothing can be sent, because {}."))
        self._trace.note("client", f"sends {kind} {describe(data).partition(' ')[2]}")
        self._server.message(data)

    # Receiving

    async def receive(self, *, timeout: float | None = None) -> str | bytes:
        """Receive the next message, a str or bytes."""
        return await self._receive("a message", timeout)

    async def receive_text(self, *, timeout: float | None = None) -> str:
        """Receive a text message."""
        data = await self._receive("a text message", timeout)
        if not isinstance(data, str):
            self._fail(ClientFailure(f"Expected a text message, but got {describe(data)}."))
        return data

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Receive a binary message."""
        data = await self._receive("a binary message", timeout)
        if not isinstance(data, bytes):
            self._fail(ClientFailure(f"Expected a binary message, but got {describe(data)}."))
        return data

    async def receive_json(self, mode: str = "text", *, timeout: float | None = None) -> Any:
        """Receive a message and decode it as JSON.

        Args:
            mode: ``"text"`` or ``"binary"``, the kind of message to expect.
            timeout: As for the other methods.
        """
        if _is_text(mode):
            return json.loads(await self.receive_text(timeout=timeout))
        return json.loads(await self.receive_bytes(timeout=timeout))

    async def receive_nothing(self, seconds: float = 0.1) -> None:
        """Check that the application sends nothing for a while, and does not end the connection."""
        await self.accepted()
        if await self._happens(self._has_news, seconds):
            found = describe(self._server.inbox[0]) if self._server.inbox else self._ended()
            self._fail(ClientFailure(f"Expected nothing from the application, but got {found}."))

    async def receive_close(self, *, timeout: float | None = None) -> Closed:
        """Wait for the end of the connection, after the last message."""
        await self.accepted(timeout=timeout)
        await self._wait(self._has_news, "a close", timeout)
        if self._server.inbox:
            data = describe(self._server.inbox[0])
            self._fail(ClientFailure(f"Expected a close, but got a message first, {data}."))
        assert self._server.closed is not None  # noqa: S101 - it is the other kind of news
        return self._server.closed

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over messages until the connection ends."""
        await self.accepted()
        while True:
            await self._wait(self._has_news, "a message or the end of the connection", None)
            if not self._server.inbox:
                return
            yield self._server.inbox.popleft()

    async def _receive(self, awaited: str, timeout: float | None) -> str | bytes:
        await self.accepted(timeout=timeout)
        await self._wait(self._has_news, awaited, timeout)
        if not self._server.inbox:
            await self._fail_ended(self._connection_ended(f"Expected {awaited}, but {{}}."))
        return self._server.inbox.popleft()

    def _has_news(self) -> bool:
        return bool(self._server.inbox) or self._server.closed is not None

    # Leaving

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a Close, unless the connection has ended.

        Args:
            code: Close code; None sends a Close without one.
            reason: Close reason, at most 123 bytes of UTF-8.

        Raises:
            ValueError: No Close frame can have this code or reason.
        """
        if code is not None and (fault := code_fault(code)):
            raise ValueError(f"close(): 'code' {fault}")
        if fault := "needs a code" if code is None and reason else reason_fault(reason):
            raise ValueError(f"close(): 'reason' {fault}")
        await self.accepted()
        if self._server.closed is None:
            self._close(code, reason)

    def _close(self, code: int | None, reason: str) -> None:
        self._trace.note("client", " ".join(map(str, filter(None, ("closes", code, reason)))))
        self._server.close(_NO_CODE if code is None else code, reason)

    def drop(self) -> None:
        """Lose the transport without a Close, at any time, and before the accept too."""
        self._trace.note("client", "drops the transport")
        self._server.drop()

    def pause_reading(self) -> None:
        """Read nothing from now on, so that the application waits when it sends."""
        self._trace.note("client", "pauses reading")
        self._server.paused = True

    def resume_reading(self) -> None:
        """Read again, beginning with all that was sent meanwhile."""
        self._trace.note("client", "resumes reading")
        self._server.resume()

    # The application

    async def result(self, *, timeout: float | None = None) -> Any:
        """Wait for the end of the application, and return its result or raise its exception."""
        await self._wait(lambda: self._is_done, "the end of the application", timeout)
        self._was_asked = True
        if self._error is not None:
            raise self._error
        return self._result

    # Inside

    async def _happens(self, met: Callable[[], bool], seconds: float) -> bool:
        return met() or await self._loop.finishes(lambda: self._server.bell.until(met), seconds)

    async def _wait(self, met: Callable[[], bool], awaited: str, timeout: float | None) -> None:
        seconds = self.timeout if timeout is None else timeout
        if not await self._happens(met, seconds):
            text = f"Waited {seconds:g} seconds for {awaited}."
            if self._is_done:
                text += " The application has ended."
            self._fail(ClientTimeout(text))

    def _ended(self) -> str:
        closed = self._server.closed or Closed(_NO_CODE)
        reason = f" and reason {closed.reason!r}" if closed.reason else ""
        return f"the connection has ended with code {closed.code}{reason}"

    def _connection_ended(self, text: str) -> ConnectionEnded:
        closed = self._server.closed or Closed(_NO_CODE)
        return ConnectionEnded(text.format(self._ended()), code=closed.code, reason=closed.reason)

    async def _fail_ended(self, failure: ClientFailure) -> NoReturn:
        # an application that closes because of an exception raises it after the close
        await self._happens(lambda: self._is_done, min(self.timeout, _RAISING))
        self._fail(failure)

    def _fail(self, failure: ClientFailure) -> NoReturn:
        failure.args = (f"{failure.args[0]}\n{self.trace}",)
        if isinstance(self._error, Explained):
            failure.topic = self._error.topic  # of the mistake, instead of its consequence
        raise failure from self._error


def _is_text(mode: str) -> bool:
    if mode not in {"text", "binary"}:
        raise ValueError(f"mode must be 'text' or 'binary', got {describe(mode)}")
    return mode == "text"

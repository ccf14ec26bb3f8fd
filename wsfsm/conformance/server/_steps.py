"""The steps of cases for servers: the action of each, and its observation."""

import asyncio
import contextlib
import struct
from collections.abc import Mapping
from typing import Any, Final

from wsfsm.conformance._judge import Record, States, expects
from wsfsm.conformance.cases import Case, Step
from wsfsm.conformance.server._client import RawClient, frames, request
from wsfsm.conformance.server._control import Control, RemoteApp
from wsfsm.conformance.server.app import RUN
from wsfsm.conformance.server.targets import RunningServer
from wsfsm.conformance.values import CaseError, message, value
from wsfsm.conformance.verdicts import Result, Verdict

__all__ = ["Run"]

PATIENCE: Final = 3.0  # seconds to wait for an observation
QUIET: Final = 0.4  # seconds to wait if nothing is expected to arrive


class Run:
    """One run of a case.

    Args:
        record: The record of the case.
        serving: The server.
        control: The control channel of the application.
        name: Name of the run, different for each.
    """

    def __init__(self, record: Record, server: RunningServer, control: Control, name: str) -> None:
        self._record = record
        self._server = server
        self._control = control
        self._name = name
        self._ending = contextlib.ExitStack()
        self._app = self._ending.enter_context(control.expecting(name))
        self._neighbour: tuple[RawClient, RemoteApp] | None = None
        self._client: RawClient | None = None
        self._refused = ""
        self._requests = 0
        self._messages: list[Mapping[str, Any]] = []

    async def play(self) -> Result:
        """Take the steps of the case, and return its result.

        Raises:
            CaseError: A step is wrong.
        """
        for step in self._record.case.steps:
            try:
                seen = await self._play_step(step)
            except ConnectionError as error:  # the client could not connect
                reason = f"{step}: the client could not connect ({error})"
                return self._record.conclude(Verdict.FAIL, reason)
            except CaseError as error:
                raise CaseError(f"{self._record.case.id}: {step}: {error}") from None
            except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
                wrong = f"an argument is missing or wrong ({error!r})"
                raise CaseError(f"{self._record.case.id}: {step}: {wrong}") from error
            if not self._applies() or not self._record.judge(step, seen):
                break
        self._check_never()
        return self._record.finish(lambda step: bool(step.expect))

    def leave(self) -> None:
        """Close the clients' sockets, and release the application."""
        self._leave_client()
        self._ending.close()

    def _leave_client(self) -> None:
        if self._client is not None:
            self._client.abort()

    async def _play_step(self, step: Step) -> Mapping[str, Any]:
        operation = getattr(self, f"_{step.side}_{step.action.replace(' ', '_')}", None)
        if operation is None:
            raise CaseError(f"{step.side} has no step {step.action!r}")
        if step.within is not None:
            within = step.within
        else:
            within = QUIET if expects(step, "waits") else PATIENCE
        seen: Mapping[str, Any] = await operation(step, within)
        return seen

    def _applies(self) -> bool:
        """Whether the case applies to this server, by the scope that it passes."""
        reason = _why_not(self._record.case, self._app.scope) if self._app.scope else ""
        if reason:
            self._record.conclude(Verdict.UNSUPPORTED, reason)
        return not reason

    def _check_never(self) -> None:
        record = self._record
        if record.result is None and self._app.calls > self._requests:
            reason = "the server called its application more than once for a request"
            record.conclude(Verdict.FAIL, reason)
        record.check_never(self._messages, "the application received a forbidden message")
        wire = bytes(self._client.received).lower() if self._client else b""
        head = wire.partition(b"\r\n\r\n")[0]
        never = record.case.never
        places = [(text, wire, "on the wire") for text in never.wire]
        places += [(text, head, "in the head of the response") for text in never.head]
        for text, data, where in places:
            if record.result is None and text.encode("latin-1").lower() in data:
                record.conclude(
                    Verdict.FAIL,
                    "the server wrote a forbidden text",
                    expected=f"no {text!r} {where}",
                    observed=f"{text!r} {where}",
                )

    # ------------------------------------------------------------ the application's steps

    async def _app_receive(self, _step: Step, within: float) -> Mapping[str, Any]:
        seen = await self._app.do({"do": "receive"}, within)
        if "message" in seen:
            self._messages.append(seen["message"])
            self._record.states.received(seen["message"])
        return seen

    async def _app_receive_all(self, step: Step, within: float) -> Mapping[str, Any]:
        pause = float(step.arguments.get("pause", 0))
        seen = await self._app.do({"do": "receive all", "pause": pause}, within)
        if "message" in seen:
            self._messages.append(seen["message"])
            self._record.states.received(seen["message"])
        return seen

    async def _app_work(self, step: Step, _within: float) -> Mapping[str, Any]:
        sent = message(step.arguments["message"])
        times, seconds = step.arguments.get("times", 1), float(step.arguments["seconds"])
        self._record.states.sent(sent)
        command = {"do": "work", "message": sent, "times": times, "seconds": seconds}
        return await self._app.post(command)

    async def _app_cancel(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._app.do({"do": "cancel"}, within)

    async def _app_send(self, step: Step, within: float) -> Mapping[str, Any]:
        sent = message(step.arguments["message"])
        times = step.arguments.get("times", 1)
        seen = await self._app.do({"do": "send", "message": sent, "times": times}, within)
        states = self._record.states
        if seen.get("returns") or seen.get("waits"):
            states.sent(sent)
        elif "OSError" in seen.get("raises", ()):
            states.lost()
        return seen

    async def _app_finish(self, _step: Step, within: float) -> Mapping[str, Any]:
        seen = await self._app.do({"do": "finish"}, within)
        states = self._record.states
        if "OSError" in seen.get("raises", ()):
            states.lost()
        elif "raises" in seen:
            states.refused()
        return seen

    async def _app_scope(self, _step: Step, within: float) -> Mapping[str, Any]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._app.arrived.wait(), within)
        scope = self._app.scope
        if not scope:
            return {"gone": True}
        headers = _by_name(scope)
        return {"scope": scope} if headers is None else {"scope": scope, "headers": headers}

    async def _app_return(self, _step: Step, _within: float) -> Mapping[str, Any]:
        return await self._app.post({"do": "return"})

    async def _app_raise(self, _step: Step, _within: float) -> Mapping[str, Any]:
        return await self._app.post({"do": "raise"})

    async def _app_raise_again(self, _step: Step, _within: float) -> Mapping[str, Any]:
        return await self._app.post({"do": "raise again"})

    async def _app_ends(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._app.wait_ended(within)

    # ------------------------------------------------------------ the client's steps

    async def _client_request(self, step: Step, _within: float) -> Mapping[str, Any]:
        given = step.arguments
        headers = [(RUN, self._name.encode())]
        headers += [(_bytes(name), _bytes(item)) for name, item in given.get("headers", [])]
        if "offers" in given:
            headers.append((b"sec-websocket-protocol", ", ".join(given["offers"]).encode()))
        data = request(
            *headers,
            without=[name.encode() for name in given.get("without", [])],
            method=given.get("method", "GET").encode(),
            target=given.get("target", "/").encode(),
            version=given.get("version", "1.1").encode(),
        )
        data += _bytes(given.get("body", "")) + frames(given.get("frames", []))
        if self._client is not None:  # another connection, with an application of its own
            self._leave_client()
            self._app.renew()
            self._record.states = States()
        try:
            self._client = await self._connect()
        except OSError as error:
            self._client, self._refused = None, type(error).__name__
            return {"raises": [kind.__name__ for kind in type(error).__mro__]}
        self._requests += 1
        await self._write(data, given)
        return {"done": True}

    async def _connect(self) -> RawClient:
        server = self._server
        return await RawClient.connect(server.host, server.port, server.tls)

    async def _write(self, data: bytes, given: Mapping[str, Any]) -> None:
        if "piece" in given:
            await self._connected().write_pieces(data, given["piece"])
        else:
            self._connected().write(data)

    def _connected(self) -> RawClient:
        if self._client is None and self._refused:
            raise ConnectionError(self._refused)
        if self._client is None:
            raise CaseError("no step connects the client before this one")
        return self._client

    async def _client_send(self, step: Step, _within: float) -> Mapping[str, Any]:
        data = frames(step.arguments["frames"]) * step.arguments.get("times", 1)
        await self._write(data, step.arguments)
        return {"done": True}

    async def _client_write(self, step: Step, _within: float) -> Mapping[str, Any]:
        await self._write(_bytes(step.arguments["data"]), step.arguments)
        return {"done": True}

    async def _client_fin(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().half_close()
        return {"done": True}

    async def _client_reset(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().reset()
        return {"done": True}

    async def _client_pause(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().pause()
        return {"done": True}

    async def _client_resume(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._connected().resume()
        return {"done": True}

    async def _client_response(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._connected().response(within)

    async def _client_frame(self, step: Step, within: float) -> Mapping[str, Any]:
        given = step.arguments
        pings, until = given.get("pings", False), given.get("until")
        return await self._connected().read_frame(within, pings=pings, until=until)

    async def _client_find(self, step: Step, within: float) -> Mapping[str, Any]:
        return await self._connected().find(_bytes(step.arguments["data"]), within)

    async def _client_end(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._connected().end(within)

    async def _client_nothing(self, step: Step, _within: float) -> Mapping[str, Any]:
        return await self._connected().nothing(step.within or QUIET)

    # ------------------------------------------------------------ another connection's

    async def _neighbour_opens(self, _step: Step, within: float) -> Mapping[str, Any]:
        name = f"{self._name}.neighbour"
        app = self._ending.enter_context(self._control.expecting(name))
        client = await self._connect()
        self._ending.callback(client.abort)
        self._neighbour = client, app
        client.write(request((RUN, name.encode())))
        await app.do({"do": "receive"}, within)
        await app.do({"do": "send", "message": {"type": "websocket.accept"}, "times": 1}, within)
        return await client.response(within)

    def _beside(self) -> tuple[RawClient, RemoteApp]:
        if self._neighbour is None:
            raise CaseError("no step connects the neighbour before this one")
        return self._neighbour

    async def _neighbour_send(self, step: Step, _within: float) -> Mapping[str, Any]:
        self._beside()[0].write(frames(step.arguments["frames"]))
        return {"done": True}

    async def _neighbour_reset(self, _step: Step, _within: float) -> Mapping[str, Any]:
        self._beside()[0].reset()
        return {"done": True}

    async def _neighbour_app_receive(self, _step: Step, within: float) -> Mapping[str, Any]:
        return await self._beside()[1].do({"do": "receive"}, within)

    async def _neighbour_app_send(self, step: Step, within: float) -> Mapping[str, Any]:
        sent = message(step.arguments["message"])
        return await self._beside()[1].do({"do": "send", "message": sent, "times": 1}, within)

    # ------------------------------------------------------------ the others

    async def _server_stop(self, _step: Step, _within: float) -> Mapping[str, Any]:
        await self._server.stop()
        return {"done": True}

    async def _server_exit(self, _step: Step, within: float) -> Mapping[str, Any]:
        status = await self._server.exit_status(within)
        return {"waits": True} if status is None else {"exit": status}

    async def _wait_wait(self, step: Step, _within: float) -> Mapping[str, Any]:
        await asyncio.sleep(step.arguments["seconds"])
        return {"done": True}


def _why_not(case: Case, scope: Mapping[str, Any]) -> str:
    """Why a case does not apply to a server that passes this scope; "" if it applies."""
    asgi, extensions = scope.get("asgi"), scope.get("extensions")
    has = _version(asgi.get("spec_version", "2.0") if isinstance(asgi, Mapping) else "2.0")
    if case.spec_version and has < _version(case.spec_version):
        return f"the case applies to spec_version {case.spec_version} and later"
    if case.before and has >= _version(case.before):
        return f"the case applies to servers before spec_version {case.before}"
    offered = extensions if isinstance(extensions, (Mapping, list, tuple)) else ()
    if case.extension and case.extension not in offered:
        return f"the server does not offer the extension {case.extension}"
    return ""


def _bytes(raw: Any) -> bytes:
    """The bytes of a value in a case, which may be text."""
    plain: str | bytes = value(raw)
    return plain.encode("latin-1") if isinstance(plain, str) else plain


def _by_name(scope: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """The values of each header of a scope, by its name in lower case; None if they are malformed."""
    found: dict[str, list[str]] = {}
    try:
        for name, item in scope["headers"]:
            found.setdefault(name.decode("latin-1").lower(), []).append(item.decode("latin-1"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found


def _version(text: object) -> tuple[int, ...]:
    return tuple(int(part) for part in str(text).split(".") if part.isdigit())

"""The demo's ASGI application: the page, its control channel, and the connections that it shows."""

import asyncio
import json
import secrets
from typing import Any, Final

from wsfsm.demo.files import INDEX, files
from wsfsm.demo.session import Session
from wsfsm.exceptions import UnexpectedFrame
from wsfsm.origins import AllowedOrigins
from wsfsm.types import Message, Receive, Scope, Send
from wsfsm.websockets import WebSocket

__all__ = ["application"]

SESSIONS: Final = 100  # open pages at a time
BACKLOG: Final = 1000  # updates that a page has not read yet

_HEADERS: Final = [
    (b"cache-control", b"no-cache"),
    # the page loads everything from this server, so injected scripts and styles are blocked
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]
_PLAIN: Final = "text/plain; charset=utf-8"
_OWN_PAGE: Final = AllowedOrigins(allow_missing=False)

_sessions: dict[str, Session] = {}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the demo.

    Raises:
        RuntimeError: The scope is neither http nor websocket.
    """
    if scope["type"] == "http":
        await _page(scope, send)
    elif scope["type"] == "websocket":
        if scope["path"] == "/control":
            await _control(WebSocket(scope, receive, send))
        else:
            await _connection(scope, receive, send)
    else:
        raise RuntimeError(f"the demo serves http and websocket, not {scope['type']!r}")


async def _page(scope: Scope, send: Send) -> None:
    file = files(live=True).get(scope["path"].removeprefix("/") or INDEX)
    status, body, kind = 404, b"Not found\n", _PLAIN
    headers = list(_HEADERS)
    if scope["method"] not in ("GET", "HEAD"):
        status, body = 405, b"Method not allowed\n"
        headers.append((b"allow", b"GET, HEAD"))
    elif file is not None:
        status, body, kind = 200, file.content, file.kind
    headers += [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _control(websocket: WebSocket) -> None:
    """Let a page steer a session."""
    if _OWN_PAGE.refusal(websocket.scope) is not None or len(_sessions) >= SESSIONS:
        await websocket.close()
        return
    await websocket.accept()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue(BACKLOG)

    def report(update: dict[str, Any]) -> None:
        if outbox.full():  # a page that does not read misses the oldest updates
            outbox.get_nowait()
        outbox.put_nowait(update)

    async def send_all() -> None:
        while True:
            # in ASCII, because a text may have lone surrogates, as in the page that has sent it
            await websocket.send_text(json.dumps(await outbox.get()))

    session = Session(report)
    name = secrets.token_urlsafe(16)
    _sessions[name] = session
    report({"session": name, "now": session.now})
    sender = asyncio.create_task(send_all())
    try:
        async for text in websocket.iter_text():
            command = _command(text)
            if command is None:
                report({"error": "a command must be a JSON object", "now": session.now})
            else:
                await session.perform(command)
    except UnexpectedFrame:
        await websocket.close(1003, "commands must be text")
    finally:
        del _sessions[name]
        sender.cancel()
        await session.end()
        await asyncio.gather(sender, return_exceptions=True)


def _command(text: str) -> Message | None:
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return command if isinstance(command, dict) else None


async def _connection(scope: Scope, receive: Receive, send: Send) -> None:
    """Pass a connection to the session that is named in its path."""
    session = _sessions.get(scope["path"].removeprefix("/connection/"))
    if session is None:
        await WebSocket(scope, receive, send).close()
        return
    await session.run(scope, receive, send)

"""The demo's server: uvicorn on wsfsm's core, and one thing more that an application can ask for."""

import contextlib
import socket

from wsfsm.demo.application import application
from wsfsm.demo.session import ABORT
from wsfsm.types import Scope

__all__ = ["DemoError", "serve"]


class DemoError(RuntimeError):
    """The demo cannot start; the text says why, and what helps."""


def serve(host: str, port: int) -> None:
    """Serve the demo until it is interrupted, and print its address.

    Args:
        host: Name or address to listen on.
        port: TCP port; 0 takes any that is free.

    Raises:
        DemoError: The extra ``demo`` is not installed, or the port cannot be had.
    """
    try:
        import uvicorn  # noqa: PLC0415 - of the extra; the rest of wsfsm does without

        from wsfsm.integrations.uvicorn import WebSocketProtocol  # noqa: PLC0415
    except ImportError as error:
        raise DemoError(
            f'the demo needs {error.name}: install it with pip install "wsfsm[demo]"'
        ) from None

    class Protocol(WebSocketProtocol):
        """A protocol whose transport the application can cut, as no browser can."""

        def _make_scope(self) -> Scope:
            scope = super()._make_scope()
            scope["extensions"][ABORT] = self._transport.abort
            return scope

    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    print(  # noqa: T201 - a command talks
        f"wsfsm demo: http://{shown}:{listener.getsockname()[1]} (Ctrl+C stops it)", flush=True
    )
    config = uvicorn.Config(
        application,
        ws=Protocol,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,  # pages stay open; they are not waited for
    )
    with listener, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    # getaddrinfo() would take a number that is too large modulo 65536
    if not 0 <= port <= 65535:
        raise DemoError(f"port {port} is not within 0 to 65535; choose one with --port")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Windows would share a port that somebody listens on
        return socket.create_server(address[:2], family=family, reuse_port=False)
    except OSError as error:
        # create_server() adds the address, which is told already
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise DemoError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        ) from None

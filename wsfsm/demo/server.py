"""The demo's server: uvicorn with wsfsm's class, which gives the application a look at the server itself."""

import contextlib
import socket
from typing import Any, Final

from wsfsm.demo.application import application
from wsfsm.demo.session import ABORT, SERVER_STATE
from wsfsm.types import Scope

__all__ = ["DemoError", "protocol", "serve"]

_LARGEST: Final = 65_536
"""The size of the largest message in bytes, because the demo keeps messages until the page has read them."""


class DemoError(RuntimeError):
    """The demo cannot start; the text says why, and what to do."""


def protocol() -> type[Any]:
    """Make the class of the demo's WebSockets.

    Its application can abort the transport, because browsers cannot do that, and ask for the state of the
    server machine.
    """
    from wsfsm.integrations.uvicorn import WebSocketProtocol  # noqa: PLC0415 - it needs an extra

    class Protocol(WebSocketProtocol):
        def _make_scope(self) -> Scope:
            scope = super()._make_scope()
            scope["extensions"][ABORT] = self._transport.abort
            scope["extensions"][SERVER_STATE] = lambda: self._connection.state.name
            return scope

    return Protocol


def serve(host: str, port: int) -> None:
    """Print the address of the demo, and serve it until an interrupt.

    Args:
        host: Name or address to listen on.
        port: TCP port; 0 takes any free one.

    Raises:
        DemoError: The extra ``demo`` is not installed, or the server cannot listen on the port.
    """
    try:
        import uvicorn  # noqa: PLC0415 - it is part of an extra

        kind = protocol()
    except ImportError as error:
        raise DemoError(f'the demo needs {error.name}; run pip install "wsfsm[demo]"') from None
    listener = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    print(  # noqa: T201 - a command prints
        f"wsfsm demo: http://{name}:{listener.getsockname()[1]} (press Ctrl+C to stop)", flush=True
    )
    config = uvicorn.Config(
        application,
        ws=kind,
        ws_max_size=_LARGEST,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,  # do not wait for open pages
    )
    with listener, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    # getaddrinfo() would take too large a number modulo 65536
    if not 0 <= port <= 65535:
        raise DemoError(f"port {port} is out of range; choose one from 0 to 65535 with --port")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # otherwise Windows would share a port on which another process listens
        return socket.create_server(address[:2], family=family, reuse_port=False)
    except OSError as error:
        # create_server() adds the address, which is in the text already
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise DemoError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port"
        ) from None

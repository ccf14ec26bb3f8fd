"""Log lines about WebSockets, with the texts and levels of uvicorn's own classes."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.utils import (
    get_client_addr,
    get_path_with_query_string,
    get_remote_addr,
)

from wsfsm._text import printable
from wsfsm.messages import Close
from wsfsm.types import Scope  # noqa: TC001 - annotations are evaluated

__all__ = ["AccessLog"]

_logger: Final = logging.getLogger("uvicorn.error")
_fallback: Final = logging.Handler()
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class AccessLog:
    """Logs the handshake and the end of a connection. An error in the logging has no other effect.

    Args:
        transport: Transport of the connection.

    Attributes:
        is_open: Whether the application has accepted, and the end is not logged yet.
    """

    __slots__ = ("_transport", "is_open", "scope")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_open = False
        self.scope: Scope = {}

    def accepted(self) -> None:
        """Log that the application has accepted."""
        self.is_open = True
        if _logger.isEnabledFor(logging.INFO):
            self._answered("[accepted]")
            log(logging.INFO, "connection open")

    def responded(self, status: int, text: bytes = b"") -> None:
        """Log that the handshake was answered with an HTTP response.

        Args:
            status: Status code of the response.
            text: The reason, if the server itself has refused the request.
        """
        if self.scope:
            self._answered(str(status))
        else:
            phrase, reason = _PHRASES.get(status, ""), text.decode("utf-8", "replace")
            log(logging.INFO, "connection rejected (%d %s): %s", status, phrase, printable(reason))

    def closed(self, ending: Close) -> None:
        """Log that an accepted connection has ended and its transport is gone. Call it only if `is_open`.

        Args:
            ending: The code and reason with which the connection ended.
        """
        self.is_open = False
        # the peer wrote it, and it must not look like further lines of the log
        reason = f" {printable(ending.reason)}" if ending.reason else ""
        log(logging.INFO, "connection closed (%d%s)", ending.code, reason)

    def trace(self, text: str) -> None:
        """Log a line at the level "trace"."""
        if _logger.isEnabledFor(TRACE_LOG_LEVEL):
            client = get_remote_addr(self._transport)
            prefix = f"{client[0]}:{client[1]} - " if client else ""
            log(TRACE_LOG_LEVEL, "%s%s", prefix, text)

    def _answered(self, answer: str) -> None:
        try:
            scope = cast("Any", self.scope)
            client, path = get_client_addr(scope), get_path_with_query_string(scope)
        except Exception:  # noqa: BLE001 - the application may have changed the scope
            client, path = str(get_remote_addr(self._transport) or ""), "(unknown)"
        log(logging.INFO, '%s - "WebSocket %s" %s', client, path, answer)


def log(level: int, text: str, *args: object, exception: BaseException | None = None) -> None:
    """Log a line, and suppress errors of filters and handlers."""
    try:
        _logger.log(level, text, *args, exc_info=exception)
    except Exception:  # noqa: BLE001 - an error in the logging must not end a connection
        _fallback.handleError(_logger.makeRecord(_logger.name, level, "", 0, text, args, None))

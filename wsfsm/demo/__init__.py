"""The demo: a page that shows both machines of real connections at work.

A page has a *control* WebSocket, over which it steers the application half, and at most one
*connection*, the WebSocket that is looked at, opened by the browser itself. Both end in the same
process, in a `Session`. Needs the extra ``demo``.
"""

from wsfsm.demo.application import application
from wsfsm.demo.server import DemoError, serve
from wsfsm.demo.session import Session

__all__ = ["DemoError", "Session", "application", "serve"]

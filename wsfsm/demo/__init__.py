"""The demo: a page on which you can watch both machines of real connections.

A page has two WebSockets: *control*, with which it steers the application, and *connection*, which it
shows. A `Session` in the server is the other end of both. The demo needs the extra ``demo``.
"""

from wsfsm.demo.application import application
from wsfsm.demo.server import DemoError, serve
from wsfsm.demo.session import Session

__all__ = ["DemoError", "Session", "application", "serve"]

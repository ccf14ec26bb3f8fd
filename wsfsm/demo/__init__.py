"""The demo: a page on which you can watch both machines of real connections.

A page has two WebSockets: *control*, with which it steers the application, and *connection*, which it
shows. A `Session` in the server is the other end of both. `serve` needs the extra ``demo``.

`write` writes the page for a site without such a server, for example as a page of a documentation. There,
the page simulates the server with the tables that `wsfsm.demo.export` exports, and everything else is the
same.
"""

from wsfsm.demo.application import application
from wsfsm.demo.files import write
from wsfsm.demo.server import DemoError, serve
from wsfsm.demo.session import Session

__all__ = ["DemoError", "Session", "application", "serve", "write"]

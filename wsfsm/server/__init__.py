"""The server's side of a WebSocket without I/O: pass in what happens, do the commands.

A server embeds one `ServerConnection` a connection. Each thing that happens is one call: the request,
a frame, a message of the application, the end of the transport, a timer. The call steps the table
`wsfsm.tables.SERVER` and returns a list of commands (`wsfsm.server.commands`), to be done in order::

    connection = ServerConnection()
    for command in connection.receive_request("GET", headers):
        do(command)

Messages for the application wait in the connection: `ServerConnection.next_message`. For a message
that an application may not send, `ServerConnection.send` raises the exception that is to be raised
into the application. There are no sockets, tasks, clocks or frames in here; the guide in ``docs/``
says what a server adds.
"""

from wsfsm.exceptions import ClientDisconnected
from wsfsm.server._connection import ServerConnection
from wsfsm.server._handshake import BadHandshake, Handshake
from wsfsm.server._policies import Policies
from wsfsm.server.commands import Command, Timer
from wsfsm.tables.states import ServerState

__all__ = [
    "BadHandshake",
    "ClientDisconnected",
    "Command",
    "Handshake",
    "Policies",
    "ServerConnection",
    "ServerState",
    "Timer",
]

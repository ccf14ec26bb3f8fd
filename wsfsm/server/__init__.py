"""The protocol core of a server: one connection, without I/O.

To write a server, embed one `ServerConnection` for each connection, and call a method for each event: the
request, a frame, a message of the application, the end of the transport, a timer. The call takes a
transition of the table `wsfsm.tables.SERVER` and returns a list of commands (`wsfsm.server.commands`).
Carry them out in order::

    connection = ServerConnection()
    for command in connection.receive_request("GET", headers):
        do(command)

Messages for the application wait in the connection until you take them with
`ServerConnection.next_message`. If the application sends a message that is not allowed,
`ServerConnection.send` raises; let that exception propagate into the application. The core has no sockets,
tasks, clocks or frames; ``docs/servers.md`` describes the server's part.
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

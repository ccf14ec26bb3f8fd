"""The rules of graphql-transport-ws, as a server sees them.

The notes are headings of PROTOCOL.md in the repository enisdenjo/graphql-ws, version 6.
"""

from typing import Final

import attrs

from wsfsm import SAME, Event, Machine, Table, in_state


@attrs.frozen
class Close:
    """An output: close the connection."""

    code: int
    reason: str

    def __str__(self) -> str:
        return f"close {self.code}"


# Messages of the client
FIRST: Final = Event("subscribe", guard="id is free")
AGAIN: Final = Event("subscribe", guard="id is active")
SUBSCRIBE: Final = (FIRST, AGAIN)
INVALID: Final = Event("anything else")

# Events in the server
LATE: Final = Event("init is late", is_message=False)
PERMITTED: Final = Event("client is permitted", is_message=False)
FORBIDDEN: Final = Event("client is forbidden", is_message=False)
FAILED: Final = Event("server fails", is_message=False)
RESULT: Final = Event("source yields", is_message=False)
ERRORS: Final = Event("source has errors", is_message=False)
ENDED: Final = Event("source ends", is_message=False)

UNSPECIFIED: Final = Close(4400, "Invalid message")
UNAUTHORIZED: Final = Close(4401, "Unauthorized")
REFUSED: Final = Close(4403, "Forbidden")
TIMEOUT: Final = Close(4408, "Connection initialisation timeout")
EXISTS: Final = Close(4409, "Subscriber already exists")
TOO_MANY: Final = Close(4429, "Too many initialisation requests")
BUG: Final = Close(4500, "Internal server error")

# fmt: off
CONNECTION: Final = Machine(Table(
    name="connection",
    states=("opened", "initialising", "acknowledged", "closed"),
    initial="opened",
    final=("closed",),
    rows=(
        *in_state("opened",
            ("connection_init", "initialising", ("stop the timer", "authenticate"), "ConnectionInit"),
            (LATE,              "closed",       (TIMEOUT,),      "ConnectionInit"),
            (SUBSCRIBE,         "closed",       (UNAUTHORIZED,), "Subscribe"),
        ),
        *in_state("initialising",
            (PERMITTED,         "acknowledged", ("send connection_ack",), "ConnectionAck"),
            (FORBIDDEN,         "closed",       (REFUSED,),      "ConnectionInit"),
            ("connection_init", "closed",       (TOO_MANY,),     "ConnectionInit"),
            (SUBSCRIBE,         "closed",       (UNAUTHORIZED,), "Subscribe"),
        ),
        *in_state("acknowledged",
            (FIRST,             SAME,           ("pass on",),    "Subscribe"),
            (AGAIN,             "closed",       (EXISTS,),       "Subscribe"),
            ("connection_init", "closed",       (TOO_MANY,),     "ConnectionInit"),
        ),
        *in_state(("opened", "initialising", "acknowledged"),
            ("complete",        SAME,           ("pass on",),    "Complete"),
            ("ping",            SAME,           ("send pong",),  "Ping"),
            ("pong",            SAME,                            "Pong"),
            (INVALID,           "closed",       (UNSPECIFIED,),  "Invalid message"),
            (FAILED,            "closed",       (BUG,),          "CloseCode in src/common.ts"),
        ),
        *in_state("closed",  # messages may be in flight
            ((*SUBSCRIBE, "connection_init", "complete", "ping", "pong", INVALID), SAME),
            ((PERMITTED, FORBIDDEN, FAILED), SAME),
        ),
    ),
))

OPERATION: Final = Machine(Table(
    name="operation",
    states=("free", "active"),
    initial="free",
    final=(),
    endless=True,  # an id can be used again
    rows=(
        *in_state("free",
            (FIRST,      "active", ("start the source",), "Subscribe"),
            ("complete", SAME,                            "Invalid message"),
        ),
        *in_state("active",
            (RESULT,     SAME,     ("send next",),        "Next"),
            (ENDED,      "free",   ("send complete",),    "Complete"),
            (ERRORS,     "free",   ("send error",),       "Error"),
            ("complete", "free",   ("stop the source",),  "Complete"),
        ),
    ),
))
# fmt: on

"""Finite state machines as tables; nothing here knows about WebSockets.

`Table` declares a machine, `Machine` compiles it, and a `Node` is a compiled state with the events that
it allows.
"""

from wsfsm.fsm._live import IllegalTrigger, TableMachine
from wsfsm.fsm._machine import Coupling, Machine, Node, Transition
from wsfsm.fsm._table import SAME, AnyEvent, Event, Row, Table, in_state, state_name

__all__ = [
    "SAME",
    "AnyEvent",
    "Coupling",
    "Event",
    "IllegalTrigger",
    "Machine",
    "Node",
    "Row",
    "Table",
    "TableMachine",
    "Transition",
    "in_state",
    "state_name",
]

"""Machines as a program has them, for `wsfsm diagram helpers.machines_app:NAME`."""

from transitions import Machine as TheirMachine

from wsfsm import Machine, Table, in_state
from wsfsm.diagrams import SENT, Diagram

VALVE = Table(
    name="valve",
    states=("open", "shut"),
    initial="open",
    final=("shut",),
    rows=in_state("open", ("shut", "shut")),
)
PUMP = Machine(
    Table(
        name="pump",
        states=("idle", "running", "broken"),
        initial="idle",
        final=("broken",),
        rows=(
            *in_state("idle", ("start", "running")),
            *in_state("running", ("pulse", "running"), ("stop", "idle"), ("break", "broken")),
        ),
    )
)
PLANT = Diagram([PUMP, VALVE], kinds={"pump": SENT})
THEIRS = TheirMachine(None, states=["on", "off"], initial="on")
PRESSURE = {"bar": 3}


class Works:
    """A class with a machine."""

    SPARE = PUMP

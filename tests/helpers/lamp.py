"""A machine as a program has one: a constant of a module, which another process imports."""

from enum import Enum

from wsfsm import Coupling, Machine, Row, Table


class Light(Enum):
    RED = 1
    OFF = 2


LAMP = Machine(
    Table(
        name="lamp",
        states=(Light.RED, Light.OFF),
        initial=Light.RED,
        final=(Light.OFF,),
        rows=(Row(Light.RED, "off", Light.OFF, "a note", ("click",)),),
    )
)
BLACKOUT: Coupling[Light] = Coupling("grid", "blackout", "lamp", ("off",), False, Light.OFF)
DARK = LAMP.after(BLACKOUT)[LAMP.initial]
STEP = LAMP.transitions_on("off")[LAMP.initial]
OFF = LAMP.nodes[Light.OFF]

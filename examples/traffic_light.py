"""A machine of one's own: declared as a table, checked, compiled and looked up."""

from enum import Enum

from wsfsm import IllegalTransition, Machine, Row, Table


class Light(Enum):
    RED = "red"
    GREEN = "green"
    OFF = "off"


LIGHT = Machine(
    Table(
        name="traffic light",
        states=(Light.RED, Light.GREEN, Light.OFF),
        initial=Light.RED,
        final=(Light.OFF,),
        rows=(
            Row(Light.RED, "go", Light.GREEN, "the crossing is free"),
            Row(Light.RED, "switch off", Light.OFF),
            Row(Light.GREEN, "stop", Light.RED, "somebody waits"),
        ),
    )
)


def main() -> None:
    light = LIGHT.initial
    light = light.step("go")
    print(light.state, "allows", light.allowed)  # noqa: T201 - an example shows something
    try:
        light.step("switch off")
    except IllegalTransition as error:
        print(error)  # noqa: T201


if __name__ == "__main__":
    main()

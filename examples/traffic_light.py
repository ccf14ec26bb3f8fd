"""Declare a machine of your own as a table, and take its transitions step by step."""

from enum import Enum

from wsfsm import IllegalTransition, Machine, Table, in_state


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
            *in_state(
                Light.RED,
                ("go", Light.GREEN, "the crossing is free"),
                ("switch off", Light.OFF),
            ),
            *in_state(
                Light.GREEN,
                ("stop", Light.RED, "a pedestrian waits"),
            ),
        ),
    )
)


def main() -> None:
    light = LIGHT.initial
    light = light.step("go")
    print(light.state, "allows", light.allowed)  # noqa: T201 - an example prints
    try:
        light.step("switch off")
    except IllegalTransition as error:
        print(error)  # noqa: T201


if __name__ == "__main__":
    main()

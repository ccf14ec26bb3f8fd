"""The choice of machines and of what their pictures show, for the command and for generators of sites."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from wsfsm._text import listed, readable
from wsfsm.diagrams._model import CHOSEN, RECEIVED, SENT, Diagram, Kind, combine, moves_of
from wsfsm.diagrams._names import Named, find, in_folder
from wsfsm.diagrams._own import DIAGRAMS

__all__ = ["KINDS", "BadName", "Selection", "kinds_of"]

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (SENT, RECEIVED, CHOSEN)}
"""The kinds that can be chosen by name."""


class BadName(ValueError):
    """A name is neither that of a diagram of wsfsm nor of a form that can lead to another one."""


def kinds_of(text: str) -> dict[str, Kind]:
    """Read kinds by machine, for example ``light=sent,pump=received``, or ``sent`` for all machines.

    Returns:
        The kinds by the name of the machine; that for all machines by an empty name.

    Raises:
        ValueError: There is no such kind.
    """
    kinds = {}
    for part in text.split(","):
        machine, _, kind = map(str.strip, part.rpartition("="))
        if kind not in KINDS:
            raise ValueError(
                f"must be {listed(KINDS)}, or MACHINE=KIND for one of several machines, "
                f"separated by commas, got {text!r}"
            )
        kinds[machine] = KINDS[kind]
    return kinds


@attrs.frozen
class Selection:
    """What to draw.

    Attributes:
        names: The names of machines that are drawn side by side.
        merge_edges: As in `Diagram`; None leaves it to the diagram.
        outputs: As in `Diagram`; None leaves it to the diagram.
        kinds: Kinds of events, as `kinds_of` returns them.
        state: The state whose moves are drawn, or None.
    """

    names: tuple[str, ...]
    merge_edges: bool | None = None
    outputs: bool | None = None
    kinds: Mapping[str, Kind] = attrs.field(factory=dict)
    state: str | None = None

    def diagram(self, folder: Path) -> Diagram:
        """Find the machines, and put them into one diagram.

        Args:
            folder: The folder in which files and modules are looked for.

        Raises:
            BadName: A name has another form.
            MachineNotFound: A name does not lead to a machine.
            ValueError: Two machines have the same name, or a machine or a state does not exist.
        """
        diagram = combine([_find(name, folder) for name in self.names])
        if self.merge_edges is not None:
            diagram = attrs.evolve(diagram, merge_edges=self.merge_edges)
        if self.outputs is not None:
            diagram = attrs.evolve(diagram, outputs=self.outputs)
        if self.kinds:
            diagram = attrs.evolve(diagram, kinds={**diagram.kinds, **self._kinds(diagram)})
        return diagram if self.state is None else moves_of(diagram, self.state)

    def _kinds(self, diagram: Diagram) -> dict[str, Kind]:
        names = [table.name for table in diagram.tables]
        everywhere = {name: kind for name in names if (kind := self.kinds.get(""))}
        kinds = everywhere | {name: kind for name, kind in self.kinds.items() if name}
        for machine in kinds:
            if machine not in names:
                raise ValueError(
                    f"there is no machine {readable(machine)!r}; the diagram has {listed(names)}"
                )
        return kinds


def _find(name: str, folder: Path) -> Named:
    if name in DIAGRAMS:
        return DIAGRAMS[name]
    try:
        with in_folder(folder):  # `python -m` does the same, but not the script `wsfsm`
            return find(name, folder)
    except ValueError:
        raise BadName(
            f"invalid name {name!r}; use {', '.join(DIAGRAMS)}, or package.module:NAME or "
            "file.py:NAME for a machine of your own"
        ) from None

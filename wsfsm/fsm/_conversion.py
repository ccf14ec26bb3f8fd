"""The common part of all conversions to tables."""

from collections.abc import Iterable, Sequence
from typing import Final

from wsfsm.exceptions import ConversionError
from wsfsm.fsm._table import Row, S, Table

__all__ = ["ends", "refusal", "table_from"]

_SHOWN: Final = 20


def refusal(what: str, reasons: Sequence[str]) -> ConversionError:
    """Create the exception for something that cannot become a machine."""
    more = [f"and {len(reasons) - _SHOWN} more reasons"] * (len(reasons) > _SHOWN)
    listed = "; ".join([*reasons[:_SHOWN], *more])
    return ConversionError(f"{what} cannot become a Machine, because {listed}", reasons=(*reasons,))


def ends(states: Iterable[S], rows: Iterable[Row[S]]) -> set[S]:
    """Return the states that no row leaves."""
    return set(states) - {row.source for row in rows if row.source != row.target}


def table_from(
    name: str, states: Sequence[S], initial: S, final: Iterable[S], rows: Iterable[Row[S]]
) -> Table[S]:
    """Create a table whose rows are grouped by source, and which is endless if it has no final state."""
    order = {state: place for place, state in enumerate(states)}
    ending = frozenset(final)
    return Table(
        name,
        (*states,),
        initial,
        tuple(state for state in states if state in ending),
        tuple(sorted(rows, key=lambda row: order[row.source])),
        endless=not ending,
    )

"""The growth of cost with the number of connections to a server."""

from collections.abc import Sequence
from typing import Final

from report import LIMIT, OURS, Table, exponent

MESSAGE: Final = "microseconds of a message, {} connections"
FEW: Final = "microseconds of a message, {} connections, of which 10 talk"
MEMORY: Final = "KiB of a connection, {} connections"
TOTALS: Final = {
    "exponent of the time of messages": MESSAGE,
    "exponent of the memory": MEMORY,
}
LEAST: Final = 100  # connections, because the memory of fewer is lost in the pages of the process


def names(counts: Sequence[int]) -> list[str]:
    """Name the rows for these numbers of connections."""
    return [
        *(MESSAGE.format(count) for count in counts),
        FEW.format(counts[-1]),
        *(MEMORY.format(count) for count in counts if count >= LEAST),
    ]


def grown(figures: Table, counts: Sequence[int]) -> Table:
    """Return the figures that are about growth, with the exponents of the total costs."""
    table = {row: cells for row in names(counts) if (cells := figures.get(row))}
    exponents: Table = {}
    for row, unit in TOTALS.items():
        costs = {
            count: table[unit.format(count)] for count in counts if unit.format(count) in table
        }
        for name in next(iter(costs.values()), {}):
            totals = {count: cells[name] * count for count, cells in costs.items()}
            exponents.setdefault(row, {})[name] = exponent(totals)
    return table | exponents


def excess(table: Table) -> list[str]:
    """List what grows too fast with our class."""
    return [
        f"{OURS}: the {row} is {table[row][OURS]:.2f}, the limit is {LIMIT}"
        for row in TOTALS
        if table.get(row, {}).get(OURS, 0.0) > LIMIT
    ]

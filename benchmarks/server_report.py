"""Ratios and Markdown tables from the figures of the benchmark of servers."""

from typing import Final, TypeAlias

Table: TypeAlias = dict[str, dict[str, float]]
"""Row -> candidate -> figure."""

BASES: Final = (
    "uvicorn-sansio",
    "uvicorn-wsproto",
)  # uvicorn's own classes; the better one is 1.00
RATE: Final = "connections a second"  # the only row in which higher is better


def ratios(figures: Table) -> Table:
    """Convert everything to a ratio to the better of uvicorn's own classes."""
    table: Table = {}
    for name, row in figures.items():
        if own := [row[base] for base in BASES if base in row]:
            best = max(own) if name == RATE else min(own)
            table[name] = {candidate: round(value / best, 2) for candidate, value in row.items()}
    return table


def markdown(table: Table) -> str:
    """Write ratios or figures as a table."""
    columns = list(dict.fromkeys(candidate for row in table.values() for candidate in row))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in table.items():
        cells = [f"{row[column]:.2f}" if column in row else "" for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)

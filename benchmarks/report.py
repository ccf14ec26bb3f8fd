"""Ratios, noise, growth and Markdown tables from the figures of the benchmarks."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Table: TypeAlias = dict[str, dict[str, float]]
"""Row -> candidate -> figure."""
Samples: TypeAlias = dict[str, dict[str, list[float]]]
"""Row -> candidate -> its figure in each round."""

OURS: Final = "uvicorn-wsfsm"
FLOOR: Final = "asgi-floor"
BASES: Final = ("uvicorn-sansio", "uvicorn-wsproto")
"""uvicorn's own classes; the better one is 1.00."""
RATE: Final = "connections a second"  # the only row in which higher is better
LIMIT: Final = 1.1  # of the exponent of growth: nothing may grow much faster than in proportion


def figures(samples: Samples) -> Table:
    """Return the best round of each candidate."""
    return {
        row: {name: (max if row == RATE else min)(values) for name, values in cells.items()}
        for row, cells in samples.items()
    }


def best_of(row: str, cells: Mapping[str, float], bases: Sequence[str]) -> str | None:
    """Return the best of the candidates that are 1.00, or None if none of them was measured."""
    own = [base for base in bases if base in cells]
    return (max if row == RATE else min)(own, key=cells.__getitem__, default=None)


def ratios(table: Table, bases: Sequence[str] = BASES) -> Table:
    """Convert everything to a ratio to the best of some candidates."""
    return {
        row: {name: round(value / cells[base], 2) for name, value in cells.items()}
        for row, cells in table.items()
        if (base := best_of(row, cells, bases)) is not None
    }


def noise(samples: Samples, bases: Sequence[str] = BASES) -> Table:
    """Measure the noise of each ratio: half of the spread between its quartiles, in % of its median.

    The ratio is taken in each round, because the candidates run in turn and so share a disturbance.
    A row without ratios of several rounds is left out, and so is the candidate that is 1.00.
    """
    table: Table = {}
    best = figures(samples)
    for row, cells in samples.items():
        base = best_of(row, best[row], bases)
        if base is None or len(cells[base]) < 2:
            continue
        table[row] = {}
        for name, values in cells.items():
            if name != base:
                each = [value / own for value, own in zip(values, cells[base], strict=True)]
                low, middle, high = statistics.quantiles(each, n=4, method="inclusive")
                table[row][name] = round((high - low) / 2 / middle * 100, 1)
    return table


def exponent(totals: Mapping[int, float]) -> float:
    """Fit `total = factor * count ** exponent` (least squares of the logarithms)."""
    counts = [math.log(count) for count in totals]
    return statistics.linear_regression(counts, [*map(math.log, totals.values())]).slope


def markdown(
    table: Table, noise: Table | None = None, labels: Mapping[str, str] | None = None
) -> str:
    """Write ratios or figures as a table.

    Args:
        table: The ratios or figures.
        noise: The noise of the ratios, which is written beside them.
        labels: The columns with their headings; without them, every candidate is a column.
    """
    names = dict.fromkeys(candidate for row in table.values() for candidate in row)
    labels = labels or {name: name for name in names}
    noise = noise or {}
    lines = [f"| | {' | '.join(labels.values())} |", "|---" * (len(labels) + 1) + "|"]
    for row, cells in table.items():
        texts = [_cell(cells.get(name), noise.get(row, {}).get(name)) for name in labels]
        lines.append(f"| {row} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _cell(value: float | None, noise: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if noise is None else f"{value:.2f} ±{noise:.0f} %"

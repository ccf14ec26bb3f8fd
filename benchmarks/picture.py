"""Draw the results of the benchmark of servers as SVG, for light and dark pages."""

from html import escape
from typing import Any, Final

from report import FLOOR, OURS, RATE

# The colours of one scheme and of the other. The picture has a background of its own, because the scheme
# of the reader's system is not always that of the page
STYLE: Final = """\
  text { font: 13px Helvetica, Arial, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: bold }
  .small { font-size: 12px; fill: #57606a }
  .number { font-weight: bold; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .paper { fill: #ffffff; stroke: #d0d7de }
  .line { stroke: #d0d7de }
  .one { stroke: #57606a; stroke-width: 1.5; stroke-dasharray: 4 3 }
  .floor { stroke: #24292f; stroke-width: 2.5 }
  .ahead { fill: #0a7f86 }
  .behind { fill: #c4641a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .number { stroke: #0d1117 }
    .paper { fill: #0d1117; stroke: #3d444d }
    .line { stroke: #3d444d }
    .one { stroke: #9198a1 }
    .floor { stroke: #e6edf3 }
    .ahead { fill: #2fb0b8 }
    .behind { fill: #e0884a }
  }"""

WIDTH: Final = 800
LEFT: Final = 330  # where the bars begin
RIGHT: Final = 740  # where the scale ends; the number beside a bar needs some space
TOP: Final = 86  # where the first row begins
STEP: Final = 26  # the height of a row
BAR: Final = 14  # the height of a bar
HALVES: Final = 2  # the lines of the scale for 1.00


def costs(row: str, ratios: dict[str, float]) -> tuple[str, dict[str, float]]:
    """Return the label of a row and its ratios, so that a shorter bar is better in all rows."""
    if row == RATE:
        return "time of a connection, 8 at a time", {n: 1 / ratio for n, ratio in ratios.items()}
    return row, ratios


def picture(results: dict[str, Any]) -> str:
    """Draw a bar for our class in each row, with a mark for the ASGI floor.

    Args:
        results: The results as they are written to JSON.
    """
    rows = [costs(row, cells) for row, cells in results["ratios"].items() if OURS in cells]
    greatest = max(cells.get(name, 1.0) for _, cells in rows for name in (OURS, FLOOR))
    halves = int(max(greatest, 1.0) * HALVES) + 1
    bottom = TOP + STEP * len(rows)
    height = bottom + 64

    def x(ratio: float) -> float:
        return round(LEFT + ratio * HALVES / halves * (RIGHT - LEFT), 1)

    about = results["about"]
    versions = f"{about['python']}, {about['loop']}, uvicorn {about['versions']['uvicorn']}"
    title = "Cost of a server, beside the better of uvicorn's own classes"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{title}</title>",
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="20" y="32">{title}</text>',
        f'<text class="small" x="20" y="52">{versions}. A shorter bar is better.</text>',
    ]
    for half in range(halves + 1):
        at, kind = x(half / HALVES), "one" if half == HALVES else "line"
        lines += [
            f'<line class="{kind}" x1="{at}" y1="{TOP - 6}" x2="{at}" y2="{bottom}"/>',
            f'<text class="small" x="{at}" y="{TOP - 12}" text-anchor="middle">{half / HALVES}</text>',
        ]
    for index, (label, cells) in enumerate(rows):
        y = TOP + STEP * index
        end, kind = x(cells[OURS]), "ahead" if cells[OURS] <= 1 else "behind"
        lines += [
            f'<text x="{LEFT - 12}" y="{y + 15}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y + 4}" width="{end - LEFT:.1f}" height="{BAR}"/>',
            f'<text class="number" x="{end + 8}" y="{y + 15}">{cells[OURS]:.2f}</text>',
        ]
        if FLOOR in cells:
            at = x(cells[FLOOR])
            lines.append(f'<line class="floor" x1="{at}" y1="{y + 1}" x2="{at}" y2="{y + 21}"/>')
    y = bottom + 34
    lines += [
        f'<rect class="ahead" x="20" y="{y - 11}" width="14" height="{BAR}"/>',
        f'<rect class="behind" x="36" y="{y - 11}" width="14" height="{BAR}"/>',
        f'<text x="58" y="{y}">the class of wsfsm in uvicorn: ahead, behind</text>',
        f'<line class="floor" x1="345" y1="{y - 14}" x2="345" y2="{y + 6}"/>',
        f'<text x="356" y="{y}">the ASGI floor</text>',
        f'<line class="one" x1="470" y1="{y - 14}" x2="470" y2="{y + 6}"/>',
        f'<text x="481" y="{y}">the better of uvicorn\'s own classes</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"

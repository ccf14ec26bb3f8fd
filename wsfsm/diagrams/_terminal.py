"""An explanation in a terminal, with rich where it is installed."""

from wsfsm.diagrams._explanation import sections
from wsfsm.diagrams._model import Diagram

__all__ = ["show"]


def show(diagram: Diagram) -> bool:
    """Print an explanation with rich.

    Returns:
        Whether rich is installed; without it, nothing is printed.
    """
    try:
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only where it is installed
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return False
    console = Console()
    for section in sections(diagram):
        console.print(Text(section.title, style="bold"))
        if section.text:
            console.print(Text(section.text))
        if section.head:
            table = Table(*section.head, box=SIMPLE_HEAD)
            for cells in section.rows:
                table.add_row(*map(Text, cells))
            console.print(table)
        else:
            console.print()
    return True

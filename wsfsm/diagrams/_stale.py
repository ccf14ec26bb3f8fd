"""The comparison of a diagram with a file."""

from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["is_current"]

_SVG: Final = "{http://www.w3.org/2000/svg}"


def is_current(content: bytes, drawn: bytes, form: str) -> bool:
    """Check whether the content of a file shows the same as a diagram that has been drawn now.

    Texts must be equal but for the ends of their lines. Two SVGs must have the same elements with the same
    texts, because versions of Graphviz place them otherwise; for the same reason, PNGs cannot be compared.

    Args:
        content: The content of the file.
        drawn: The diagram, as `render` returns it.
        form: The format of both.

    Raises:
        ValueError: The format is PNG.
    """
    if form == "png":
        raise ValueError("PNG cannot be compared, because it differs between versions of Graphviz")
    if form == "svg":
        return _shown(content) == _shown(drawn)
    return content.replace(b"\r\n", b"\n") == drawn


def _shown(drawn: bytes) -> dict[str | None, tuple[str | None, str]] | None:
    """Return class and text of the elements in an SVG by id, or None if it is not well-formed."""
    try:
        root = ET.fromstring(drawn)  # noqa: S314 - a file of the user's own project
    except ET.ParseError:
        return None
    shown = {}
    for group in root.iter(f"{_SVG}g"):
        # the graph has all the others inside, and only texts of its own are the legend
        inside = "" if group.get("class") == "graph" else ".//"
        texts = group.findall(f"{inside}{_SVG}text")
        words = "".join("".join(text.itertext()) for text in texts)
        shown[group.get("id")] = group.get("class"), "".join(words.split())
    return shown

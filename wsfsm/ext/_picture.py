"""SVG inside of a page: without ids, because a page may have several, and in two sets of colours."""

from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["inline"]

_SVG: Final = "{http://www.w3.org/2000/svg}"
# Paper, panel, frame and ink on a dark page. Graphviz writes some colours by their names.
_DARK: Final = {
    "#ffffff": "#161b22",
    "white": "#161b22",
    "#f6f8fa": "#1f242c",
    "#d0d7de": "#444c56",
    "#24292f": "#e6edf3",
    "black": "#e6edf3",
}


def inline(drawn: bytes, alt: str, links: Mapping[str, str]) -> str:
    """Make an SVG of Graphviz fit for a page.

    Each id becomes the attribute ``data-id``, because ids would not be unique. The colours follow the
    property ``color-scheme`` of the page.

    Args:
        drawn: The SVG.
        alt: A text for readers who cannot see the picture.
        links: Addresses by the id of the element that leads there.
    """
    root = ET.fromstring(drawn)  # noqa: S314 - Graphviz has drawn it
    colours: dict[tuple[str, str], None] = {}
    linked = False
    for element in [*root.iter()]:
        element.tag = element.tag.removeprefix(_SVG)
        for title in element.findall(f"{_SVG}title"):
            element.remove(title)  # they are names of nodes, which browsers show as tooltips
        me = element.attrib.pop("id", None)
        if me is not None:
            element.set("data-id", me)
            if me in links:
                _link(element, links[me])
                linked = True
        for name in ("fill", "stroke"):
            colour = element.get(name, "none")
            if colour not in {"none", "transparent"}:
                colours[name, colour] = None
    for background in root.findall("g/polygon")[:1]:
        background.set("class", "wsfsm-background")
    width = root.attrib.pop("width")
    del root.attrib["height"]
    root.attrib = {
        "class": "wsfsm-picture",
        "style": f"--wsfsm-width:{width}",
        # what is inside of an image cannot be a link
        "role": "group" if linked else "img",
        "aria-label": alt,
        **root.attrib,
        "xmlns": _SVG.strip("{}"),
    }
    style = ET.Element("style")
    style.text = "".join(
        f'.wsfsm-picture [{name}="{colour}"]{{{name}:light-dark({colour},{_on_dark(colour)})}}'
        for name, colour in colours
    )
    root.insert(0, style)
    return ET.tostring(root, encoding="unicode")


def _on_dark(colour: str) -> str:
    # even black has a contrast of 4.5 to the paper then
    return _DARK.get(colour, f"color-mix(in srgb,{colour} 45%,white)")


def _link(element: ET.Element, address: str) -> None:
    """Put everything inside of an element into a link."""
    link = ET.Element("a", href=address)
    link.extend([*element])
    for child in [*element]:
        element.remove(child)
    element.append(link)

"""Pictures and tables on pages of Sphinx and MkDocs, in a browser with a light and a dark colour scheme."""

from pathlib import Path

import pytest
from helpers.sites import mkdocs_site, sphinx, write
from playwright.sync_api import Browser

CELL, MACHINE = "wsfsm-state-client-CONNECTED", "wsfsm-machine-client"
# what shows where a reference leads
MARKS = """() => {
    const style = (element) => getComputedStyle(element);
    const marked = (element) => style(element).backgroundColor.includes("/ 0.35)");
    const tables = [...document.querySelectorAll(".wsfsm-table table, table.wsfsm-table")];
    return {
        cells: [...document.querySelectorAll("th, td")].filter(marked).map((cell) => cell.textContent.trim()),
        outlined: tables.map((table) => style(table).outlineStyle !== "none"),
    };
}"""
CONF = 'extensions = ["wsfsm.ext.sphinx", "myst_parser"]\nhtml_theme = "furo"\n'
PAGE = "# Page\n\n```{wsfsm-diagram} both\n```\n\n```{wsfsm-table} client\n```\n"
AUTO = "theme: {name: mkdocs, color_mode: auto}"
SLATE = """\
theme:
  name: material
  font: false
  palette:
    - {media: "(prefers-color-scheme: light)", scheme: default}
    - {media: "(prefers-color-scheme: dark)", scheme: slate}
"""
# the least contrast of a text to the shape behind it, and to the page
CONTRASTS = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const light = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((c) => {
            const part = c / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
        const lights = [light(one), light(other)];
        return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    };
    const fill = (element) => getComputedStyle(element).fill;
    const solid = (colour) => colour !== "rgba(0, 0, 0, 0)" && colour !== "transparent";
    let page = document.querySelector("svg.wsfsm-picture");
    while (page.parentElement && !solid(getComputedStyle(page).backgroundColor)) page = page.parentElement;
    const background = getComputedStyle(page).backgroundColor;
    return [...document.querySelectorAll("svg.wsfsm-picture text")].map((text) => {
        const shape = text.closest("g.state")?.querySelector("path");
        const panel = text.closest("svg").querySelector("g.machine > path");
        const behind = shape ? fill(shape) : text.closest("g.edge, g.machine") ? fill(panel) : background;
        return contrast(fill(text), behind);
    });
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, graphviz: None) -> dict[str, Path]:
    """The pages, by the generator and the theme."""
    folder = tmp_path_factory.mktemp("sites")
    write(folder / "furo", {"conf.py": CONF, "index.md": PAGE})
    pages = {"furo": sphinx(folder / "furo").folder}
    for name, theme in (("mkdocs", AUTO), ("material", SLATE)):
        settings = f"site_name: x\nplugins: [{{wsfsm: {{diagram_format: svg}}}}]\n{theme}\n"
        write(folder / name, {"mkdocs.yml": settings, "docs/index.md": PAGE})
        pages[name] = mkdocs_site(folder / name, use_directory_urls=False).folder
    return pages


@pytest.mark.browser
@pytest.mark.one_python
@pytest.mark.parametrize("theme", ["furo", "mkdocs", "material"])
def test_place_to_which_a_reference_leads_is_marked(
    theme: str, pages: dict[str, Path], browser: Browser
) -> None:
    page = browser.new_page()
    try:
        page.route(
            "**/*", lambda r: r.continue_() if r.request.url.startswith("file:") else r.abort()
        )
        address = (pages[theme] / "index.html").as_uri()
        page.goto(f"{address}#{CELL}")
        of_a_state = page.evaluate(MARKS)
        page.goto(f"{address}#{MACHINE}")
        of_a_machine = page.evaluate(MARKS)
    finally:
        page.close()

    assert of_a_state == {"cells": ["CONNECTED"], "outlined": [False]}
    assert of_a_machine["outlined"] == [True]


@pytest.mark.browser
@pytest.mark.one_python
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", ["furo", "mkdocs", "material"])
def test_each_text_of_a_picture_is_readable(
    theme: str, scheme: str, pages: dict[str, Path], browser: Browser
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    try:
        page = context.new_page()
        page.route(
            "**/*", lambda r: r.continue_() if r.request.url.startswith("file:") else r.abort()
        )
        page.goto((pages[theme] / "index.html").as_uri())
        page.wait_for_selector("svg.wsfsm-picture")
        dark = page.evaluate(
            "() => getComputedStyle(document.querySelector('svg.wsfsm-picture g.state path')).fill"
        )
        contrasts = page.evaluate(CONTRASTS)
    finally:
        context.close()

    assert len(contrasts) > 30
    assert min(contrasts) >= 4.5
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")

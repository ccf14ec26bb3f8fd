"""The site as `make site` builds it: strictly, and as a reader sees it in a browser."""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock
from helpers.asgi import ROOT
from helpers.pages import contrast
from helpers.site import GUIDES, OTHERS
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

import wsfsm
from wsfsm.cli import main

pytestmark = [
    pytest.mark.long,
    pytest.mark.one_python,
    pytest.mark.unmeasured,
]

OPTIONS = re.findall(r"sphinx-build (.*) docs build/site", (ROOT / "Makefile").read_text("utf-8"))
PAGES = [name.removesuffix(".md") for name in [*GUIDES, *OTHERS]]
SCREENS: dict[str, ViewportSize] = {
    "desktop": {"width": 1440, "height": 900},
    "phone": {"width": 390, "height": 844},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    shared = tmp_path_factory.getbasetemp().parent  # by all workers of pytest-xdist
    folder, log = shared / "site", shared / "site.log"
    (options,) = OPTIONS
    command = [sys.executable, "-m", "sphinx", *options.split(), "docs", str(folder)]
    with FileLock(shared / "site.lock"):
        if not log.exists():
            done = subprocess.run(  # noqa: S603 - our own
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                check=False,
                text=True,
                timeout=500,
            )
            log.write_text(done.stderr or f"status {done.returncode}", encoding="utf-8")
    assert log.read_text(encoding="utf-8") == "status 0"
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> ViewportSize:
    return SCREENS[request.param]


@pytest.fixture(params=["light", "dark"])
def context(
    browser: Browser, request: pytest.FixtureRequest, screen: ViewportSize
) -> Iterator[BrowserContext]:
    with browser.new_context(color_scheme=request.param, viewport=screen) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """A page in which nothing fails and nothing foreign is loaded."""
    failures: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda message: failures.append(message.text))
    page.on(
        "request",
        lambda r: None if r.url.startswith((address, "data:")) else failures.append(r.url),
    )
    page.on("response", lambda r: failures.append(r.url) if r.status >= 400 else None)
    yield page
    assert failures == []


class _Links(HTMLParser):
    """The addresses that a page leads to, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


def test_every_link_and_every_anchor_leads_somewhere(site: Path) -> None:
    read: dict[Path, _Links] = {}
    scripted = {"demo/index.html", "RESULTS.html"}  # their scripts read the parts after a hash
    for path in site.rglob("*.html"):
        if path.relative_to(site).as_posix() in scripted:
            continue
        read[path] = _Links()
        read[path].feed(path.read_text(encoding="utf-8"))
    broken = []
    for path, page in read.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            address = unquote(parts.path)
            target = (path.parent / address).resolve() if address else path
            known = read[target].anchors if target in read else {unquote(parts.fragment)}
            if not target.exists() or unquote(parts.fragment) not in known:
                broken.append((path.relative_to(site).as_posix(), link))

    assert len(read) > 100
    assert broken == []


def test_every_page_has_one_heading_and_no_markup_is_left(site: Path) -> None:
    for name in PAGES:
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        article = text.split('<article role="main"')[1].split("</article>")[0]
        prose = re.sub(r"<(pre|code).*?</\1>", "", article, flags=re.DOTALL)

        assert article.count("<h1>") == 1, name
        assert "](" not in prose, name
        assert not re.search(r"\{(wsfsm|include|eval|toctree)", prose), name


def test_every_public_name_is_in_the_inventory(site: Path) -> None:
    from sphinx.util.inventory import InventoryFile  # noqa: PLC0415 - only where it is installed

    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    names = {name for kind in inventory if kind.startswith("py:") for name in inventory[kind]}

    assert {f"wsfsm.{name}" for name in wsfsm.__all__} <= names
    assert {"wsfsm.websockets.WebSocket.accept", "wsfsm.exceptions.DeadEnd"} <= names


def test_reference_shows_the_help_of_every_command(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    page = (site / "reference" / "command.html").read_text(encoding="utf-8")
    shown = re.sub("<[^>]*>", "", page)

    assert len(commands) == 5
    for command in commands:
        assert f"usage: wsfsm {command} " in shown


def test_signatures_link_to_the_alias_of_many_types(site: Path) -> None:
    text = (site / "reference" / "server.html").read_text(encoding="utf-8")
    signatures = re.findall(r"<dt .*?</dt>", text, re.DOTALL)
    returning = [one for one in signatures if 'href="#wsfsm.server.Command"' in one]

    assert len(returning) > 10
    assert sum("SendHandshake" in one and "ReadFrames" in one for one in signatures) == 1  # its own


def test_reference_shows_no_long_value_and_no_folder_of_the_builder(site: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (site / "reference").glob("*.html")]

    assert any("The servers by their names." in page for page in pages)
    for page in pages:
        assert "mappingproxy(" not in page
        assert sys.executable not in page


@pytest.mark.browser
@pytest.mark.parametrize("name", [name for name in PAGES if name != "changelog"])
def test_page_shows_an_example_on_its_first_screen(
    name: str, browser: Browser, address: str
) -> None:
    with browser.new_context(viewport=SCREENS["desktop"]) as context:
        page = context.new_page()
        page.goto(f"{address}/{name}.html")
        tops = page.locator(
            "article :is(div.highlight, svg, img, table, dl, article li > p > strong)"
        ).evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")

    assert tops
    assert min(tops) < 900


@pytest.mark.browser
@pytest.mark.parametrize("name", ["index", "errors", "server_table", "reference/websocket"])
def test_page_is_readable_in_every_light_on_every_screen(
    name: str, page: Page, address: str
) -> None:
    page.goto(f"{address}/{name}.html")

    images = page.locator("article img").evaluate_all("all => all.map((one) => one.naturalWidth)")
    assert all(images)
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0
    for place in ("article p", "article pre", ".sidebar-tree a.reference"):
        if page.locator(place).count():
            assert contrast(page, place) >= 4.5


@pytest.mark.browser
@pytest.mark.parametrize("name", ["index", "server_table"])
def test_text_of_pictures_is_readable_on_a_phone(name: str, browser: Browser, address: str) -> None:
    with browser.new_context(viewport=SCREENS["phone"]) as context:
        page = context.new_page()
        page.goto(f"{address}/{name}.html")
        heights = page.locator(".wsfsm-diagram svg text").evaluate_all(
            "all => all.map((one) => one.textContent.trim() && one.getBoundingClientRect().height)"
        )

    assert min(height for height in heights if height) >= 8


@pytest.mark.browser
def test_no_module_in_code_looks_like_a_link(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    lines = page.locator("article pre .nn").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).textDecorationLine)"
    )

    assert {*lines} == {"none"}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("1006", "Errors"),
        ("1006", "The WebSocket"),
        ("migrate starlette", "Use wsfsm in FastAPI and Starlette"),
        ("heartbeat", "Embed wsfsm in an ASGI server"),
        ("CORS", "Refuse WebSockets of other sites"),
        ("until_disconnect", "The WebSocket"),
        ("allowed_origins", "Refuse WebSockets of other sites"),
    ],
)
def test_search_finds_pages(words: str, title: str, page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.goto(f"{address}/search.html?q={words}")

    expect(page.locator("#search-results li a", has_text=title).first).to_be_visible()

"""Pages of several origins in a real browser: the WebSockets of other sites are refused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest
from helpers.asgi import ROOT
from helpers.origins_app import PLACES
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.one_python, pytest.mark.browser]

OPEN: Final = """url => new Promise(done => {
    const socket = new WebSocket(url);
    socket.onmessage = event => { done(JSON.parse(event.data)); socket.close(); };
    socket.onclose = event => done(event.code);
})"""
REFUSED: Final = 1006  # a page is not shown the HTTP response


@attrs.frozen
class Ports:
    """The ports of a server that allows its own origin, of one with a list, and of an open one."""

    protected: int
    listed: int
    open: int


@pytest.fixture(scope="module")
def servers(browser: Browser) -> Iterator[dict[str, int]]:
    command = [sys.executable, str(ROOT / "tests" / "helpers" / "origins_app.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture(params=PLACES)
def ports(servers: dict[str, int], request: pytest.FixtureRequest) -> Ports:
    """The servers that check in one place."""
    place = request.param
    return Ports(servers[f"{place}, own"], servers[f"{place}, listed"], servers["open"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


def answer(page: Page, url: str, socket: str) -> Any:
    """What a page is sent, or the close code that it sees."""
    page.goto(url)
    return page.evaluate(OPEN, socket)


def test_a_page_of_another_origin_acts_as_the_user_on_an_open_server(
    page: Page, ports: Ports
) -> None:
    page.goto(f"http://127.0.0.1:{ports.open}")  # the user logs in, and gets a cookie
    other = f"http://127.0.0.1:{ports.protected}"

    assert answer(page, other, f"ws://127.0.0.1:{ports.open}") == [other, "ann"]


def test_a_page_of_the_same_origin_is_answered(page: Page, ports: Ports) -> None:
    own = f"http://127.0.0.1:{ports.protected}"

    assert answer(page, own, f"ws://127.0.0.1:{ports.protected}") == [own, "ann"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.localhost"])
def test_a_page_of_another_origin_is_refused(page: Page, ports: Ports, host: str) -> None:
    url = f"http://{host}:{ports.open}"

    assert answer(page, url, f"ws://127.0.0.1:{ports.protected}") == REFUSED


def test_a_page_of_another_host_on_the_same_port_is_refused(page: Page, ports: Ports) -> None:
    url = f"http://localhost:{ports.protected}"

    assert answer(page, url, f"ws://127.0.0.1:{ports.protected}") == REFUSED
    assert answer(page, url, f"ws://localhost:{ports.protected}")[0] == url


def test_a_page_without_an_origin_is_refused(page: Page, ports: Ports) -> None:
    own = f"http://127.0.0.1:{ports.protected}/sandbox"

    assert answer(page, own, f"ws://127.0.0.1:{ports.open}")[0] == "null"
    assert answer(page, own, f"ws://127.0.0.1:{ports.protected}") == REFUSED
    assert answer(page, "data:text/html,x", f"ws://127.0.0.1:{ports.protected}") == REFUSED


def test_subdomains_are_allowed_by_a_list(page: Page, ports: Ports) -> None:
    socket = f"ws://127.0.0.1:{ports.listed}"

    assert answer(page, f"http://app.localhost:{ports.open}", socket)[0] == (
        f"http://app.localhost:{ports.open}"
    )
    assert answer(page, f"http://localhost:{ports.open}", socket) == REFUSED
    assert answer(page, f"http://app.localhost:{ports.protected}", socket) == REFUSED
    assert answer(page, f"http://127.0.0.1:{ports.listed}", socket) == REFUSED

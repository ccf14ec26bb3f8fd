"""Buttons of the demo in any order: the page, the session in the server and the machines agree after each press."""

import random
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import demo_pages, pages
from helpers.demo_pages import NONE, Watcher, controls, lines, press
from playwright.sync_api import Browser, Page

from wsfsm.demo import write

pytestmark = [pytest.mark.one_python, pytest.mark.browser]

PRESSES = 200
SCENARIOS = {  # the last lines of the log
    "Echo": ["websocket.send “hello”", "message “hello”"],
    "Send too early": ["websocket.connect", "websocket.send “too early”"],
    "Deny with 401": ["websocket.disconnect 1006", "closed 1006"],
    "Reject with 403": ["websocket.disconnect 1006", "closed 1006"],
    "Client closes": ["websocket.disconnect 4000 “bye”", "closed 4000 “bye”"],
    "Send too late": ["closed 1000 “done”", "websocket.send “too late”"],
    "Lose transport": ["transport lost “hello”", "websocket.disconnect 1006"],
    "Receive all": ["websocket.disconnect 1000", "receive()"],
}
# With these, the walk is in the middle of a connection more often
LIKELY = ("client.connect", "application.accept", "client.text", "application.receive")
SENDS = {
    "application.accept": "websocket.accept",
    "application.send": "websocket.send",
    "application.close": "websocket.close",
    "application.start": "websocket.http.response.start",
    "application.more": "websocket.http.response.body [more_body]",
    "application.body": "websocket.http.response.body [not more_body]",
}


def opened(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        yield from pages.opened(page, f"{address}?pace=0", own=address, console=True)


@pytest.fixture(scope="module")
def served(browser: Browser) -> Iterator[Page]:
    with demo_pages.live() as (address, warnings):
        yield from opened(browser, f"{address}/")
    assert warnings == []


@pytest.fixture(scope="module")
def simulated(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    write(folder, home="../index.html")
    with demo_pages.published(folder) as address:
        yield from opened(browser, address)


def sequence(page: Page, seed: int, presses: int) -> list[str]:
    chosen = random.Random(seed)  # noqa: S311 - no secret
    places = controls(page)
    assert len(places) == 23
    likely = [f'[data-do="{name}"]' for name in LIKELY]
    links = [place for place in places if place.startswith("a[")]
    buttons = [place for place in places if place not in links]
    choices = chosen.choices([likely, buttons, links], [36, 60, 4], k=presses)
    return [chosen.choice(choice) for choice in choices]


def walk(page: Page, presses: list[str], *, session: Any = None) -> list[dict[str, Any]]:
    """Press all of them; after each, everything agrees. Returns all that the page has shown."""
    press(page, "#reset")
    watcher = Watcher()
    shown = []
    for place in presses:
        first = 0 if place == "#reset" or place.startswith("a[") else len(watcher.log)
        connected = bool(watcher.nodes)
        seen = press(page, place, first)
        assert "agree" not in seen["problem"], place
        new = watcher.read(seen)
        check_effect(place, seen, new, connected=connected)
        if session is not None:
            check_session(session(), seen)
        shown.append({**seen, "took": None})
    return shown


def check_effect(place: str, seen: dict[str, Any], new: list[Any], *, connected: bool) -> None:
    """A press has its own effect, whatever was pressed before."""
    found = re.fullmatch(r'\[data-do="(.*)"\]', place)
    name = found[1] if found else ""
    if name in SENDS:
        if not connected:
            assert seen["problem"] == "There is no connection to send on. Press Connect first."
            return
        entry = next(e for e in new if e["side"] == "application")
        assert entry["event"] in {SENDS[name], "transport lost"}
        if entry["refused"]:
            assert entry["error"]
            assert [text.startswith("✗") for text in seen["callouts"]] == [True]
            assert len(seen["refused"]) == 1
    elif name == "client.connect":
        assert seen["shown"]["browser"] == "connecting"
        assert seen["shown"]["server"] == "CONNECTING"
        assert not seen["problem"]
    elif name in {"client.text", "client.binary", "client.close"}:
        assert bool(seen["problem"]) != connected
        assert connected == any(e["side"] == "browser" for e in new)
    elif name in {"transport.drop", "application.receive"}:
        assert new or seen["problem"]
    elif place == "#reset":
        assert (new, seen["shown"]["browser"], seen["reading"], seen["echo"]) == (
            [],
            NONE,
            True,
            True,
        )


def check_session(now: dict[str, Any], seen: dict[str, Any]) -> None:
    for name in ("client", "application", "server"):
        assert seen["shown"][name] == now.get(name, NONE)
    assert (seen["reading"], seen["echo"]) == (now["reading"], now["echo"])
    assert seen["waiting"] == str(now.get("waiting", 0))


def the_session() -> dict[str, Any]:
    (session,) = sys.modules["wsfsm.demo.application"]._sessions.values()
    now: dict[str, Any] = session.now
    return now


def test_each_scenario_runs_at_one_click(served: Page, simulated: Page) -> None:
    for page in (served, simulated):
        assert page.locator("#scenarios a").all_inner_texts() == list(SCENARIOS)
    assert [page.locator("h1 a").get_attribute("href") for page in (served, simulated)] == [
        None,
        "../index.html",
    ]
    for name, end in SCENARIOS.items():
        link = served.get_by_role("link", name=name).get_attribute("href")
        seen, same = (press(page, f'a[href="{link}"]') for page in (served, simulated))
        assert lines(seen)[-2:] == end, name
        assert not seen["problem"]
        assert {**same, "took": 0} == {**seen, "took": 0}
        assert served.evaluate("location.hash") == link
        Watcher().read(seen)


def test_pages_with_and_without_a_server_agree_with_the_machines(
    served: Page, simulated: Page
) -> None:
    presses = sequence(served, 1, PRESSES)

    real = walk(served, presses, session=the_session)

    assert walk(simulated, presses) == real


@pytest.mark.parametrize("seed", [2, 3])
def test_pages_agree_with_the_machines_on_many_walks(
    served: Page, simulated: Page, seed: int
) -> None:
    presses = sequence(served, seed, 3 * PRESSES)

    real = walk(served, presses, session=the_session)

    assert walk(simulated, presses) == real

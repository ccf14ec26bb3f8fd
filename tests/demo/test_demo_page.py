"""The demo's page in a real browser, on a real server."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import demo_pages, pages
from helpers.demo_pages import NONE, Watcher, lines, press
from helpers.pages import contrast
from playwright.sync_api import Browser, Page, expect

from wsfsm.diagrams import anchor
from wsfsm.tables import APPLICATION, CLIENT

pytestmark = [pytest.mark.one_python, pytest.mark.browser]

DESK = (1440, 900)
PHONE = (390, 844)
# Reset leaves alone what a user has written
_DEFAULTS = """for (const field of document.querySelectorAll("input:not([type=checkbox])")) {
    field.value = field.defaultValue;
}"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with demo_pages.live() as (address, warnings):
        yield f"{address}/"
    assert warnings == []


@pytest.fixture(scope="module")
def tab(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(viewport={"width": DESK[0], "height": DESK[1]}) as context:
        yield from opened(context.new_page(), address)


@pytest.fixture
def page(tab: Page) -> Page:
    """The page, as if it were just opened."""
    tab.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    press(tab, "#reset")
    tab.evaluate(_DEFAULTS)
    return tab


def opened(page: Page, address: str, link: str = "") -> Iterator[Page]:
    yield from pages.opened(page, f"{address}?pace=0{link}", own=address, console=True)


def do(page: Page, *names: str) -> dict[str, Any]:
    """Press buttons, and return all that the page shows then."""
    for name in names:
        seen = press(page, f'[data-do="{name}"]')
    return seen


def test_fresh_page_shows_machines_without_a_state(page: Page) -> None:
    seen = press(page, None)

    assert seen["lit"] == {"client": [], "application": []}
    assert set(seen["shown"].values()) == {NONE}
    assert (seen["idle"], seen["entries"]) == (2, [])


def test_every_row_of_the_tables_is_drawn_once(page: Page) -> None:
    drawn = page.evaluate("[...document.querySelectorAll('.diagram .row')].map((e) => e.id)")

    assert sorted(drawn) == sorted(
        anchor(machine.name, row.source.name, str(row.event))
        for machine in (CLIENT, APPLICATION)
        for row in machine.table.rows
    )


def test_log_is_a_conversation_in_the_order_of_causes(page: Page) -> None:
    do(page, "client.connect", "application.accept", "client.text", "client.binary")
    seen = do(page, "client.close")

    assert [(e["number"], e["side"], e["because"]) for e in seen["entries"]] == [
        (1, "browser", 0),  # connecting
        (2, "client", 1),
        (3, "application", 0),  # accept
        (4, "browser", 3),
        (5, "browser", 0),  # text
        (6, "client", 5),
        (7, "application", 6),
        (8, "browser", 7),
        (9, "browser", 0),  # binary
        (10, "client", 9),
        (11, "application", 10),
        (12, "browser", 11),
        (13, "browser", 0),  # close
        (14, "client", 13),
        (15, "browser", 13),
    ]
    assert lines(seen)[4:12] == [
        f"{event} {data}"
        for data in ("“hello”", "(68 65 6c 6c 6f)")
        for event in ("send", "websocket.receive", "websocket.send", "message")
    ]
    Watcher().read(seen)


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_refusal_flashes_at_the_state_with_its_error(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})

    seen = do(page, "client.connect", "application.send")

    assert seen["refused"] == ["application-CONNECTING"]
    (text,) = seen["callouts"]
    assert text.startswith("✗ CONNECTING refuses websocket.send IllegalTransition: Expected")
    assert seen["entries"][-1]["error"] in text
    for place in (".callout:not([hidden])", ".state.refused", "#log .refused"):
        expect(page.locator(place)).to_be_in_viewport(ratio=0.99)
    seen = do(page, "application.accept")
    assert (seen["refused"], seen["callouts"]) == ([], [])

    do(page, "client.close")
    seen = do(page, "application.receive")
    assert seen["refused"] == ["client-DISCONNECTED"]
    callout, state = (
        page.locator(place).bounding_box() for place in (".callout:not([hidden])", ".state.refused")
    )
    assert callout is not None
    assert state is not None
    below, above = callout["y"] - state["y"], state["y"] - callout["y"]
    assert below >= state["height"] or above >= callout["height"]
    page.locator(".callout:not([hidden])").click()
    assert press(page, None)["callouts"] == []
    do(page, "application.receive")
    page.keyboard.press("Escape")
    assert press(page, None)["callouts"] == []


def test_link_replays_what_was_done(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#client-text").fill("a,b:c ü")
    do(page, "client.connect", "application.accept", "client.text", "application.echo")
    shown = do(page, "client.text", "application.close")
    page.locator("#client-text").fill("hello")

    page.locator("#copy").click()

    expect(page.locator("#problem")).to_have_text("The link to your actions is copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    for other in opened(page.context.new_page(), address, f"#{link.partition('#')[2]}"):
        seen = press(other, None)
        assert seen["entries"] == shown["entries"]
        assert (seen["echo"], seen["shown"]) == (False, shown["shown"])
        other.close()


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("client.dance", "There is no action “client.dance”."),
        ("client.text", "The action “client.text” needs 1 values, got 0."),
        ("client.close:7:", "The action “client.close” does not take the value “7”."),
        ("toString", "There is no action “toString”."),
    ],
)
def test_broken_link_is_explained(page: Page, link: str, problem: str) -> None:
    page.evaluate("(link) => { location.hash = link; }", link)

    expect(page.locator("#problem")).to_have_text(f"The link does not work. {problem}")


@pytest.mark.parametrize(
    ("place", "text", "problem"),
    [
        (
            "application-text",
            "half \ud83d",
            "“application.send” does not take the value “half \ufffd”",
        ),
        ("application-text", "\U0001f600" * 101, "“application.send” does not take the value"),
    ],
)
def test_text_that_cannot_be_sent_is_explained(
    page: Page, place: str, text: str, problem: str
) -> None:
    do(page, "client.connect", "application.accept")
    code = json.dumps(text)  # in ASCII
    page.evaluate(f"(id) => {{ document.getElementById(id).value = {code}; }}", place)

    seen = do(page, "application.send")

    assert problem in seen["problem"].replace("\ud83d", "\ufffd")
    assert [entry["event"] for entry in seen["entries"]][-1] == "open"


def test_presses_in_a_row_are_all_done(page: Page) -> None:
    page.evaluate("""() => {
        const names = ["client.connect", "application.accept", "client.text", "client.text", "client.close"];
        for (const name of names) document.querySelector(`[data-do="${name}"]`).click();
    }""")

    events = [
        entry["event"] for entry in press(page, None)["entries"] if entry["side"] == "browser"
    ]

    assert events == ["connecting", "open", "send", "message", "send", "message", "close", "closed"]


def test_press_takes_the_place_of_a_replay(page: Page) -> None:
    page.evaluate("""() => {
        document.querySelector("#scenarios a").click();
        document.querySelector('[data-do="client.text"]').click();
    }""")

    seen = press(page, None)

    assert seen["problem"] == "There is no connection. Press Connect first."


def test_browser_refuses_to_send_before_it_is_open_and_after_the_end(page: Page) -> None:
    seen = do(page, "client.connect", "client.text")
    assert seen["entries"][-1]["refused"]
    assert seen["entries"][-1]["error"].startswith("send() throws an error")

    do(page, "application.accept", "client.close")
    seen = do(page, "client.close")
    assert seen["entries"][-1]["error"].startswith("close() does nothing")


def test_browser_leaves_during_a_denial_response(page: Page) -> None:
    seen = do(page, "client.connect", "application.start", "application.more")

    # browsers do not read the body of such a response
    assert lines(seen)[-3:] == [
        "websocket.http.response.body [more_body] “hi from Python” more_body",
        "closed 1006",
        "websocket.disconnect 1006",
    ]
    assert [entry["because"] for entry in seen["entries"][-2:]] == [4, 5]


def test_two_tabs_are_independent(page: Page, address: str) -> None:
    for other in opened(page.context.new_page(), address):
        do(page, "client.connect", "application.accept")
        do(other, "client.connect", "application.start")
        assert press(other, None)["shown"]["application"] == "RESPONSE"
        assert press(page, None)["shown"]["application"] == "CONNECTED"
        other.close()


def test_page_can_be_used_with_the_keyboard(page: Page) -> None:
    page.locator('[data-do="client.connect"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#client-state")).to_have_text("CONNECTED")
    page.keyboard.press("Tab")
    expect(page.locator('[data-do="client.text"]')).to_be_focused()
    page.get_by_role("button", name="Accept").focus()
    page.keyboard.press("Space")
    expect(page.locator("#browser-state")).to_have_text("open")
    expect(page.get_by_role("log", name="Log")).to_contain_text("websocket.accept")
    expect(
        page.get_by_role("img", name="The application machine in state CONNECTED")
    ).to_be_visible()


def test_events_are_held_back_until_their_causes_are_in_the_log(page: Page) -> None:
    """The reports of the two sides arrive in any order, and each effect is behind its cause."""
    logs: list[list[str]] = page.evaluate("""async () => {
        const { Causes } = await import("./causes.js");
        const event = (side, event, name, more) => ({ side, event, message: { name }, connection: 1, ...more });
        const browser = [
            event("browser", "connecting", "connecting"), event("browser", "open", "open"),
            event("browser", "send", "send"), event("browser", "message", "message of greeting"),
            event("browser", "message", "message of echo"), event("browser", "closed", "closed"),
        ];
        const server = [
            event("client", "websocket.connect", "connect"), event("application", "websocket.accept", "accept"),
            event("application", "websocket.send", "greeting"), event("client", "websocket.receive", "receive"),
            event("application", "websocket.send", "echo", { echo: true }), event("transport", "aborted", "abort"),
            event("client", "websocket.disconnect", "disconnect"), "over",
        ];
        const logs = [];
        const merge = (left, right, reports) => {
            if (left.length) merge(left.slice(1), right, [...reports, left[0]]);
            if (right.length) merge(left, right.slice(1), [...reports, right[0]]);
            if (left.length || right.length) return;
            const log = [];
            const causes = new Causes((entry) => log.push(entry.message.name));
            for (const report of reports) report === "over" ? causes.over(1) : causes.add(report);
            logs.push(log);
        };
        merge(browser, server, []);
        return logs;
    }""")

    assert len(logs) == 3003  # 14 reports, of which 6 are the browser's
    effects = {
        "connect": "connecting",
        "open": "accept",
        "receive": "send",
        "echo": "receive",
        "message of greeting": "greeting",
        "message of echo": "echo",
        "disconnect": "abort",
        "closed": "disconnect",
    }
    for log in logs:
        assert len(log) == 13
        for effect, cause in effects.items():
            assert log.index(cause) < log.index(effect), log


def test_page_says_that_its_server_has_stopped(browser: Browser) -> None:
    """The terminal has no errors: neither in use, nor at the end with an open page."""
    command = [sys.executable, "-m", "wsfsm", "demo", "--port", "0"]
    with (
        subprocess.Popen(  # noqa: S603 - our own
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
        browser.new_context() as context,
    ):
        try:
            assert process.stdout is not None
            found = re.search(r"(http://\S+) ", process.stdout.readline())
            assert found is not None
            for page in opened(context.new_page(), f"{found[1]}/"):
                for link in page.locator("#scenarios a").all():
                    press(page, f'a[href="{link.get_attribute("href")}"]')
                for other in opened(context.new_page(), f"{found[1]}/"):
                    do(other, "client.connect")
                    other.close()
                do(page, "client.connect", "application.start")
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=20) == 0
                assert process.stderr is not None
                assert process.stderr.read() == ""
                expect(page.locator("#problem")).to_contain_text("has lost the demo")
                do(page, "client.connect")
                seen = do(page, "application.accept")
                assert (seen["took"] < 1000, "stopped" in seen["problem"]) == (True, True)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(DESK, "light"), (PHONE, "dark"), (DESK, "dark"), (PHONE, "light")],
)
def test_page_fits_the_screen_and_has_enough_contrast(
    browser: Browser, address: str, scheme: Any, size: tuple[int, int]
) -> None:
    width, height = size
    with browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce"
    ) as context:
        for page in opened(context.new_page(), address):
            press(page, "#scenarios a:last-child")
            do(page, "client.connect", "application.send")
            places = [
                "h1",
                "button",
                "#client-diagram",
                "#application-diagram",
                "#scroll",
                "dl",
                "a",
            ]
            for place in places:
                for element in page.locator(place).all():
                    expect(element).to_be_in_viewport(ratio=1)
            root = "document.documentElement"
            assert page.evaluate(f"{root}.scrollWidth") == width
            assert page.evaluate(f"{root}.scrollHeight") <= height
            assert page.evaluate("document.getAnimations().length") == 0
            for place in (
                "h1",
                "#log .error",
                "#log .number",
                "#log .change",
                "[data-do='client.text']",
                "button.illegal",
                "button.strong",
                ".callout",
                ".callout strong",
                "#scenarios a",
                ".check",
            ):
                assert contrast(page, place) >= 4.5, place

"""The demo's page in a real browser."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from helpers import pages
from helpers.pages import contrast
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.one_python, pytest.mark.browser]


@pytest.fixture(scope="module")
def address(browser: Browser) -> Iterator[str]:
    command = [sys.executable, "-m", "wsfsm", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout is not None
            found = re.search(r"(http://\S+) ", process.stdout.readline())
            assert found is not None
            yield found[1]
        finally:
            process.kill()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, opened; no script fails, and nothing is asked of another host."""
    with browser.new_context() as context:
        yield from opened(context.new_page(), address)


def opened(page: Page, address: str) -> Iterator[Page]:
    return pages.opened(page, address, own=address, console=True)


def lit(page: Page, client: str, application: str) -> None:
    """Each diagram has one state lit up, and it is this one."""
    for machine, state in (("client", client), ("application", application)):
        expect(page.locator(f"#{machine}-diagram .lit")).to_have_id(f"{machine}-{state}")
        expect(page.locator(f"#{machine}-state")).to_have_text(state)


def logged(page: Page, text: str) -> None:
    expect(
        page.locator("#log li").filter(has_text=re.compile(text, re.DOTALL)).first
    ).to_be_visible()


def press(page: Page, form: str) -> None:
    page.locator(f"#{form} button").click()


def test_page_shows_connect_illegal_send_accept_echo_and_close(page: Page) -> None:
    lit(page, "CONNECTING", "CONNECTING")

    press(page, "connect")
    lit(page, "CONNECTED", "CONNECTING")
    expect(page.locator("#send")).to_have_class("illegal")
    expect(page.locator("#accept")).not_to_have_class("illegal")

    press(page, "send")
    logged(
        page,
        r"websocket\.send.*IllegalTransition: Expected ASGI message .*allowed now: websocket\.accept",
    )
    lit(page, "CONNECTED", "CONNECTING")

    press(page, "accept")
    lit(page, "CONNECTED", "CONNECTED")
    expect(page.locator("#browser-state")).to_have_text("open")
    expect(page.locator("#accept")).to_have_class("illegal")

    press(page, "client-text")
    logged(page, r"browser.*message.*text='hello'")
    press(page, "client-binary")
    logged(page, r"browser.*message.*bytes=00 ff 10")
    lit(page, "CONNECTED", "CONNECTED")

    press(page, "close")
    lit(page, "DISCONNECTED", "DISCONNECTED")
    logged(page, r"browser.*closed.*code=1000")

    press(page, "send")
    logged(page, r"websocket\.send.*ConnectionClosed: Cannot call \"send\" once a close message")


def test_page_shows_code_and_reason_of_the_clients_close(page: Page) -> None:
    press(page, "connect")
    press(page, "accept")
    expect(page.locator("#browser-state")).to_have_text("open")

    press(page, "client-close")

    logged(page, r"websocket\.disconnect.*code=4000, reason='bye'")
    lit(page, "DISCONNECTED", "CONNECTED")


def test_page_shows_a_denial_response(page: Page) -> None:
    press(page, "connect")
    lit(page, "CONNECTED", "CONNECTING")

    press(page, "start")
    lit(page, "CONNECTED", "RESPONSE")
    press(page, "body")

    lit(page, "DISCONNECTED", "DISCONNECTED")
    logged(page, r"websocket\.http\.response\.body \[not more_body\]")
    logged(page, r"browser.*closed.*code=1006")


def test_page_shows_a_browser_that_leaves_during_a_denial_response(page: Page) -> None:
    press(page, "connect")
    press(page, "start")
    lit(page, "CONNECTED", "RESPONSE")
    page.locator("#body [name=more_body]").check()

    press(page, "body")

    # browsers do not read the body of such a response
    logged(page, r"websocket\.http\.response\.body \[more_body\]")
    lit(page, "DISCONNECTED", "RESPONSE")
    logged(page, r"browser.*closed.*code=1006")


def test_page_shows_the_loss_of_the_transport(page: Page) -> None:
    press(page, "connect")
    press(page, "accept")
    expect(page.locator("#browser-state")).to_have_text("open")
    page.locator("#reading").uncheck()

    press(page, "client-drop")
    expect(page.locator("#browser-state")).to_have_text("closed")
    press(page, "send")

    logged(page, r"transport lost.*WebSocketDisconnect")
    lit(page, "DISCONNECTED", "DISCONNECTED")


@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        ("echo", r"browser.*message.*hello"),
        ("early", r"IllegalTransition"),
        ("deny", r"browser.*closed.*code=1006"),
        ("drop", r"transport.*aborted"),
        ("over", r"ConnectionClosed"),
    ],
)
def test_each_scenario_runs_at_one_click(page: Page, scenario: str, text: str) -> None:
    for _ in range(2):
        page.locator("#clear").click()
        page.locator(f"[data-scenario={scenario}]").click()
        logged(page, text)

    expect(page.locator("#problem")).to_be_empty()


def test_page_explains_actions_that_are_not_possible(page: Page) -> None:
    press(page, "client-text")
    expect(page.locator("#problem")).to_contain_text("Press Connect first")
    press(page, "send")
    expect(page.locator("#problem")).to_contain_text("no connection")

    press(page, "connect")
    lit(page, "CONNECTED", "CONNECTING")
    press(page, "client-text")
    expect(page.locator("#problem")).to_contain_text("its WebSocket is connecting")
    page.locator("#client-close [name=code]").fill("1002")
    press(page, "client-close")
    expect(page.locator("#problem")).to_contain_text("1002")


def test_two_tabs_are_independent(page: Page, address: str) -> None:
    for other in opened(page.context.new_page(), address):
        press(page, "connect")
        press(other, "connect")
        press(page, "accept")
        lit(page, "CONNECTED", "CONNECTED")
        lit(other, "CONNECTED", "CONNECTING")
        press(other, "start")
        lit(other, "CONNECTED", "RESPONSE")
        lit(page, "CONNECTED", "CONNECTED")


def test_page_can_be_used_with_the_keyboard(page: Page) -> None:
    page.locator("#connect [name=subprotocols]").focus()
    page.keyboard.press("Enter")
    lit(page, "CONNECTED", "CONNECTING")
    page.locator("#accept [name=subprotocol]").focus()
    page.keyboard.press("Enter")
    lit(page, "CONNECTED", "CONNECTED")
    page.locator("#client-text [name=text]").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#client-text button")).to_be_focused()
    page.keyboard.press("Space")
    logged(page, r"browser.*message.*hello")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.long
def test_page_fits_its_width_and_has_enough_contrast(
    browser: Browser, address: str, scheme: str, width: int
) -> None:
    with browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
    ) as context:
        for page in opened(context.new_page(), address):
            page.locator("[data-scenario=early]").click()
            logged(page, "IllegalTransition")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for place in (
                "h1",
                "#log .error",
                "label",
                "#send button",
                ".pill",
                "#log .client .side",
            ):
                assert contrast(page, place) >= 4.5, place

"""Reports as a page, and the page in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import pages
from helpers.asgi import ROOT
from helpers.pages import contrast
from helpers.sample_reports import BAD, CODE, REPORTS, STATUS, WEIRD, WILD, report, result
from playwright.sync_api import Browser, Page, expect

from wsfsm.conformance.reports._common import one_line
from wsfsm.conformance.reports.html import to_html

STATIC = ROOT / "wsfsm" / "conformance" / "reports" / "static"

pytestmark = pytest.mark.one_python


def data(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


class TestHtml:
    def test_html_has_all_targets_sections_and_cases(self) -> None:
        told = data(to_html(REPORTS, date="2026-01-02"))

        assert told["date"] == "2026-01-02"
        assert [target["name"] for target in told["targets"]] == ["good", "bad", "facade"]
        assert [(section["title"], len(section["cases"])) for section in told["sections"]] == [
            ("ASGI WebSocket 2.5, Close, of servers", 3),
            ("ASGI extensions, Denial Response, of servers", 1),
            ("RFC 6455 <7.4>, of servers", 2),
            ("ASGI WebSocket 2.5, Close, of facades", 1),
        ]

    def test_result_has_the_step_that_decided_it(self) -> None:
        cases = data(to_html(REPORTS))["sections"][0]["cases"]

        assert [r and r["deciding_step"] for r in cases[0]["results"]] == [None, 3, None]

    def test_html_loads_nothing(self) -> None:
        html = to_html(REPORTS)

        assert not re.search(r"""(src|href|action)=["']?(?!#)""", html.replace("href=\\", ""))
        assert "default-src 'none'" in html
        assert "@import" not in html
        assert "url(" not in html

    def test_text_does_not_end_the_script_element(self) -> None:
        html = to_html(REPORTS)

        assert html.count("</script>") == 2
        assert html.count("<!--") == 0
        assert html.encode()

    def test_template_slots_in_texts_are_not_replaced(self) -> None:
        html = to_html([report("{{script}}", result(CODE, reason="{{data}}"))])

        assert data(html)["targets"][0]["name"] == "{{script}}"

    @pytest.mark.parametrize("name", ["client.svg", "application.svg"])
    def test_pictures_are_the_committed_diagrams(self, name: str) -> None:
        assert (STATIC / name).read_bytes() == (ROOT / "diagrams" / name).read_bytes()

    def test_html_has_unique_ids(self) -> None:
        ids = re.findall(r'\sid="([^"]+)"', to_html([]))

        assert len(ids) == len(set(ids))

    def test_deciding_step_is_the_last_one_if_no_step_is_wrong(self) -> None:
        cases = [case for s in data(to_html([BAD]))["sections"] for case in s["cases"]]

        assert {case["id"]: case["results"][0]["deciding_step"] for case in cases} == {
            "close.code": 3,
            "close.reason": None,
            "close.order": 3,
            "deny.status": None,
            "deny.wild": 0,
            "deny.dead": 2,
        }


@pytest.fixture
def address(tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    path.write_text(to_html(REPORTS, date="2026-01-02"), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, opened; no script fails, and nothing is said on the console."""
    with browser.new_context() as context:
        yield from opened(context.new_page(), address)


def opened(page: Page, address: str) -> Iterator[Page]:
    return pages.opened(page, address, own="file:", console=False)


def cell(page: Page, case: str, target: str) -> Any:
    return page.locator(f'#matrix td a[aria-label^="{case}, {target}: "]')


def rows(page: Page) -> list[str]:
    return page.locator("#matrix tbody th[scope=row]:visible a").all_inner_texts()


@pytest.mark.browser
class TestPage:
    def test_page_shows_the_matrix_first(self, page: Page) -> None:
        expect(page.locator("#about")).to_have_text("3 targets, 7 cases, 2026-01-02")
        expect(page.locator("#matrix thead .count")).to_have_text(
            ["none failed", "5 failed", "1 failed"]
        )
        expect(page.locator("#matrix tr.section")).to_have_count(4)
        expect(cell(page, "close.code", "bad")).to_have_text("✗")
        expect(page.locator("#matrix td.empty")).to_have_count(9)

    def test_filters_select_rows(self, page: Page) -> None:
        page.locator("#search").fill("DENIAL")
        assert rows(page) == ["deny.status"]
        expect(page.locator("#shown")).to_have_text("1 of 7 cases")
        expect(page.locator("#matrix tr.section:visible")).to_have_count(1)

        page.locator("#search").fill("")
        page.get_by_label("crash", exact=False).first.check()
        page.get_by_label("unsupported").first.check()
        assert rows(page) == ["close.reason", "deny.dead"]
        page.get_by_label("may", exact=True).check()
        assert rows(page) == ["deny.dead"]

    def test_only_differences_hides_rows_without_one(self, page: Page) -> None:
        page.get_by_label("only differences").check()

        assert rows(page) == [
            "close.code",
            "close.reason",
            "close.order",
            "deny.status",
            "deny.wild",
        ]

    def test_click_opens_the_case(self, page: Page) -> None:
        cell(page, "close.code", "bad").click()

        panel = page.locator("#panel")
        expect(panel).to_be_visible()
        expect(panel.locator("#panel-id")).to_have_text("close.code")
        expect(panel.locator("#panel-section")).to_have_text("mustASGI WebSocket 2.5, Close")
        expect(panel.locator("#panel-note")).to_have_text("Some say 1006.")
        expect(panel.locator("#panel-verdict")).to_contain_text("fail on bad: app receive")
        expect(panel.locator("#panel-expected")).to_have_text("message {code: 1000}")
        expect(panel.locator("#panel-observed")).to_have_text("message {code: 1006}")
        expect(panel.locator("#trace tbody tr")).to_have_count(4)
        expect(panel.locator("#trace .here .wrong")).to_have_text(
            "message code: expected 1000, got 1006"
        )
        expect(panel.locator("#trace .here th")).to_contain_text("4")

    def test_each_side_of_a_case_has_its_column(self, page: Page) -> None:
        cell(page, "close.code", "bad").click()
        steps = page.locator("#trace tbody tr")

        expect(page.locator("#trace thead th").nth(1)).to_have_text("client")
        expect(steps.nth(0).locator("td").nth(0)).to_have_text("client request")
        expect(steps.nth(1).locator("td").nth(1)).to_contain_text("app receive")
        expect(steps.nth(2).locator("td.other")).to_have_text("wait 0.1 s")

    def test_diagrams_show_the_states_at_the_failed_step(self, page: Page) -> None:
        cell(page, "close.code", "bad").click()

        expect(page.locator("#state-title")).to_have_text("Where it went wrong: step 4")
        for machine, state in (("client", "DISCONNECTED"), ("application", "CONNECTED")):
            lit = page.locator(f"#{machine}-diagram .lit.wrong")
            expect(lit).to_have_id(f"picture:{machine}-{state}")
            expect(page.locator(f"#{machine}-state")).to_have_text(state)

    def test_click_on_a_step_shows_its_states(self, page: Page) -> None:
        cell(page, "close.code", "bad").click()
        page.locator("#trace button").nth(0).click()

        expect(page.locator("#state-title")).to_have_text("The states after step 1")
        expect(page.locator("#client-diagram .lit")).to_have_id("picture:client-CONNECTING")
        expect(page.locator("#client-diagram .lit")).not_to_have_class(re.compile("wrong"))
        expect(page.locator("#trace [aria-pressed=true]")).to_have_count(1)

    def test_highlighted_state_is_in_view_on_a_narrow_screen(self, page: Page) -> None:
        page.set_viewport_size({"width": 360, "height": 800})
        cell(page, "close.code", "bad").click()
        page.locator("#trace button").nth(0).click()

        expect(page.locator("#application-diagram .lit")).to_have_id(
            "picture:application-CONNECTING"
        )
        expect(page.locator("#application-diagram .lit")).to_be_in_viewport()

    def test_passed_case_shows_its_last_states(self, page: Page) -> None:
        cell(page, "close.code", "good").click()

        expect(page.locator("#state-title")).to_have_text("Where it ended")
        expect(page.locator("#panel-difference")).to_be_hidden()
        expect(page.locator("#client-diagram .lit")).to_have_id("picture:client-CONNECTED")

    def test_case_without_a_trace_is_shown(self, page: Page) -> None:
        cell(page, STATUS.id, "bad").click()

        expect(page.locator("#trace tbody")).to_have_text("nothing")
        expect(page.locator("#panel .lit")).to_have_count(0)

    def test_facades_and_servers_are_shown_side_by_side(self, page: Page) -> None:
        cell(page, "facade.send", "facade").click()

        expect(page.locator("#trace thead th").nth(1)).to_have_text("server")

    def test_texts_are_shown_without_markup(self, page: Page) -> None:
        cell(page, WILD.id, "bad").click()

        expect(page.locator("#panel-expected")).to_have_text(one_line(WEIRD))
        expect(page.locator("#panel-requirement")).to_have_text(one_line(WEIRD))

    def test_url_fragment_opens_a_case(self, browser: Browser, address: str) -> None:
        with browser.new_context() as context:
            for page in opened(context.new_page(), f"{address}#case=close.code&target=bad"):
                expect(page.locator("#panel-id")).to_have_text("close.code")
                expect(page.locator("#panel-verdict")).to_contain_text("fail on bad")
                page.keyboard.press("Escape")
                expect(page.locator("#panel")).to_be_hidden()
                expect(page).to_have_url(address)
                expect(cell(page, "close.code", "bad")).to_be_focused()

    @pytest.mark.parametrize("named", ["case=close.gone", "case=close.code&target=facade", "x"])
    def test_url_fragment_of_an_unknown_case_opens_nothing(
        self, browser: Browser, address: str, named: str
    ) -> None:
        with browser.new_context() as context:
            for page in opened(context.new_page(), f"{address}#{named}"):
                expect(page.locator("#panel")).to_be_hidden()

    def test_url_fragment_without_a_target_opens_the_first_failure(
        self, browser: Browser, address: str
    ) -> None:
        with browser.new_context() as context:
            for page in opened(context.new_page(), f"{address}#case=close.code"):
                expect(page.locator("#panel-verdict")).to_contain_text("fail on bad")

    def test_panel_compares_targets(self, page: Page) -> None:
        cell(page, "close.code", "good").click()
        page.locator("#panel-targets a", has_text="bad").click()

        expect(page.locator("#panel-targets [aria-current]")).to_contain_text("bad")
        expect(page.locator("#panel-verdict")).to_contain_text("fail on bad")
        page.go_back()
        expect(page.locator("#panel-verdict")).to_contain_text("pass on good")
        page.go_back()
        expect(page.locator("#panel")).to_be_hidden()

    def test_page_can_be_used_with_the_keyboard(self, page: Page) -> None:
        page.get_by_label("only differences").focus()
        page.keyboard.press("Tab")
        expect(page.locator("#matrix tbody a").first).to_be_focused()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(cell(page, "close.code", "bad")).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(cell(page, "close.code", "bad")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#panel-id")).to_have_text("close.reason")
        page.locator("#panel-close").press("Enter")
        expect(page.locator("#panel")).to_be_hidden()
        expect(cell(page, "close.reason", "bad")).to_be_focused()

    def test_arrow_keys_skip_empty_cells(self, page: Page) -> None:
        page.locator("#matrix tbody th a", has_text="facade.send").focus()
        page.keyboard.press("ArrowRight")

        expect(cell(page, "facade.send", "facade")).to_be_focused()

    def test_head_and_first_column_stay_in_view(self, page: Page) -> None:
        page.set_viewport_size({"width": 500, "height": 300})
        page.locator("#scroll").evaluate("(element) => element.scrollTo(120, 150)")
        box = page.locator("#scroll").bounding_box()
        corner = page.locator("#matrix .corner").bounding_box()

        assert box is not None
        assert corner is not None
        assert abs(corner["x"] - box["x"]) < 2
        assert abs(corner["y"] - box["y"]) < 2

    def test_report_without_results_is_shown(self, browser: Browser, tmp_path: Path) -> None:
        path = tmp_path / "empty.html"
        path.write_text(to_html([]), encoding="utf-8")
        with browser.new_context() as context:
            for page in opened(context.new_page(), path.as_uri()):
                expect(page.locator("#about")).to_have_text("0 targets, 0 cases")

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [360, 1280])
    @pytest.mark.long
    def test_page_fits_its_width_and_has_enough_contrast(
        self, browser: Browser, address: str, scheme: str, width: int
    ) -> None:
        with browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 800},
        ) as context:
            for page in opened(context.new_page(), f"{address}#case=close.code&target=bad"):
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                body = page.locator("#panel-body")
                assert body.evaluate("(e) => e.scrollWidth <= e.clientWidth")
                for place in (
                    *(f".mark[data-verdict={v}]" for v in ("pass", "non-strict", "fail")),
                    *(f".mark[data-verdict={v}]" for v in ("timeout", "crash", "informational")),
                    ".mark[data-verdict=unsupported]",
                    "h1",
                    ".level",
                    ".count.failed",
                    "#trace .observation",
                    "#trace .here .observation",
                    "#trace .wrong",
                    "#trace .state",
                    "figcaption",
                ):
                    assert contrast(page, place) >= 4.5, place

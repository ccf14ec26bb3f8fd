"""Pages in a browser: opened without failures, and with the contrast of their texts."""

from collections.abc import Iterator

from playwright.sync_api import Page, expect


def opened(page: Page, address: str, *, own: str, console: bool) -> Iterator[Page]:
    """Open a page; at the end, no script has failed, and nothing foreign was requested.

    Args:
        page: The page.
        address: Its address.
        own: The beginning of the addresses that it may request.
        console: Whether it may write to the console.
    """
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(own) else failures.append(r.url))
    if not console:
        page.on("console", lambda message: failures.append(message.text))
    page.set_default_timeout(30_000)
    page.goto(address)
    expect(page.locator("html[data-ready]")).to_be_attached()
    yield page
    assert failures == []


def contrast(page: Page, place: str) -> float:
    """Contrast of an element's text and what is behind it (WCAG 2.2, relative luminance)."""
    colours: list[list[float]] = page.locator(place).first.evaluate(
        """(element) => {
            const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
            let behind = element;
            while (behind.parentElement && rgb(getComputedStyle(behind).backgroundColor)[3] === 0) {
                behind = behind.parentElement;
            }
            return [rgb(getComputedStyle(element).color), rgb(getComputedStyle(behind).backgroundColor)];
        }"""
    )
    lights = []
    for colour in colours:
        parts = [c / 255 for c in colour[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)

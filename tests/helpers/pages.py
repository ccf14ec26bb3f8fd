"""Checks of pages in a browser: the contrast of texts."""

from playwright.sync_api import Page


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

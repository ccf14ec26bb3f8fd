"""Reports as Markdown."""

from helpers.sample_reports import BAD, CODE, GOOD, REPORTS, report, result

from wsfsm.conformance.baseline import Baseline, KnownFailure
from wsfsm.conformance.reports._markdown import to_markdown


def lines() -> list[str]:
    return to_markdown(REPORTS, "2026-01-02").splitlines()


def test_markdown_has_its_date_and_the_versions_of_targets() -> None:
    assert "Made on 2026-01-02." in lines()
    assert "| good | server | good 1.0 |" in lines()


def test_additional_text_is_in_front_of_the_targets() -> None:
    text = to_markdown([], "", more="See [there](x.html).")

    assert text.index("See [there](x.html).") < text.index("## Targets")


def test_markdown_counts_verdicts_of_each_target() -> None:
    text = lines()
    head = next(line for line in text if line.startswith("| target | cases"))

    assert head == (
        "| target | cases | pass | non-strict | fail | timeout | crash | informational"
        " | unsupported | failures of must | of should |"
    )
    assert "| bad | 6 | 0 | 0 | 3 | 1 | 1 | 0 | 1 | 2 | 1 |" in text


def test_each_kind_has_a_matrix_grouped_by_section() -> None:
    text = lines()
    start = text.index("### Of each server")

    assert text[start + 2 : start + 9] == [
        "#### ASGI WebSocket 2.5, Close",
        "",
        "| case | level | good | bad |",
        "|---|---|:---:|:---:|",
        "| close.code | must | ✓ | ✗ |",
        "| close.reason | should | ✓ | – |",  # noqa: RUF001 - it is a dash
        "| close.order | may | i | ✗ |",
    ]
    assert "| case | level | facade |" in text[text.index("### Of each facade") :]


def test_every_mark_is_explained() -> None:
    assert "- t timeout: nothing was observed in time" in lines()


def test_failures_of_must_and_should_and_crashes_are_listed() -> None:
    text = lines()

    assert "### good: none" in text
    assert "### bad: 4" in text
    start = text.index("- **close.code** (must, fail), ASGI WebSocket 2.5, Close:")
    assert text[start + 1 : start + 4] == [
        "  What close.code demands.",
        "  - expected: `message {code: 1000}`",
        "  - observed: `message {code: 1006}`",
    ]
    assert not any(line.startswith("- **close.order**") for line in text)


def test_failure_without_an_expectation_has_its_reason() -> None:
    text = lines()
    start = text.index("- **deny.status** (must, timeout), ASGI extensions, Denial Response:")

    assert text[start + 2] == "  - nothing came in time"


def test_markdown_escapes_markup_and_control_characters() -> None:
    text = to_markdown(REPORTS, "2026-01-02")
    observed = next(line for line in text.splitlines() if line.startswith("  - observed: ``"))

    assert text.encode()
    assert "\x1b" not in text
    assert "### RFC 6455 &lt;7.4>" in text
    assert r"&lt;/script>&lt;!-- &amp; \\x1b\[31m" in text
    assert r" `|*_ " in observed


def test_code_that_contains_backticks_has_longer_delimiters() -> None:
    bad = BAD.results[0]
    odd = result(CODE, bad.verdict, expected="`", observed="``x`")

    text = to_markdown([report("odd", odd)], "")

    assert "expected: `` ` ``" in text
    assert "observed: ``` ``x` ```" in text


def test_targets_with_the_same_name_are_numbered() -> None:
    text = to_markdown([GOOD, GOOD, GOOD], "")

    assert "| case | level | good | good (2) | good (3) |" in text


def test_known_failure_has_its_reason() -> None:
    known = Baseline((KnownFailure(case="close.code", target="bad", reason="see *there*"),))
    text = to_markdown(REPORTS, "", baseline=known).splitlines()

    assert text.count(r"  - why: see \*there\*") == 1

"""The tool that runs the frameworks' own tests, without running them."""

from pathlib import Path

import pytest

from tools.framework_suites import BY_ANNOTATION, KNOWN, SUITES, WAYS, runs, too_few


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("missing", "skipped"), [(0, 0), (1, 0), (0, 1), (-2, 1)])
def test_tests_that_are_missing_or_skipped_are_noticed(
    name: str, missing: int, skipped: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.xml"
    suite = f'<testsuite tests="{KNOWN[name] - missing}" skipped="{skipped}"/>'
    report.write_text(f"<testsuites>{suite}</testsuites>", encoding="utf-8")

    few = missing + skipped > 0
    assert too_few(name, report) == few
    assert (f"of {name}'s tests ran" in capsys.readouterr().out) == few


def test_each_way_runs_all_suites_and_the_annotation_only_fastapis() -> None:
    ways = list(WAYS)

    for name in SUITES:
        ran = [ways[number] for number, each in runs() if each == name]
        assert ran == [way for way in ways if way != BY_ANNOTATION or name == "fastapi"]

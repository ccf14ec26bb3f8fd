"""The guide to machines of your own: its files, code, commands and tests do what it says."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.asgi import ROOT
from helpers.guides import Guide, in_folder_of

import wsfsm
from wsfsm.cli import main
from wsfsm.fsm import Machine, Table

GUIDE = Guide(ROOT / "docs" / "machines.md")
TITLED = dict(re.findall(r'```python title="(.*?)"\n(.*?)```', GUIDE.text, re.DOTALL))
# each of them prints the text that follows it
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", GUIDE.text, re.DOTALL)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files of the guide, as the current one."""
    with in_folder_of(TITLED, tmp_path, monkeypatch):
        yield tmp_path


def test_each_block_of_python_prints_the_text_below_it() -> None:
    assert len(BLOCKS) == GUIDE.text.count("```python\n") == GUIDE.text.count("```text\n")
    for code, text in BLOCKS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "machines.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own
        assert printed.getvalue() == text


def test_commands_of_the_guide_run_one_after_the_other(capfd: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^    wsfsm (.*)$", GUIDE.text, re.MULTILINE)

    assert len(commands) == 6
    for words in commands:
        assert main(words.split()) == 0, words
    assert capfd.readouterr().err == ""


def test_picture_of_the_guide_is_current(folder: Path) -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", GUIDE.text, re.DOTALL)
    path = folder / "picture.mmd"
    path.write_text(picture, encoding="utf-8")

    assert main(["diagram", "upload.py:UPLOAD", "--check", str(path)]) == 0


def test_tests_of_the_guide_pass_and_notice_a_changed_row(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        **{name.removesuffix(".py"): text for name, text in TITLED.items() if "upload" in name}
    )
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error"]
    passed = pytester.runpytest_subprocess(*options).parseoutcomes()

    assert set(passed) == {"passed"}
    assert passed["passed"] > 1 + 7 * 5
    path = pytester.path / "upload.py"
    path.write_text(path.read_text().replace('(TIMER, "sending")', '(TIMER, "failed")'))
    failed = pytester.runpytest_subprocess(*options).parseoutcomes()
    assert failed["failed"] >= 1


def test_tests_of_the_guide_report_a_new_event_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        **{name.removesuffix(".py"): text for name, text in TITLED.items() if "upload" in name}
    )
    path = pytester.path / "upload.py"
    row = '("chunk", SAME, "a part of the file"),'
    path.write_text(path.read_text().replace(row, f'{row} ("pause", "idle", ("close file",)),'))
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error"]

    run = pytester.runpytest_subprocess(*options)

    run.stdout.fnmatch_lines(["FAILED test_upload.py::test_specification_has_every_cell*"])
    run.stdout.fnmatch_lines(["FAILED test_upload.py::test_cell*sending-pause*"])
    assert run.parseoutcomes()["failed"] == 2


def test_exceptions_of_the_guide_exist_and_document_their_mistake() -> None:
    rows = re.findall(
        r"^\| (.*) \| `(\w+)`.* \|$", GUIDE.section("Let mistakes be refused"), re.MULTILINE
    )

    assert len(rows) == 6
    for _, name in rows:
        assert issubclass(getattr(wsfsm, name), wsfsm.TableError)
        assert name in (Table.__doc__ or "")


def test_document_that_the_guide_writes_is_the_same_machine(folder: Path) -> None:
    main(["diagram", "upload.py:UPLOAD", "--output", "upload.scxml"])
    main(["diagram", "upload.scxml", "--output", "again.scxml"])

    written = (folder / "upload.scxml").read_bytes()
    assert written == (folder / "again.scxml").read_bytes()
    assert "start" in Machine.from_scxml(written).initial.moves


def test_links_of_the_guide_lead_to_headings_and_pages() -> None:
    headings = re.findall(r"^#+ (.*)$", GUIDE.text, re.MULTILINE)
    known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    links = re.findall(r"\]\((?!https?:)([^)]*)\)", GUIDE.text)
    assert links
    for link in links:
        page, _, heading = link.partition("#")
        assert not page or page.endswith(".md")
        assert not heading or page or heading in known

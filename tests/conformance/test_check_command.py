"""The command ``wsfsm check``: its lists, its selection, and its targets."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.check_command import MUST, ONE, SHOULD, Capture, Patch, facade, failed, server, written
from helpers.processes import into_closed_pipe

from wsfsm.cli import main
from wsfsm.conformance import (
    Case,
    CommandTarget,
    Report,
    Result,
    Verdict,
    cli,
    load_folder,
)

pytestmark = [pytest.mark.one_python, pytest.mark.usefixtures("wide")]


# ---------------------------------------------------------------- which cases


def listed(arguments: Sequence[str], capsys: Capture) -> list[list[str]]:
    """Return level, id and section of the listed cases."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [line.split(maxsplit=2) for line in out.splitlines()]


class TestListing:
    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_list_has_all_cases_with_level_and_section(self, kind: Any, capsys: Capture) -> None:
        assert listed(["check", kind, "--list"], capsys) == [
            [case.level.value, case.id, case.section] for case in load_folder(kind)
        ]

    @pytest.mark.parametrize(
        ("options", "belongs"),
        [
            (["--id", "accept.headers"], lambda c: c.id == "accept.headers"),
            (["--id", "accept", "--id", "send"], lambda c: c.id.split(".")[0] in {"accept", "send"}),
            (["--section", "close"], lambda c: "Close" in c.section),
            (
                ["--section", "6455", "--section", "9110"],
                lambda c: "6455" in c.section or "9110" in c.section,
            ),
            (["--level", "may"], lambda c: c.level == "may"),
            (["--level", "must", "--level", "may"], lambda c: c.level != "should"),
            (
                ["--id", "accept", "--section", "6455", "--level", "must"],
                lambda c: c.id.startswith("accept.") and "6455" in c.section and c.level == "must",
            ),
            (["uvicorn", "--id", "accept.headers"], lambda c: c.id == "accept.headers"),
        ],
    )  # fmt: skip
    def test_list_has_only_the_selected_cases(
        self, options: list[str], belongs: Callable[[Case], bool], capsys: Capture
    ) -> None:
        ids = [case.id for case in load_folder("server") if belongs(case)]

        assert ids
        assert [name for _, name, _ in listed(server("--list", *options), capsys)] == ids

    def test_list_is_not_wrapped_in_a_narrow_terminal(
        self, monkeypatch: Patch, capsys: Capture
    ) -> None:
        monkeypatch.setenv("COLUMNS", "20")

        assert len(listed(server("--list", "--id", "accept.headers"), capsys)) == 1

    def test_list_plays_no_case(self, monkeypatch: Patch, capsys: Capture) -> None:
        monkeypatch.setattr(cli, "check_facade", None)

        assert listed(facade("wsfsm", "--list", "--id", MUST), capsys)

    @pytest.mark.parametrize("words", [["server", "--list"], ["facade", "wsfsm", "--id", MUST]])
    def test_closed_pipe_leaves_no_traceback(self, words: list[str]) -> None:
        assert into_closed_pipe("check", *words) == (1, b"")


class TestSelecting:
    @pytest.mark.parametrize("command", [server("uvicorn"), server("--list"), facade("wsfsm")])
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--id", "nope"], "no case has the id 'nope', or an id that begins with it and a dot"),
            (
                ["--id", "accept", "--id", "acc"],
                "no case has the id 'acc', or an id that begins with it and a dot",
            ),
            (["--section", "RFC 1"], "no case has 'RFC 1' in its section"),
            (["--section", "6455", "--section", "Nope"], "no case has 'Nope' in its section"),
        ],
    )
    def test_filter_without_a_match_is_named(
        self, command: list[str], options: list[str], told: str, capsys: Capture
    ) -> None:
        assert failed([*command, *options], capsys) == told

    @pytest.mark.parametrize(
        "words",
        [
            server("uvicorn", "--id", "send.text", "--level", "may"),
            server("--list", "--id", "accept.headers", "--section", "RFC"),
            facade("wsfsm", "--id", MUST, "--level", "should"),
        ],
    )
    def test_combination_of_filters_without_a_match_is_an_error(
        self, words: list[str], capsys: Capture
    ) -> None:
        assert failed(words, capsys) == "no case matches all of the filters"

    def test_only_selected_cases_are_played(self, tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        main(facade("wsfsm", "--id", MUST, "--id", SHOULD, "--level", "must", "--json", str(path)))

        (report,) = written(path)
        assert [result.case.id for result in report.results] == [MUST]


# ---------------------------------------------------------------- targets


@attrs.frozen
class Asked:
    """The arguments of a call of the runner for servers."""

    target: CommandTarget
    cases: tuple[str, ...]
    jobs: int


@pytest.fixture
def asked(monkeypatch: Patch) -> list[Asked]:
    """Record the calls of a runner that starts nothing."""
    calls: list[Asked] = []

    def check_server(
        target: CommandTarget, cases: Sequence[Case], *, on_result: Any, jobs: int
    ) -> Report:
        calls.append(Asked(target, tuple(case.id for case in cases), jobs))
        results = tuple(Result(case=case, verdict=Verdict.PASS) for case in cases)
        for result in results:
            on_result(result)
        return Report(target=target.name, kind="server", versions={}, results=results)

    monkeypatch.setattr(cli, "check_server", check_server)
    return calls


class TestServerCommand:
    def test_server_is_started_with_its_arguments(self, tmp_path: Path, capsys: Capture) -> None:
        path = tmp_path / "x.json"
        words = ("wsfsm", *ONE, "--id", "accept.headers", "--json", str(path), "--ws", "wsproto")

        assert main(server(*words)) == 0
        (report,) = written(path)
        assert report.target == "wsfsm in uvicorn --ws wsproto"
        assert [(r.case.id, r.verdict) for r in report.results] == [
            ("accept.headers", Verdict.PASS),
            ("send.text", Verdict.PASS),
        ]
        out, err = capsys.readouterr()
        assert "wsfsm in uvicorn --ws wsproto" in out
        assert err == ""

    def test_placeholders_in_a_command_are_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "x.json"
        command = [sys.executable, *("-m", "uvicorn", "{app}", "--host", "{host}"), "--port={port}"]

        assert main(server(*ONE, "--json", str(path), "-q", "--", *command)) == 0
        (report,) = written(path)
        assert report.target == " ".join(command)
        assert report.counts == {Verdict.PASS: 1}

    @pytest.mark.parametrize(
        "words",
        [
            ["uvicorn", *ONE, "--jobs", "3", "--ws", "wsproto"],
            ["--jobs", "3", *ONE, "uvicorn", "--ws", "wsproto"],
            ["--jobs", "3", "uvicorn", *ONE, "--ws", "wsproto"],
            ["uvicorn", "--ws", "wsproto", "--id=send.text", "--jobs=3"],
            ["uvicorn", "--ws", *ONE, "wsproto", "--jobs", "3", "--"],
        ],
    )
    def test_options_are_read_before_and_after_the_name(
        self, words: list[str], asked: list[Asked]
    ) -> None:
        assert main(server(*words)) == 0
        assert [(a.target.name, a.cases, a.jobs) for a in asked] == [
            ("uvicorn --ws wsproto", ("send.text",), 3)
        ]

    @pytest.mark.parametrize("words", [["--i", "send.text"], ["--lis"], ["--ids=x"]])
    def test_unknown_option_belongs_to_the_server(
        self, words: list[str], asked: list[Asked]
    ) -> None:
        assert main(server("uvicorn", *ONE, *words)) == 0
        assert asked[0].target.command[-len(words) :] == tuple(words)

    def test_words_after_two_dashes_are_the_command(self, asked: list[Asked]) -> None:
        assert main(server(*ONE, "--", "x", "--jobs", "3", "--", "-q", "{port}")) == 0
        assert asked[0].target.command == ("x", "--jobs", "3", "--", "-q", "{port}")

    def test_variants_of_a_command_are_passed_on(self, asked: list[Asked]) -> None:
        limit, ping = ("--variant", "limit=--max '64 KiB'"), ("--variant", "keepalive=--ping=1")
        tls = ("--variant", "tls=--cert {cert} --key {key}")

        assert main(server(*limit, *ping, *tls, *ONE, "--", "x", "{port}")) == 0
        assert asked[0].target.variants == {
            "limit": ("--max", "64 KiB"),
            "keepalive": ("--ping=1",),
            "tls": ("--cert", "{cert}", "--key", "{key}"),
        }

    def test_name_option_names_the_target(self, asked: list[Asked]) -> None:
        assert main(server(*ONE, "--name", "mine", "--", "x", "{port}")) == 0
        assert main(server("uvicorn", *ONE, "--name=mine too", "--ws", "wsproto")) == 0
        assert [a.target.name for a in asked] == ["mine", "mine too"]

    def test_eight_cases_are_played_concurrently_by_default(self, asked: list[Asked]) -> None:
        assert main(server("uvicorn", *ONE)) == 0
        assert asked[0].jobs == 8


class TestFacadeCommand:
    @pytest.mark.parametrize("name", ["wsfsm", "starlette", "wsfsm:WebSocket"])
    def test_facade_is_checked(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / "x.json"

        assert main(facade(name, "--id", MUST, "--json", str(path))) == 0
        (report,) = written(path)
        assert (report.target, report.kind, report.counts) == (name, "facade", {Verdict.PASS: 1})

    def test_options_are_read_before_the_name_of_a_facade(self, capsys: Capture) -> None:
        assert main(facade("--id", MUST, "--quiet", "wsfsm")) == 0
        assert "pass" in capsys.readouterr().out

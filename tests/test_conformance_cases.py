"""The files of cases: what they say is understood, and nothing else is accepted."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import ROOT

from wsfsm.conformance import CaseError, Level, load, load_folder, select
from wsfsm.conformance.cases import SIDES, Step
from wsfsm.conformance.server_steps import Run

FOLDER = ROOT / "specs" / "conformance"
SERVER = sorted((FOLDER / "server").glob("*.toml"))
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((FOLDER / "server.schema.json").read_text(encoding="utf-8"))
)
GOOD = """
[[case]]
id = "a.b"
level = "must"
section = "RFC 6455, 1"
requirement = "It is so."
given = "open"
steps = [{ app = "receive", expect = { waits = true } }]
"""
SETUPS: dict[str, Any] = {"open": [{"client": "request"}]}


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "some.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, "server", SETUPS)


class TestFiles:
    @pytest.mark.parametrize("path", SERVER, ids=lambda path: path.stem)
    def test_they_are_as_the_schema_says(self, path: Path) -> None:
        SCHEMA.validate(tomllib.loads(path.read_text(encoding="utf-8")))

    def test_the_schema_refuses_what_is_none(self) -> None:
        case = tomllib.loads(GOOD)["case"][0]
        broken: list[dict[str, Any]] = [
            {**case, "level": "shall"},
            {**case, "id": "No Id"},
            {**case, "section": "somewhere"},
            {**case, "level": "may"},  # without a note
            {**case, "steps": []},
            {**case, "steps": [{"app": "dance"}]},
            {**case, "steps": [{"app": "receive", "client": "fin"}]},
            {**case, "steps": [{"app": "receive", "expect": {}}]},
            {**case, "steps": [{"app": "send"}]},
            {**case, "steps": [{"client": "send", "frames": [{"text": "x", "fun": True}]}]},
            {**case, "more": 1},
        ]
        SCHEMA.validate({"case": [case]})
        for wrong in broken:
            assert not SCHEMA.is_valid({"case": [wrong]}), wrong

    def test_there_are_enough_of_them(self) -> None:
        assert len(load_folder("server")) >= 150
        assert len(load_folder("facade")) >= 80

    def test_every_step_is_known_to_the_runner(self) -> None:
        for case in load_folder("server"):
            for step in case.steps:
                name = f"_{step.side}_{step.action.replace(' ', '_')}"
                assert hasattr(Run, name), f"{case.id}: {step}"

    def test_every_setup_is_used(self) -> None:
        used = {
            case["given"]
            for path in SERVER
            for case in tomllib.loads(path.read_text(encoding="utf-8")).get("case", [])
        }
        setups = tomllib.loads((FOLDER / "server" / "setups.toml").read_text(encoding="utf-8"))
        assert used == set(setups["setup"])

    @pytest.mark.parametrize("kind", SIDES)
    def test_what_demands_nothing_says_why(self, kind: Any) -> None:
        assert [c.id for c in load_folder(kind) if c.level is Level.MAY and not c.note] == []

    @pytest.mark.parametrize("kind", SIDES)
    def test_what_demands_something_looks_for_it(self, kind: Any) -> None:
        for case in load_folder(kind):
            looks = case.level is Level.MAY or any(step.expect for step in case.steps)
            assert looks or case.never.wire or case.never.head or case.never.messages, case.id


class TestLoading:
    def test_a_case_is_read(self, tmp_path: Path) -> None:
        (case,) = read(tmp_path, GOOD)

        assert (case.id, str(case), case.level) == ("a.b", "a.b", Level.MUST)
        assert [str(step) for step in case.steps] == ["client request", "app receive"]

    def test_what_a_case_says_of_its_request_is_added_where_it_is_made(
        self, tmp_path: Path
    ) -> None:
        (case,) = read(tmp_path, GOOD + 'request = { offers = ["a"] }')

        assert case.steps[0].arguments == {"offers": ["a"]}
        assert str(case.steps[0]) == "client request(offers=['a'])"

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("case = 1 1", "some.toml: "),
            (GOOD.replace('id = "a.b"', ""), "a case without an id: id is missing"),
            (GOOD.replace('level = "must"', ""), "a.b: level is missing"),
            (GOOD.replace("must", "shall"), "a.b: 'shall' is not a valid Level"),
            (GOOD.replace('"open"', '"ajar"'), "a.b: given 'ajar' is not among open"),
            (GOOD + "more = 1", "a.b: nothing is known of more"),
            (GOOD + "needs = { luck = 1 }", "a.b: .*luck"),
            (GOOD.replace("app", "dog"), "a.b: a step has one of app, client, server, wait"),
            (GOOD.replace('app = "receive"', 'app = "x", client = "y"'), "a step has one of"),
        ],
    )
    def test_what_has_no_meaning_is_refused(self, tmp_path: Path, text: str, wrong: str) -> None:
        with pytest.raises(CaseError, match=wrong):
            read(tmp_path, text)

    def test_ids_are_unique(self, tmp_path: Path) -> None:
        folder = tmp_path / "server"
        folder.mkdir()
        (folder / "setups.toml").write_text("[setup]\nopen = []", encoding="utf-8")
        (folder / "a.toml").write_text(GOOD + GOOD, encoding="utf-8")

        with pytest.raises(CaseError, match=r"more than one case is called a\.b"):
            load_folder("server", tmp_path)

    def test_a_step_that_waits_is_told_by_its_time(self) -> None:
        assert str(Step.from_table("server", {"wait": 0.5})) == "wait 0.5 s"

    def test_a_case_may_begin_at_once(self, tmp_path: Path) -> None:
        (case,) = read(tmp_path, GOOD.replace('given = "open"', ""))

        assert [str(step) for step in case.steps] == ["app receive"]


class TestSelecting:
    def test_by_id_and_its_beginning(self) -> None:
        cases = load_folder("server")

        assert [c.id for c in select(cases, ids=["close.code-1001"])] == ["close.code-1001"]
        assert {c.id.split(".")[0] for c in select(cases, ids=["close", "send"])} == {
            "close",
            "send",
        }

    def test_by_section_and_level(self) -> None:
        cases = select(load_folder("server"), sections=["rfc 6455, 7.4"], levels=[Level.MUST])

        assert {(c.section, c.level) for c in cases} == {("RFC 6455, 7.4.1", Level.MUST)}

    def test_what_nothing_is_known_of_is_refused(self) -> None:
        with pytest.raises(CaseError, match="no case is called 'clos'"):
            select(load_folder("server"), ids=["clos"])
        with pytest.raises(CaseError, match="no case is of a section 'Chapter'"):
            select(load_folder("server"), sections=["Chapter"])

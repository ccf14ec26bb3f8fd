"""The files of cases: what they say is understood, and nothing else is accepted."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from helpers.asgi import ROOT
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from wsfsm.conformance import CaseError, Level, load, load_folder, select
from wsfsm.conformance.cases import SIDES, Kind, Step
from wsfsm.conformance.facade.adapters import OPERATIONS
from wsfsm.conformance.facade.frameworks import facade_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.server._steps import Run

FOLDER = ROOT / "specs" / "conformance"
FILES: Mapping[Kind, list[Path]] = {kind: sorted((FOLDER / kind).glob("*.toml")) for kind in SIDES}


def schema(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))


COMMON = Resource.from_contents(schema("common"))
SCHEMAS = {
    kind: Draft202012Validator(
        schema(kind), registry=Registry().with_resource("common.schema.json", COMMON)
    )
    for kind in SIDES
}
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


CASE: Any = tomllib.loads(GOOD)["case"][0]


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "some.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, "server", SETUPS)


def tables(path: Path) -> Any:
    return tomllib.loads(path.read_text(encoding="utf-8"))


GOOD_STEPS: Mapping[Kind, Any] = {
    "server": [{"app": "receive", "expect": {"waits": True}}],
    "facade": [{"call": "receive", "expect": {"waits": True}}],
}
BROKEN_CASES: list[dict[str, Any]] = [
    {"level": "shall"},
    {"level": "may"},  # without a note
    {"level": "may", "note": "no sentence"},
    {"id": "No Id"},
    {"section": "somewhere"},
    {"section": "RFC 6455 5.5"},
    {"requirement": "Without a full stop"},
    {"given": 1},
    {"steps": []},
    {"steps": [{}]},
    {"steps": [{"wait": -1}]},
    {"steps": [{"wait": 1, "expect": {"waits": True}}]},
    {"request": {"luck": 1}},
    {"never": {}},
    {"never": {"messages": []}},
    {"more": 1},
]
BROKEN_SERVER_CASES: list[dict[str, Any]] = [
    {"needs": {}},
    {"needs": {"spec_version": "1.0"}},
    {"exclusive": False},
    {"request": {"offers": "a"}},
    {"request": {"client": "request"}},
    {"never": {"wire": []}},
]
BROKEN_FACADE_CASES: list[dict[str, Any]] = [
    {"needs": {"spec_version": "2.3"}},
    {"exclusive": True},
    {"request": {"scope": {}}},
    {"request": {"scope": {"path": {"tuple": []}}}},
    {"request": {"without": "path"}},
    {"request": {"extensions": {"websocket.http.response": {}}}},
    {"request": {"spec_version": "new"}},
    {"request": {"server": "opens"}},
    {"never": {"wire": ["a"]}},
]
BROKEN_SERVER_STEPS: list[dict[str, Any]] = [
    {"app": "dance"},
    {"app": "receive", "client": "fin"},
    {"app": "receive", "expect": {}},
    {"app": "receive", "expect": []},
    {"app": "receive", "within": 0},
    {"app": "receive", "times": 2},
    {"app": "send"},
    {"app": "send", "message": {"text": {"octets": "a"}}},
    {"app": "send", "message": {}, "times": 0},
    {"app": "send", "message": {"within": 0.5}},
    {"app": "send", "message": {"times": 2}},
    {"client": "send"},
    {"client": "send", "frames": []},
    {"client": "send", "frames": [{"text": "x", "fun": True}]},
    {"client": "send", "frames": [{"text": "x", "ping": "x"}]},
    {"client": "send", "frames": [{"text": "x", "reason": "x"}]},
    {"client": "send", "frames": [{"fin": True}]},
    {"client": "request", "headers": [["a"]]},
    {"client": "request", "pings": True},
    {"client": "write"},
    {"client": "write", "data": {"hex": "f"}},
    {"client": "fin", "data": "a"},
    {"client": "frame", "pings": 1},
    {"server": "start"},
    {"call": "receive"},
    {"look": "state"},
]
BROKEN_FACADE_STEPS: list[dict[str, Any]] = [
    {"call": "dance"},
    {"call": "states"},
    {"call": "receive", "server": "got"},
    {"call": "receive", "look": "state"},
    {"call": "receive", "expect": {}},
    {"call": "receive", "need": []},
    {"call": "receive", "non_strict": "waits"},
    {"call": "receive", "within": 0},
    {"call": "receive", "timeout": 0},
    {"call": "receive", "as": ""},
    {"call": "receive", "of": "first"},
    {"call": "receive_text", "mode": "text"},
    {"call": "receive_json", "mode": "xml"},
    {"call": "iterate", "data": "a"},
    {"call": "accept", "headers": [["a"]]},
    {"call": "accept", "headers": [["a", {"bytes": "b"}]]},
    {"call": "accept", "headers": [["a", "\u20ac"]]},
    {"call": "accept", "code": 1000},
    {"call": "send_text"},
    {"call": "send_bytes", "data": {"octets": "a"}},
    {"call": "send_text", "data": "a", "mode": "text"},
    {"call": "send_json"},
    {"call": "send"},
    {"call": "send", "message": {"bytes": {"a": 1}}},
    {"call": "close", "code": {"number": 1}},
    {"call": "close", "status": 404},
    {"call": "deny", "status": 404, "headers": []},
    {"call": "deny", "status": 404, "headers": [], "body": []},
    {"call": "deny", "status": 404, "headers": [], "body": "no"},
    {"call": "deny", "status": "404", "headers": [], "body": ["no"]},
    {"call": "leave", "status": 404},
    {"call": "leave", "as": "leaving"},
    {"call": "fail", "error": "an error"},
    {"call": "fail", "timeout": 1},
    {"call": "abort"},
    {"call": "abort", "status": 99},
    {"call": "cancel", "as": "first"},
    {"call": "result", "of": 1},
    {"call": "result", "timeout": 1},
    {"server": "stop"},
    {"server": "opens", "scope": "http"},
    {"server": "opens", "path": "/"},
    {"server": "opens", "expect": {"waits": True}},
    {"server": "gives"},
    {"server": "gives", "message": {}, "times": 2},
    {"server": "got", "message": {}},
    {"server": "got", "within": 1},
    {"server": "holds", "need": {"nothing": True}},
    {"look": "server"},
    {"look": "state", "within": 1},
    {"look": "state", "of": "first"},
    {"app": "receive"},
    {"client": "fin"},
]
BROKEN: list[tuple[Kind, dict[str, Any]]] = [
    *((kind, case) for kind in SIDES for case in BROKEN_CASES),
    *(("server", case) for case in BROKEN_SERVER_CASES),
    *(("facade", case) for case in BROKEN_FACADE_CASES),
    *(("server", {"steps": [step]}) for step in BROKEN_SERVER_STEPS),
    *(("facade", {"steps": [step]}) for step in BROKEN_FACADE_STEPS),
]


def operations(part: Any) -> set[str]:
    """What is called in a part of the schema of facade cases."""
    if isinstance(part, list):
        return set().union(*map(operations, part))
    if not isinstance(part, dict):
        return set()
    call = part.get("call", {})
    named = {call["const"]} if "const" in call else set(call.get("enum", []))
    return named.union(*map(operations, part.values()))


class TestSchemas:
    @pytest.mark.parametrize("name", ["common", "known_failures", "report", *SIDES])
    def test_schema_is_valid(self, name: str) -> None:
        Draft202012Validator.check_schema(schema(name))

    @pytest.mark.parametrize(
        ("kind", "path"),
        [(kind, path) for kind, paths in FILES.items() for path in paths],
        ids=lambda part: part.stem if isinstance(part, Path) else part,
    )
    def test_file_of_cases_matches_its_schema(self, kind: Kind, path: Path) -> None:
        SCHEMAS[kind].validate(tables(path))

    @pytest.mark.parametrize("kind", SIDES)
    def test_schema_accepts_a_good_case(self, kind: Kind) -> None:
        SCHEMAS[kind].validate({"case": [{**CASE, "steps": GOOD_STEPS[kind]}]})

    @pytest.mark.parametrize(("kind", "wrong"), BROKEN)
    def test_schema_refuses_a_broken_case(self, kind: Kind, wrong: dict[str, Any]) -> None:
        case = {**CASE, "steps": GOOD_STEPS[kind], **wrong}
        assert not SCHEMAS[kind].is_valid({"case": [case]})

    @pytest.mark.parametrize("key", ["id", "level", "section", "requirement", "given", "steps"])
    @pytest.mark.parametrize("kind", SIDES)
    def test_schema_refuses_a_case_that_lacks_a_key(self, kind: Kind, key: str) -> None:
        case = {**CASE, "steps": GOOD_STEPS[kind]}
        del case[key]
        assert not SCHEMAS[kind].is_valid({"case": [case]})

    @pytest.mark.parametrize("file", [{}, {"setup": {"open": []}}, {"setup": {}, "case": []}])
    @pytest.mark.parametrize("kind", SIDES)
    def test_schema_refuses_a_broken_file(self, kind: Kind, file: dict[str, Any]) -> None:
        assert not SCHEMAS[kind].is_valid(file)

    def test_schema_has_every_operation_of_a_facade(self) -> None:
        assert operations(schema("facade")) == {*OPERATIONS, "result", "cancel"} - {"states"}


OPENED: list[dict[str, Any]] = [
    {"server": "opens"},
    {"server": "gives", "message": {"type": "websocket.connect"}},
    {"call": "accept"},
]
BEGINNING = tuple(Step.from_table("facade", table) for table in OPENED)
FACADE_STEPS = {  # one of each action, which what it sees does not end
    (step.side, step.action): attrs.evolve(
        step,
        arguments={key: item for key, item in step.arguments.items() if key != "of"},
        need=(),
        expect=(),
        non_strict=(),
    )
    for case in load_folder("facade")
    for step in case.steps
    if step.side != "wait"
}.values()


class TestFiles:
    def test_suite_has_150_server_cases_and_80_facade_cases(self) -> None:
        assert len(load_folder("server")) >= 150
        assert len(load_folder("facade")) >= 80

    def test_every_server_step_is_known_to_the_runner(self) -> None:
        for case in load_folder("server"):
            for step in case.steps:
                name = f"_{step.side}_{step.action.replace(' ', '_')}"
                assert hasattr(Run, name), f"{case.id}: {step}"

    @pytest.mark.parametrize("step", FACADE_STEPS, ids=str)
    def test_every_facade_step_is_known_to_the_runner(self, step: Step) -> None:
        case = attrs.evolve(load_folder("facade")[0], steps=(*BEGINNING, step))
        check_facade(facade_target("wsfsm"), [case])  # it raises where it knows no such step

    @pytest.mark.parametrize("kind", SIDES)
    def test_every_setup_is_used(self, kind: Kind) -> None:
        used = {case["given"] for path in FILES[kind] for case in tables(path).get("case", [])}
        assert used == set(tables(FOLDER / kind / "setups.toml")["setup"])

    @pytest.mark.parametrize("kind", SIDES)
    def test_requirement_is_a_sentence_with_its_level_as_verb(self, kind: Any) -> None:
        levels = {level.value for level in Level}
        for case in load_folder(kind):
            assert levels & set(case.requirement.split()) == {case.level.value}, case.id
            assert not case.requirement.startswith(("What", "Whether", "Who", "Which")), case.id

    @pytest.mark.parametrize("kind", SIDES)
    def test_may_case_has_a_note(self, kind: Any) -> None:
        assert [c.id for c in load_folder(kind) if c.level is Level.MAY and not c.note] == []

    @pytest.mark.parametrize("kind", SIDES)
    def test_must_and_should_cases_have_an_expectation(self, kind: Any) -> None:
        for case in load_folder(kind):
            looks = case.level is Level.MAY or any(step.expect for step in case.steps)
            assert looks or case.never.wire or case.never.head or case.never.messages, case.id


class TestLoading:
    def test_case_is_read_from_toml(self, tmp_path: Path) -> None:
        (case,) = read(tmp_path, GOOD)

        assert (case.id, str(case), case.level) == ("a.b", "a.b", Level.MUST)
        assert [str(step) for step in case.steps] == ["client request", "app receive"]

    def test_request_of_a_case_is_added_to_its_request_step(self, tmp_path: Path) -> None:
        (case,) = read(tmp_path, GOOD + 'request = { offers = ["a"] }')

        assert case.steps[0].arguments == {"offers": ["a"]}
        assert str(case.steps[0]) == "client request(offers=['a'])"

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("case = 1 1", "some.toml: "),
            (GOOD.replace('id = "a.b"', ""), r"some.toml: case\[0\] lacks the key id"),
            (GOOD.replace('level = "must"', ""), "some.toml: case a.b lacks the key level"),
            (GOOD.replace('level = "must"\nsection = "RFC 6455, 1"', ""), "case a.b lacks the key level, section"),
            (GOOD.replace("must", "shall"), "case a.b, level should be must or should or may, not 'shall'"),
            (GOOD.replace('"open"', '"ajar"'), "case a.b, given should be open, not 'ajar'"),
            (GOOD + "more = 1", "case a.b has an unknown key, more"),
            (GOOD + "needs = { luck = 1 }", "case a.b, needs has an unknown key, luck"),
            (GOOD.replace("app", "dog"), r"steps\[0\] should be a table with one of the keys app, client, neighb"),
            (GOOD.replace('app = "receive"', 'app = "receive", client = "fin"'), "should be a table with one of the keys"),
            (GOOD.replace('id = "a.b"', "id = 5"), r"case\[0\].id should be a name that never changes, .*, not 5"),
            (GOOD.replace("RFC 6455, 1", "here"), "case a.b, section should be a text and its section, for example"),
            (GOOD + "exclusive = 1", "case a.b, exclusive should be true, not 1"),
            (GOOD + "needs = { spec_version = 2 }", "case a.b, needs.spec_version should be 2.1 or 2.2 or .*, not 2"),
            (GOOD + 'never = { wire = "abc" }', "case a.b, never.wire should be a list, not 'abc'"),
            (GOOD + "never = { wire = [] }", r"never.wire is wrong, because \[\] should be non-empty"),
            (GOOD + 'never = { messages = ["a"] }', r"never.messages\[0\] should be a pattern, not 'a'"),
            (GOOD.replace('[{ app = "receive"', '[5, { app = "receive"'), r"steps\[0\] should be a table with .*, not 5"),
            (GOOD.replace('"receive"', "5"), r"case a.b, steps\[0\].app should be receive or finish or .*, not 5"),
            (GOOD.replace('"receive"', '"send"'), r"case a.b, steps\[0\] lacks the key message"),
            (GOOD.replace('"receive"', '"receive", luck = 1'), r"case a.b, steps\[0\] has an unknown key, luck"),
            (GOOD.replace("{ waits = true }", "5"), r"steps\[0\].expect should be a pattern, or a list of patterns"),
            (GOOD.replace("expect", "within = true, expect"), r"steps\[0\].within should be a number of seconds above"),
            ("case = 5", "some.toml: case should be a list, not 5"),
            ("case = [5]", r"some.toml: case\[0\] should be a table, not 5"),
            ("", "some.toml: the file should be a table with the key case or setup"),
            ("x = " + "[" * 5000, "some.toml: "),
        ],
    )  # fmt: skip
    def test_malformed_case_is_refused(self, tmp_path: Path, text: str, wrong: str) -> None:
        with pytest.raises(CaseError, match=wrong):
            read(tmp_path, text)

    def test_file_that_is_not_utf8_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "some.toml"
        path.write_bytes(b"\xff")

        with pytest.raises(CaseError, match=r"some\.toml: "):
            load(path, "server")

    @pytest.mark.parametrize("text", ["setup = 5", "[setup]\nopen = 5", "setup = 1 1"])
    def test_malformed_setup_is_refused(self, tmp_path: Path, text: str) -> None:
        folder = tmp_path / "server"
        folder.mkdir()
        (folder / "setups.toml").write_text(text, encoding="utf-8")

        with pytest.raises(CaseError, match=r"setups\.toml: "):
            load_folder("server", tmp_path)

    def test_duplicate_case_id_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "server"
        folder.mkdir()
        (folder / "setups.toml").write_text("[setup]\nopen = [{ wait = 1 }]", encoding="utf-8")
        (folder / "a.toml").write_text(GOOD + GOOD, encoding="utf-8")

        with pytest.raises(CaseError, match=r"more than one case has the id a\.b"):
            load_folder("server", tmp_path)

    def test_wait_step_is_shown_with_its_time(self) -> None:
        assert str(Step.from_table("server", {"wait": 0.5})) == "wait 0.5 s"


class TestSelecting:
    def test_cases_are_selected_by_id_or_its_beginning(self) -> None:
        cases = load_folder("server")

        assert [c.id for c in select(cases, ids=["close.code-1001"])] == ["close.code-1001"]
        assert {c.id.split(".")[0] for c in select(cases, ids=["close", "send"])} == {
            "close",
            "send",
        }

    def test_cases_are_selected_by_section_and_level(self) -> None:
        cases = select(load_folder("server"), sections=["rfc 6455, 7.4"], levels=[Level.MUST])

        assert {(c.section, c.level) for c in cases} == {("RFC 6455, 7.4.1", Level.MUST)}

    def test_unknown_id_or_section_is_refused(self) -> None:
        with pytest.raises(CaseError, match="no case has the id 'clos'"):
            select(load_folder("server"), ids=["clos"])
        with pytest.raises(CaseError, match="no case has 'Chapter' in its section"):
            select(load_folder("server"), sections=["Chapter"])

"""Documents that `Machine.from_scxml` refuses, those of an attacker too, and documents on the command line."""

import time
from pathlib import Path
from typing import Any

import pytest
from helpers.scxml_documents import document, refused
from helpers.traffic_light import LIGHT, table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsfsm.cli import main
from wsfsm.diagrams import Diagram, MachineNotFound, find, scxml
from wsfsm.exceptions import ConversionError, TableError
from wsfsm.fsm import Machine
from wsfsm.fsm._codes import decoded
from wsfsm.tables import APPLICATION

DAMAGED: list[Machine[Any]] = [APPLICATION, LIGHT]


class TestRefusals:
    @pytest.mark.parametrize(
        ("inside", "reason"),
        [
            ('<state id="c"/>', "<state>, is a nested state"),
            ('<final id="c"/>', "<final>, is a nested state"),
            ("<parallel><state/></parallel>", "<parallel>, is a nested state"),
            ("<initial/>", "<initial>, is about nested states, so it cannot be in a table"),
            ("<history/>", "<history>, is a history of nested states, so it cannot be in a table"),
            ("<datamodel/>", "<datamodel>, has data, so it cannot be in a table"),
            ("<onentry><log/></onentry>", "<onentry>, has an effect, so it cannot be in a table"),
            ("<onexit/>", "<onexit>, has an effect, so it cannot be in a table"),
            ("<invoke/>", "<invoke>, has an effect, so it cannot be in a table"),
            ("<log/>", "<log>, must not be inside of <state>"),
            ("<nonsense/>", "<nonsense>, is unknown, so it cannot be in a table"),
            (
                '<x xmlns="u"><y/></x>',
                "<x>, is not in the namespace of SCXML, http://www.w3.org/2005/07/scxml",
            ),
            ("text", " has text, str 'text'"),
            ("<transition target='b'/>", "<transition>, has no event, so it would be taken at once"),
            ("<transition event=' ' target='b'/>", "<transition>, has no event, so it would be taken at once"),
            ("<transition event='*' target='b'/>", "<transition>, has a wildcard, *, instead of the names of events"),
            ("<transition event='x a.*'/>", "<transition>, has a wildcard, a.*, instead of the names of events"),
            ("<transition event='a.'/>", "<transition>, has a wildcard, a., instead of the names of events"),
            ("<transition event='a..b'/>", "<transition>, has an event with an empty part, a..b"),
            (f"<transition event='{'a' * 1001}'/>", "<transition>, has an event of more than 1000 characters"),
            ("<transition event='x' target='a b'/>", "<transition>, must have a single target"),
            ("<transition event='x' target=''/>", "<transition>, must have a single target"),
            ("<transition event='x' target='c'/>", "<transition>, target is c, which is not the id of a state"),
            ("<transition event='x' type='odd'/>", "<transition>, has the type odd"),
            ("<transition event='x' cond='In(1)' target='b'/>",
             "<transition>, has the condition str 'In(1)', which is not of the form _event.data.guard == \"...\""),
            ("<transition event='x' cond='_event.data.guard == 5' target='b'/>",
             "<transition>, has the condition str '_event.data.guard == 5', which is not of the form _event.data.guard == \"...\""),
            ("<transition event='x' cond='_event.data.guard == &quot;g&quot;'/>",
             "<transition>, has a condition, but no target"),
            ("<transition event='x' id='y'/>", "<transition>, has the attribute id, which cannot be in a table"),
            ("<transition event='x'><raise event='y'/></transition>",
             "<raise>, has an effect, so it cannot be in a table"),
            ("<transition event='x'><log label='y' expr='&quot;z&quot;'/></transition>",
             "<log>, has the attribute label, which cannot be in a table"),
            ("<transition event='x'><log expr='1 + 1'/></transition>",
             "<log>, has an expr that is not a literal string in quotes"),
            ("<transition event='x'><log/></transition>",
             "<log>, has an expr that is not a literal string in quotes"),
        ],
    )  # fmt: skip
    def test_element_that_a_table_lacks_is_refused_with_its_line(
        self, inside: str, reason: str
    ) -> None:
        text = document(
            "<state id='a'>",
            inside,
            "<transition event='end' target='b'/></state>",
            "<final id='b'/>",
        )

        separator = "" if reason.startswith(" ") else ", "
        assert refused(text) == (f"line 3{separator}{reason}",)

    @pytest.mark.parametrize(
        ("text", "reasons"),
        [
            (document(), ["it has no states"]),
            (document("<state/>"), ["line 2, <state>, has no id"]),
            (
                document("<state id='a'/>", "<final id='a'/>"),
                ["line 3, <final>, has the same id as another state, a"],
            ),
            (document("<final id='a'/>", head="initial='b'"),
             ["line 1, <scxml>, initial is b, which is not the id of a state"]),
            (document("<final id='a'/>", head="initial='a a'"),
             ["line 1, <scxml>, initial is a a, which is not the id of a state"]),
            (document("<final id='a'/>", head="exmode='lax'"),
             ["line 1, <scxml>, has the attribute exmode, which cannot be in a table"]),
            (document("<final id='a'><donedata/></final>"),
             ["line 2, <donedata>, has data, so it cannot be in a table"]),
            (document("<final id='a'>", "<transition event='x'/></final>"),
             ["line 3, <transition>, must not be inside of <final>"]),
            (document("<state id='a'><parallel/>", "<scxml/></state>", "<history/>"),
             ["line 2, <parallel>, is a nested state",
              "line 3, <scxml>, must not be inside of <state>",
              "line 4, <history>, is a history of nested states, so it cannot be in a table"]),
            ("<scxml/>", ["line 1, <scxml>, is not in the namespace of SCXML, http://www.w3.org/2005/07/scxml",
                          "it has no states"]),
            ("<state xmlns='http://www.w3.org/2005/07/scxml'/>",
             ["line 1, <state>, is not an scxml element", "it has no states"]),
            ("", ["line 1 is not well-formed XML (no element found)"]),
            ("<a>\n<b></a>", ["line 2 is not well-formed XML (mismatched tag)"]),
            ("<a:b/>", ["line 1 is not well-formed XML (unbound prefix)"]),
        ],
    )  # fmt: skip
    def test_document_that_is_not_a_machine_is_refused(self, text: str, reasons: list[str]) -> None:
        assert refused(text) == tuple(reasons)

    def test_all_reasons_are_kept_and_the_first_are_shown(self) -> None:
        text = document(*["<history/>"] * 50)

        assert len(refused(text)) == 51
        with pytest.raises(
            ConversionError, match=r"(?m)line 21, <history>.*; and 31 more reasons$"
        ):
            Machine.from_scxml(text)

    def test_name_of_a_file_is_refused_with_the_call_that_reads_it(self) -> None:
        with pytest.raises(ConversionError, match=r"pass Path\('light\.scxml'\)\.read_bytes\(\)"):
            Machine.from_scxml("light.scxml")

    @pytest.mark.parametrize("given", [None, 5, ["<scxml/>"], Path("light.scxml")])
    def test_document_of_another_type_is_refused(self, given: Any) -> None:
        with pytest.raises(ConversionError, match=r"as str or bytes, for example .*, got "):
            Machine.from_scxml(given)


class TestAttacks:
    @pytest.mark.parametrize(
        "dtd",
        [
            "<!DOCTYPE scxml>",
            "<!DOCTYPE scxml SYSTEM 'file:///etc/passwd'>",
            "<!DOCTYPE scxml [<!ENTITY a 'aaa'><!ENTITY b '&a;&a;'>]>",
            "<!DOCTYPE scxml [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
            "<!DOCTYPE scxml [<!ENTITY % a SYSTEM 'http://127.0.0.1/a'> %a;]>",
            "<!DOCTYPE scxml [<!ATTLIST state id CDATA 'x'>]>",
        ],
    )
    def test_each_dtd_is_refused_before_it_is_read(self, dtd: str) -> None:
        text = f"<?xml version='1.0'?>\n{dtd}{document('<final id=&quot;&b;&quot;/>')}"

        assert refused(text) == ("line 2 has a DTD, which could expand entities",)

    @pytest.mark.parametrize(
        "text",
        [
            "\ud800",
            b"<?xml version='1.0' encoding='nonsense'?><a/>",
            b"<?xml version='1.0' encoding='utf-7'?><a/>",
            b"<?xml version='1.0' encoding='rot13'?><a/>",
            b"<?xml version='1.0' encoding='idna'?><a/>",
            b"<?xml version='1.0' encoding='undefined'?><a/>",
            b"<?xml version='1.0' encoding='base64'?><a/>",
        ],
    )
    def test_wrong_encoding_is_refused(self, text: str | bytes) -> None:
        (reason,) = refused(text)

        assert reason.startswith("its encoding is wrong (")

    def test_codes_of_characters_that_do_not_exist_stay_as_they_are(self) -> None:
        for code in ("_x110000_", "_xFFFFFFFFFF_", f"_x{'F' * 9999}_", "_X41_"):
            assert decoded(code) == code
        assert decoded("_x0000000041_") == "A"
        assert decoded("_x10FFFF__x00_") == "\U0010ffff\0"

    @pytest.mark.parametrize(
        "text",
        [
            # each transition on e is one on each e.0, e.1, ...
            document(
                *[f"<state id='s{n}'><transition event='e e.{n}' target='s0'/></state>" for n in range(2000)]
            ),
            # each event has the guards of all shorter ones
            document(
                "<state id='a'>",
                *[
                    f"<transition event='{'.e' * n}' cond='_event.data.guard == &quot;{n}&quot;' target='a'/>".replace("'.e", "'e")
                    for n in range(1, 400)
                ] * 20,
                "</state>",
            ),
        ],
    )  # fmt: skip
    def test_document_with_too_many_events_is_refused_in_time(self, text: str) -> None:
        start = time.perf_counter()

        try:
            (reason,) = refused(text)
        finally:
            assert time.perf_counter() - start < 20
        assert reason == "it has more than 1000000 events in its states"

    @pytest.mark.parametrize(
        "cond",
        [
            f"_event.data.guard == 'x{' ' * 200_000}x",
            f"_event.data.guard{' ' * 200_000}=",
            f"_event.data.guard == {'[' * 200_000}",
            "_event.data.guard == &quot;x",
            "_event.data.guard == 'x\\y'",
        ],
    )
    def test_long_or_wrong_literal_is_refused_in_time(self, cond: str) -> None:
        start = time.perf_counter()
        text = document(f'<state id="a"><transition event="e" cond="{cond}" target="a"/></state>')

        (reason,) = refused(text)
        assert "which is not of the form" in reason
        assert time.perf_counter() - start < 5

    def test_deep_document_is_refused(self) -> None:
        depth = 100_000
        text = document("<state id='a'>" * depth + "</state>" * depth)

        assert refused(text) == ("line 2, <state>, is a nested state",)

    @example(b"<scxml")
    @given(st.binary())
    def test_any_bytes_are_refused_with_our_error(self, text: bytes) -> None:
        assert refused(text)

    @settings(deadline=None)
    @given(st.data())
    def test_damaged_document_is_read_or_refused_with_our_error(self, data: st.DataObject) -> None:
        text = scxml(Diagram([data.draw(st.sampled_from(DAMAGED))]))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(text)))
            end = place + data.draw(st.integers(0, 12))
            new = st.text(max_size=2) | st.sampled_from(
                ["<state>", "</state>", "'", '"', "<", "&", " x='1'"]
            )
            text = text[:place] + data.draw(new) + text[end:]
        try:
            machine = Machine.from_scxml(text)
        except TableError as error:
            refusal: TableError | None = error
        else:
            refusal = None
            assert machine.table.states
        assert refusal is None or str(refusal).isprintable()


class TestCommand:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "door.scxml").write_text(scxml(Diagram([table()])))
        (tmp_path / "bad.scxml").write_text(document())
        (tmp_path / "folder.scxml").mkdir()
        (tmp_path / "checked.scxml").write_text(document("<final id='a'/><final id='b'/>"))

    def test_document_is_drawn_and_explained(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["diagram", "door.scxml", "-f", "scxml"]) == 0
        assert capfd.readouterr() == (scxml(Diagram([table()])), "")
        assert main(["explain", "door.scxml", "client"]) == 0
        assert capfd.readouterr().out.startswith("door\n  3 states, 2 events, 2 rows.")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("none.scxml", "there is no file none.scxml"),
            ("folder.scxml", "cannot read folder.scxml: "),
            (
                "bad.scxml",
                "in bad.scxml, the SCXML document cannot become a Machine, because it has no",
            ),
            ("checked.scxml", "in checked.scxml, table 'machine': no row leads from a to state b"),
        ],
    )
    def test_document_that_is_not_a_machine_is_a_failure(
        self, name: str, text: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagram", name]) == 1
        assert capfd.readouterr().err.startswith(f"wsfsm: {text}")
        with pytest.raises(MachineNotFound):
            find(name)

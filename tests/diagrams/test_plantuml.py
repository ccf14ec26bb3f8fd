"""Diagrams in PlantUML."""

import html
import re
from collections import Counter

import attrs
import pytest
from helpers.diagram_tables import LIGHT, ODD, ODDER, STRANGE, coupling

from wsfsm.diagrams import COUPLED, DIAGRAMS, OCCURRENCE, SENT, Diagram, plantuml
from wsfsm.fsm import Row, Table

# a harmless character, the number of another one, or markup of ours
LABEL = r"([\w .,()-]|[^\x00-\x7f]|&#\d+;|<U\+[0-9A-F]{4}>|\\n|</?i>|<color:#\w{6}>|</color>)*"
STATEMENT = re.compile(
    rf'@startuml|@enduml|hide empty description|legend|endlegend|state "{LABEL}" as \w+( {{)?|}}'
    rf"|\w+ : {LABEL}|(\w+|\[\*\]) --> (\w+|\[\*\])( : {LABEL})?"
    rf"|\w+ -\[#\w{{6}},dashed\]-> \w+ : {LABEL}"
)


def seen(written: str) -> str:
    """The text of a label, as PlantUML shows it."""
    text = re.sub(r"<U\+(\w{4})>", lambda found: f"&#{int(found[1], 16)};", written)
    return html.unescape(re.sub(r"</?i>|</?color[^>]*>", "", text))


@pytest.mark.parametrize("name", DIAGRAMS)
def test_plantuml_has_all_states_and_events(name: str) -> None:
    every = attrs.evolve(DIAGRAMS[name], merge_edges=False, outputs=False)
    drawn = plantuml(every)

    for number, table in enumerate(every.tables):
        states = re.findall(rf'state "(\w+)" as m{number}s\d', drawn)
        assert states == [state.name for state in table.states]
    rows = [row for table in every.tables for row in table.rows]
    names = Counter(e if isinstance(e, str) else e.name for e in (row.event for row in rows))
    labels = [label for line in drawn.splitlines() if " : " in line and "dashed" not in line
              for label in line.split(" : ", 1)[1].split(r"\n")]  # fmt: skip
    told = Counter(seen(label) for label in labels)
    assert {event: told[event] for event in names} == names


def test_plantuml_marks_starts_and_ends() -> None:
    drawn = plantuml(DIAGRAMS["both"])

    assert re.findall(r"\[\*\] --> (\w+)", drawn) == ["m0s0", "m1s0"]
    assert re.findall(r"(\w+) --> \[\*\]", drawn) == ["m0s2", "m1s3"]


def test_plantuml_has_no_end_of_an_endless_machine() -> None:
    rows = (Row("on", "blink", "off"), Row("off", "blink", "on"))
    drawn = plantuml(Diagram([Table("blinker", ("on", "off"), "on", (), rows, endless=True)]))

    assert drawn.count("[*]") == 1


def test_plantuml_colours_each_event_by_its_kind_on_one_arrow() -> None:
    drawn = plantuml(DIAGRAMS["application"])

    assert (
        f"m0s1 --> m0s3 : <color:{SENT.colour}>websocket.close</color>"
        rf"\n<color:{OCCURRENCE.colour}><i>transport lost</i></color>"
    ) in drawn
    assert f"  m0s1 : <color:{SENT.colour}>websocket.send</color>\n" in drawn


def test_plantuml_shows_guards_in_brackets_below_their_event() -> None:
    drawn = plantuml(DIAGRAMS["application"])

    assert rf"response.body</color>\n<color:{SENT.colour}><i>&#91;not more_body&#93;</i>" in drawn


def test_plantuml_draws_couplings_as_dashed_arrows() -> None:
    drawn = plantuml(DIAGRAMS["both"])

    assert f"\nm0 -[{COUPLED.colour},dashed]-> m1 : <color:{COUPLED.colour}>after web" in drawn
    assert f"\nm1 -[{COUPLED.colour},dashed]-> m0 : " in drawn


@pytest.mark.parametrize(
    ("diagram", "length"),
    [(Diagram([LIGHT]), 1), (DIAGRAMS["client"], 2), (DIAGRAMS["both"], 6)],
)
def test_plantuml_legend_explains_only_elements_in_use(diagram: Diagram, length: int) -> None:
    (legend,) = re.findall(r"\nlegend\n(.*?)\nendlegend\n", plantuml(diagram), re.DOTALL)

    assert len(legend.splitlines()) == length


def test_plantuml_escapes_names() -> None:
    drawn = plantuml(Diagram([STRANGE, LIGHT], [coupling()]))
    (legend,) = re.findall(r"\nlegend\n(.*?)\nendlegend\n", drawn, re.DOTALL)
    rest = drawn.replace(legend, "").splitlines()

    assert [line for line in rest if line and not STATEMENT.fullmatch(line.strip())] == []
    assert ODD in seen(drawn)
    lines = ODDER.splitlines()
    assert "two" in lines[0]
    assert r"lines\t\x00</script>" in seen(drawn)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("\\", "<U+005C>"),
        ("$1", "<U+0024>1"),
        ("a--b", "a&#45;&#45;b"),
        ("a-b.c", "a-b.c"),
        ("..", "&#46;&#46;"),
        ("__a__", "&#95;&#95;a&#95;&#95;"),
        ("a_b", "a_b"),
        (" a  b", "&#32;a&#32;&#32;b"),
        ("\U0001f600 \u00e9", "\U0001f600 \u00e9"),
        ("", "&#34;&#34;"),
    ],
)  # fmt: skip
def test_plantuml_writes_special_characters_by_their_numbers(name: str, written: str) -> None:
    table = Table("t", (name, "end"), name, ("end",), (Row(name, "go", "end"),))

    assert f'state "{written}" as m0s0\n' in plantuml(Diagram([table]))
    assert seen(written) == (name or '""')

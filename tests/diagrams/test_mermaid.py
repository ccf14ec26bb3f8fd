"""Diagrams in Mermaid."""

import html
import re
from collections import Counter

import attrs
import pytest
from helpers.diagram_tables import (
    LIGHT,
    ODD,
    STRANGE,
    coupling,
)

from wsfsm.diagrams import (
    DIAGRAMS,
    Diagram,
    mermaid,
)


class TestMermaid:
    @pytest.mark.parametrize("name", DIAGRAMS)
    def test_mermaid_has_all_states_and_events(self, name: str) -> None:
        every = attrs.evolve(DIAGRAMS[name], merge_edges=False, outputs=False)
        drawn, tables = mermaid(every), every.tables

        for number, table in enumerate(tables):
            states = re.findall(rf'state "(\w+)" as m{number}s\d', drawn)
            assert states == [state.name for state in table.states]
        events = [row.event for table in tables for row in table.rows]
        names = Counter(e if isinstance(e, str) else e.name for e in events)
        known = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
        told = re.findall(f"(?:[:/] |>)({known})(?=<|\n)", drawn.split("    m0 -->")[0])
        assert Counter(told) == names

    def test_mermaid_marks_starts_and_ends(self) -> None:
        drawn = mermaid(DIAGRAMS["both"])

        assert re.findall(r"\[\*\] --> (\w+)", drawn) == ["m0s0", "m1s0"]
        assert re.findall(r"(\w+) --> \[\*\]", drawn) == ["m0s2", "m1s3"]

    def test_mermaid_merges_edges_between_two_states_into_one_arrow(self) -> None:
        drawn = mermaid(DIAGRAMS["application"])
        arrows = re.findall(r"(\w+ --> \w+) :", drawn)

        assert "m0s1 --> m0s3 : websocket.close<br/><i>transport lost</i>\n" in drawn
        assert len(arrows) == len(set(arrows)) == 5

    def test_mermaid_lists_events_that_do_not_change_a_state_inside_it(self) -> None:
        assert "\n        m0s1 : websocket.receive\n" in mermaid(DIAGRAMS["client"])

    @pytest.mark.parametrize(
        ("diagram", "keys"),
        [(Diagram([LIGHT]), 0), (DIAGRAMS["client"], 1), (DIAGRAMS["both"], 2)],
    )
    def test_mermaid_legend_explains_the_kinds_in_use(self, diagram: Diagram, keys: int) -> None:
        drawn = mermaid(diagram)

        assert drawn.count("legend :") == keys
        assert ("as legend" in drawn) == bool(keys)

    def test_mermaid_draws_couplings_as_arrows_between_machines(self) -> None:
        drawn = mermaid(DIAGRAMS["both"])

        assert "\n    m0 --> m1 : after websocket.disconnect,<br/>application allows only" in drawn
        assert "\n    m1 --> m0 : after <i>transport lost</i>,<br/>client shows" in drawn

    def test_mermaid_escapes_names(self) -> None:
        # a harmless character, the number of another one, or markup of ours
        label = r"([\w .,()-]|#\d+;|<br/>|</?i>)*"
        statement = re.compile(
            rf'stateDiagram-v2|direction TB|state "{label}" as \w+( {{)?|}}|\w+ : {label}'
            rf"|(\w+|\[\*\]) --> (\w+|\[\*\])( : {label})?"
        )
        drawn = mermaid(Diagram([STRANGE, LIGHT], [coupling()]))

        assert [ln for ln in drawn.splitlines() if not statement.fullmatch(ln.strip())] == []
        assert ODD in html.unescape(re.sub(r"#(\d+);", r"&#\1;", drawn))

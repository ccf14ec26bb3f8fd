"""Machines explained in words."""

import io
import re

import attrs
import pytest
from helpers.diagram_tables import ODDER, STRANGE
from helpers.machines_app import PUMP, VALVE
from helpers.traffic_light import LIGHT
from rich.console import Console

from wsfsm.diagrams import DIAGRAMS, Diagram, explain
from wsfsm.diagrams._explanation import sections, shortest_paths
from wsfsm.diagrams._terminal import show
from wsfsm.fsm import Row, Table
from wsfsm.tables import SERVER


def lines(text: str, title: str) -> list[str]:
    """The lines of a section."""
    return [
        line.strip()
        for line in text.split(f"{title}\n")[1].split("\n\n", maxsplit=1)[0].strip().splitlines()
    ]


class TestShortestPaths:
    def test_path_has_the_fewest_rows(self) -> None:
        paths = shortest_paths(SERVER.table)

        assert [*paths] == [*SERVER.table.states]
        assert paths[SERVER.table.initial] == ()
        fewest: dict[object, int] = {}
        for path in SERVER.table.paths(2):  # shortest first
            fewest.setdefault(path[-1].target if path else SERVER.table.initial, len(path))
        assert max(map(len, paths.values())) > 2
        for state, path in paths.items():
            assert len(path) == fewest[state] if state in fewest else len(path) > 2

    def test_path_leads_to_its_state(self) -> None:
        for state, path in shortest_paths(SERVER.table).items():
            node = SERVER.initial
            for row in path:
                node = node.step(row.event)
            assert node.state == state


class TestExplain:
    def test_explanation_has_every_state_with_its_role_and_path(self) -> None:
        assert lines(explain(Diagram([LIGHT])), "reachable") == [
            "state  role     shortest path",
            "RED    initial  none is needed",
            "GREEN           timer",
            "OFF    final    switch",
        ]

    def test_explanation_has_the_effect_of_every_event_in_every_state(self) -> None:
        assert lines(explain(Diagram([LIGHT])), "Events") == [
            "event           effect in each state",
            "timer           RED -> GREEN; GREEN -> RED; refused in OFF",
            "switch          RED -> OFF; refused in GREEN, OFF",
            "tick            GREEN stays; refused in RED, OFF",
            "switch [fault]  GREEN -> OFF; refused in RED, OFF",
        ]

    def test_event_that_no_state_refuses_says_nothing_of_refusals(self) -> None:
        blinker = Table(
            "blinker", ("on",), "on", (), (Row("on", "blink", "on", "", ("dark", "bright")),), endless=True
        )  # fmt: skip
        text = explain(Diagram([blinker]))

        assert lines(text, "Events")[1] == "blink  on stays / dark, bright"
        assert "1 state, 1 event, 1 row. It starts in on and runs for ever.\n" in text
        assert lines(text, "nor by an output") == ["None."]

    def test_rows_that_change_nothing_are_listed(self) -> None:
        noisy = attrs.evolve(PUMP.table.rows[1], outputs=("beat",))
        rows = (PUMP.table.rows[0], noisy, *PUMP.table.rows[2:])

        assert lines(explain(Diagram([PUMP])), "nor by an output")[1:] == ["running  pulse"]
        quiet = Diagram([attrs.evolve(PUMP.table, rows=rows)])
        assert lines(explain(quiet), "nor by an output") == ["None."]

    def test_every_machine_and_coupling_of_a_diagram_is_explained(self) -> None:
        text = explain(DIAGRAMS["both"])

        assert text.startswith("client\n  3 states, ")
        assert "\n\napplication\n  4 states, " in text
        told = lines(text, "Couplings")
        assert len(told) == 1 + len(DIAGRAMS["both"].couplings)
        assert told[2].startswith("application  after transport lost, client shows DISCONNECTED  ")
        assert text.endswith("\n")
        assert "Couplings" not in explain(Diagram([VALVE]))

    def test_names_are_printable(self) -> None:
        text = explain(Diagram([STRANGE]))

        assert text.replace("\n", "").isprintable()
        assert re.search(r'^  ""  +initial  none is needed$', text, re.MULTILINE)
        assert ODDER.encode("unicode_escape").decode() in text


class TestShow:
    def test_terminal_shows_every_cell_of_the_explanation(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = io.StringIO()
        monkeypatch.setattr("rich.console.Console", lambda: Console(file=out, width=400))

        assert show(DIAGRAMS["both"])
        for section in sections(DIAGRAMS["both"]):
            assert section.title in out.getvalue()
            assert section.text in out.getvalue()
            for cells in section.rows:
                assert all(cell in out.getvalue() for cell in cells)

    def test_terminal_shows_markup_of_rich_as_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        out = io.StringIO()
        monkeypatch.setattr("rich.console.Console", lambda: Console(file=out, width=400))
        table = Table("[b]t", ("[red]", "b"), "[red]", ("b",), (Row("[red]", "[/]", "b"),))

        assert show(Diagram([table]))
        assert out.getvalue().startswith("[b]t\n")
        assert "[red] -> b; refused in b" in out.getvalue()

"""Tables in Markdown."""

import re
from typing import Any

import pytest
from helpers.diagram_tables import LIGHT, STRANGE, coupling, table_of

from wsfsm.diagrams import (
    DIAGRAMS,
    Diagram,
    markdown,
)
from wsfsm.fsm import Event


class TestMarkdown:
    def test_markdown_shows_every_state_with_every_event(self) -> None:
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in markdown(DIAGRAMS["client"]).splitlines()
            if line.startswith("|")
        ]

        assert rows[:5] == [
            ["event", "`CONNECTING`", "`CONNECTED`", "`DISCONNECTED`"],
            ["-" * 22, "-" * 12, "-" * 14, "-" * 14],
            ["`websocket.connect`", "`CONNECTED`", "-", "-"],
            ["`websocket.receive`", "-", "`CONNECTED`", "-"],
            ["`websocket.disconnect`", "-", "`DISCONNECTED`", "-"],
        ]

    @pytest.mark.parametrize("name", DIAGRAMS)
    def test_markdown_shows_every_row_and_coupling_with_its_note(self, name: str) -> None:
        drawn, diagram = markdown(DIAGRAMS[name]), DIAGRAMS[name]
        rows = [row for table in diagram.tables for row in table.rows]

        for note in [row.note for row in rows] + [tie.note for tie in diagram.couplings]:
            assert f"| {note} " in drawn
        assert len(re.findall(r"^\| `[A-Z_]+` +\| [^|]+ \| `[A-Z_]+`", drawn, re.MULTILINE)) == len(
            rows
        )

    def test_markdown_names_start_ends_and_kinds_of_events(self) -> None:
        drawn = markdown(DIAGRAMS["application"])

        assert (
            "Its events are messages that the application sends and events that are not messages.\n"
            in drawn
        )
        assert "It starts in `CONNECTING` and ends in `DISCONNECTED`.\n" in drawn
        assert "*Italics*" in drawn

    def test_markdown_explains_only_elements_in_use(self) -> None:
        drawn = markdown(Diagram([LIGHT]))

        assert "Its events" not in drawn
        assert "*Italics*" not in drawn
        assert "Couplings" not in drawn

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({}, "is not affected"),
            ({"still_allows": ()}, "allows nothing"),
            ({"still_allows": ("waits_for_it",)}, "allows only `waits_for_it`"),
            (
                {"still_allows": (STRANGE.events[-1], "waits_for_it")},
                "allows only <i> a b </i> or `waits_for_it`",
            ),
            ({"still_allows": (), "forwards": False}, "allows nothing and forwards nothing"),
            ({"shown_as": "[*]"}, r"shows <code>[\*]</code>"),
        ],
    )
    def test_markdown_explains_the_effect_of_a_coupling(
        self, changes: dict[str, Any], told: str
    ) -> None:
        drawn = markdown(Diagram([LIGHT, STRANGE], [coupling(**changes)]))

        assert f'| after `switch`, na"me \\<i\\> {told} |' in drawn

    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("waits_for_it", "`waits_for_it`"),
            ("a|b", r"<code>a\|b</code>"),
            ("`", r"<code>\`</code>"),
            ("_a_", r"<code>\_a\_</code>"),
            ("a\nb", "<code>a<br>b</code>"),
            ("<b>&lt;", r"<code>\<b\>\&lt;</code>"),
            ("[a](b)", r"<code>[a\](b)</code>"),
            (" a", "<code> a</code>"),
            ("\x07", r"<code>\\x07</code>"),
            (Event("a*b", is_message=False), r"*a\*b*"),
            (Event("a", guard="_b"), r"`a` *[\_b]*"),
        ],
    )
    def test_markdown_escapes_names(self, name: str | Event, written: str) -> None:
        drawn = re.sub(" +", " ", markdown(Diagram([table_of("a", name)])))

        assert f"| `a` | {written} | `end of a` | a note |" in drawn

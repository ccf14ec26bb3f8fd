"""The diagrams: that they show the tables, all of them and nothing else."""

import html
import re
import stat
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import attrs
import pytest
from helpers.asgi import ROOT
from hypothesis import given
from hypothesis import strategies as st

from wsfsm.diagrams import (
    CHOSEN,
    COUPLED,
    DIAGRAMS,
    OCCURRENCE,
    RECEIVED,
    SENT,
    SUFFIXES,
    Diagram,
    Form,
    GraphvizError,
    Kind,
    anchor,
    dot,
    markdown,
    mermaid,
    png,
    render,
    svg,
)
from wsfsm.exceptions import BadCoupling
from wsfsm.fsm import Coupling, Event, Machine, Row, Table

COMMITTED = ROOT / "diagrams"
STALE = "stale: run `wsfsm diagram --write diagrams`"
SVG = "{http://www.w3.org/2000/svg}"


class Light(Enum):
    RED = 1
    OFF = 2


LIGHT = Machine(
    Table(
        name="light",
        states=(Light.RED, Light.OFF),
        initial=Light.RED,
        final=(Light.OFF,),
        rows=(Row(Light.RED, "switch", Light.OFF),),
    )
)

ODD = "a\"q'<b>&amp;[x](y)|`c`*d*_e_ #1; : {z}\\n--> %% end"
ODDER = "two\nlines\t\x00</script>"
STRANGE = Table(
    name='na"me <i>',
    states=("", ODD, ODDER, "[*]"),
    initial="",
    final=("[*]",),
    rows=(
        Row("", Event(ODD, guard=ODDER), ODD, "no|te\nof [two](lines)"),
        Row("", Event('style: x#58; "', is_message=False), ODDER),
        Row(ODD, ODD, ODD),
        Row(ODD, "waits_for_it", ODDER),
        Row(ODDER, Event(" a b ", is_message=False), "[*]"),
    ),
)


def coupling(**changes: Any) -> Coupling[Any]:
    """A coupling of the light and the strange machine that changes nothing, with changes."""
    parts: dict[str, Any] = {
        "machine": "light",
        "event": "switch",
        "target": STRANGE.name,
        "still_allows": STRANGE.events,
        "forwards": True,
        "shown_as": None,
    }
    return Coupling(**(parts | changes))


# the two that a table refuses
STATES = st.text().filter(lambda name: name not in {"*", "="})


def table_of(state: str, event: str | Event, name: str = "odd") -> Table[str]:
    """A table of one row."""
    end = f"end of {state}"
    return Table(name, (state, end), state, (end,), (Row(state, event, end, "a note"),))


def elements(drawn: bytes) -> dict[str, tuple[str, str, str]]:
    """What is in an SVG, wherever it stands: title, class and text, by id."""
    found: dict[str, tuple[str, str, str]] = {}
    for group in ET.fromstring(drawn).iter(f"{SVG}g"):  # noqa: S314 - drawn by ourselves
        if group.get("class"):
            # the graph holds all the others; only its own texts are its legend
            texts = group.findall(
                f"{SVG}text" if group.get("class") == "graph" else f".//{SVG}text"
            )
            told = "".join("".join(text.text or "" for text in texts).split())
            assert group.get("id") not in found
            found[group.get("id", "")] = (
                group.findtext(f"{SVG}title", ""),
                group.get("class", ""),
                told,
            )
    return found


def markup(text: str) -> str:
    """What is between the bracket that a text starts with and its counterpart, as DOT reads it."""
    depth, end = 1, 0
    while depth:
        end += 1
        depth += {"<": 1, ">": -1}.get(text[end], 0)
    return text[1:end]


@pytest.mark.parametrize("name", DIAGRAMS)
class TestCommittedFiles:
    @pytest.mark.parametrize("form", ["dot", "mermaid", "markdown"])
    def test_committed_text_is_the_rendered_text(self, name: str, form: Form) -> None:
        committed = COMMITTED / f"{name}{SUFFIXES[form]}"

        assert committed.read_bytes() == render(DIAGRAMS[name], form), STALE

    @pytest.mark.usefixtures("graphviz")
    def test_committed_svg_has_the_elements_of_the_rendered_svg(self, name: str) -> None:
        committed = (COMMITTED / f"{name}.svg").read_bytes()

        assert elements(committed) == elements(svg(DIAGRAMS[name])), STALE

    def test_committed_svg_has_every_state_row_and_coupling_once(self, name: str) -> None:
        diagram = DIAGRAMS[name]
        expected = {f"diagram:{'+'.join(table.name for table in diagram.tables)}"}
        for table in diagram.tables:
            expected |= {table.name, f"{table.name}:start", f"{table.name}:start:arrow"}
            expected |= {anchor(table.name, state.name) for state in table.states}
            if diagram.merge_edges:
                arrows = {(r.source, r.target) for r in table.rows} - {
                    (state, state) for state in table.states
                }
                expected |= {f"{anchor(table.name, s.name)}:{anchor(d.name)}" for s, d in arrows}
            else:
                expected |= {anchor(table.name, r.source.name, str(r.event)) for r in table.rows}
        for tie in diagram.couplings:
            me = f"{tie.machine}:{anchor(str(tie.event))}:{tie.target}"
            expected |= {me, f"{me}:from", f"{me}:to"}

        assert set(elements((COMMITTED / f"{name}.svg").read_bytes())) == expected


def test_diagrams_folder_has_only_rendered_files() -> None:
    expected = {f"{n}{s}" for n in DIAGRAMS for f, s in SUFFIXES.items() if f != "png"}

    assert {path.name for path in COMMITTED.iterdir()} == expected


class TestDiagram:
    def test_machines_and_tables_are_drawn_alike(self) -> None:
        assert Diagram([LIGHT]).tables == Diagram([LIGHT.table]).tables == (LIGHT.table,)

    @pytest.mark.parametrize(
        ("machines", "told"), [([], "got none"), ([LIGHT, LIGHT], "got light, light")]
    )
    def test_machines_without_unique_names_are_refused(
        self, machines: list[Any], told: str
    ) -> None:
        with pytest.raises(ValueError, match=told):
            Diagram(machines)

    @pytest.mark.parametrize("part", ["machine", "target", "event"])
    def test_couplings_of_machines_outside_the_diagram_are_refused(self, part: str) -> None:
        with pytest.raises(
            BadCoupling, match=r"other.*must be in the diagram, which has only light, "
        ):
            Diagram([LIGHT, STRANGE], [coupling(**{part: "other"})])

    def test_events_have_the_kind_of_their_machine_unless_they_are_occurrences(self) -> None:
        diagram = Diagram([LIGHT, STRANGE], kinds={"light": SENT})

        assert diagram.kind(LIGHT.table, "switch") == SENT
        assert diagram.kind(STRANGE, ODD) == CHOSEN
        assert diagram.kind(STRANGE, STRANGE.events[1]) == OCCURRENCE

    @pytest.mark.parametrize(
        ("diagram", "kinds"),
        [
            (Diagram([LIGHT]), (CHOSEN,)),
            (DIAGRAMS["client"], (RECEIVED,)),
            (DIAGRAMS["application"], (SENT, OCCURRENCE)),
            (DIAGRAMS["both"], (RECEIVED, SENT, OCCURRENCE, COUPLED)),
        ],
    )
    def test_legend_has_the_kinds_in_use(self, diagram: Diagram, kinds: tuple[Kind, ...]) -> None:
        assert diagram.legend == kinds


class TestKind:
    @pytest.mark.parametrize(("name", "colour"), [("two words", "#000000"), ("word", "red")])
    def test_kind_with_an_invalid_name_or_colour_is_refused(self, name: str, colour: str) -> None:
        with pytest.raises(ValueError, match="must match regex"):
            Kind(name, "anything", colour)

    @pytest.mark.parametrize("kind", [CHOSEN, SENT, RECEIVED, OCCURRENCE, COUPLED])
    @pytest.mark.parametrize("paper", ["#ffffff", "#f6f8fa"])
    def test_colours_have_enough_contrast_with_their_background(
        self, kind: Kind, paper: str
    ) -> None:
        def luminance(colour: str) -> float:
            values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b

        assert f'="{paper}"' in dot(Diagram([LIGHT]))
        # WCAG 2.2, 1.4.3 (AA): at least 4.5
        assert (luminance(paper) + 0.05) / (luminance(kind.colour) + 0.05) >= 4.5


class TestAnchor:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("client", "CONNECTED"), "client-CONNECTED"),
            (("client", "CONNECTED", "websocket.receive"), "client-CONNECTED-websocket.receive"),
            (("a", "body [more_body]"), "a-body%20%5Bmore_body%5D"),
            (("a-b", "c:d"), "a%2Db-c%3Ad"),
            (("!'()*~", "\u00e9"), "!'()*~-%C3%A9"),
            (("\ud800",), "%ED%A0%80"),
        ],
    )
    def test_anchor_joins_encoded_names(self, names: tuple[str, ...], expected: str) -> None:
        assert anchor(*names) == expected

    @given(st.sets(st.lists(st.text("a-%:2D "), min_size=1, max_size=3).map(tuple)))
    def test_anchors_of_different_names_differ(self, names: set[tuple[str, ...]]) -> None:
        ids = {anchor(*several) for several in names}

        assert len(ids) == len(names)
        assert not any(":" in me or " " in me for me in ids)


class TestDot:
    @pytest.mark.parametrize(
        ("me", "holds"),
        [
            ("application-CONNECTING", 'class="state initial"'),
            ("application-CONNECTED", 'class="state"'),
            ("application-DISCONNECTED", 'class="state final"'),
            ("application-DISCONNECTED", 'peripheries="2"'),
            ("application:start", 'shape="point"'),
            ("application-CONNECTING-websocket.accept", 'class="sent"'),
            ("application-CONNECTING-websocket.accept", f'color="{SENT.colour}"'),
            ("application-CONNECTED-websocket.send", 'class="sent loop"'),
            ("application-CONNECTED-transport%20lost", "<I>transport lost</I>"),
            ("application-CONNECTED-transport%20lost", f'color="{OCCURRENCE.colour}"'),
            ("application-RESPONSE-websocket.http.response.body%20%5Bmore_body%5D", "<I>[more_"),
        ],
    )
    def test_dot_marks_start_ends_kinds_and_loops(self, me: str, holds: str) -> None:
        [line] = [ln for ln in dot(DIAGRAMS["application"]).splitlines() if f'id="{me}"' in ln]

        assert holds in line

    def test_dot_doubles_only_final_states(self) -> None:
        assert dot(DIAGRAMS["both"]).count("peripheries") == 2

    def test_dot_legend_explains_italics_only_if_they_occur(self) -> None:
        assert "not a literal name" in dot(DIAGRAMS["application"])
        assert "not a literal name" not in dot(DIAGRAMS["client"])

    @pytest.mark.parametrize(
        ("me", "above", "below"),
        [
            ("client:websocket.disconnect:application", "none", "forward"),
            ("application:transport%20lost:client", "back", "none"),
        ],
    )
    def test_dot_draws_couplings_as_dashed_lines_to_the_bound_machine(
        self, me: str, above: str, below: str
    ) -> None:
        drawn = dot(DIAGRAMS["both"])

        [upper] = re.findall(rf'"client-DISCONNECTED" -> "{me}" \[(.*)\];', drawn)
        [lower] = re.findall(rf'"{me}" -> "application:start" \[(.*)\];', drawn)
        for line, direction in ((upper, above), (lower, below)):
            assert f'dir="{direction}"' in line
            assert 'style="dashed"' in line

    @pytest.mark.usefixtures("graphviz")
    def test_dot_escapes_names(self) -> None:
        ties = [
            coupling(),
            coupling(machine=STRANGE.name, event=ODD, still_allows=(), shown_as=ODD),
        ]
        found = elements(svg(Diagram([STRANGE, LIGHT], ties)))

        assert found[anchor(STRANGE.name, ODD)][2] == "".join(ODD.split())
        assert found[anchor(STRANGE.name, ODDER)][2] == r"twolines\t\x00</script>"
        assert found[anchor(STRANGE.name, "")][2] == '""'
        machines, states, rows = 2, 4 + 2, 5 + 1
        assert len(found) == 1 + 3 * machines + states + rows + 3 * len(ties)

    @given(st.text(), STATES, st.text(min_size=1), st.text())
    def test_dot_labels_are_well_formed_for_any_text(
        self, name: str, state: str, event: str, guard: str
    ) -> None:
        drawn = dot(Diagram([table_of(state, Event(event, guard=guard), name)]))

        assert drawn.replace("\n", "").isprintable()
        labels = [markup(rest) for rest in drawn.split(" label=")[1:]]
        assert len(labels) == 5
        for label in labels:
            ET.fromstring(f"<x>{label}</x>")  # noqa: S314 - written by ourselves


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


def fake_dot(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A program `dot` that is the only one on the PATH."""
    program = folder / "dot"
    program.write_text(script, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return program


class TestGraphviz:
    @pytest.mark.usefixtures("graphviz")
    @pytest.mark.parametrize(("draw", "magic"), [(svg, b"<?xml"), (png, b"\x89PNG\r\n\x1a\n")])
    def test_graphviz_draws_images(self, draw: Any, magic: bytes) -> None:
        assert draw(Diagram([LIGHT])).startswith(magic)

    @pytest.mark.parametrize("draw", [svg, png])
    def test_graphviz_is_called_with_the_format_and_the_text(
        self, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_dot(tmp_path, monkeypatch, "#!/bin/sh\necho $*\nexec /bin/cat\n")
        diagram = Diagram([LIGHT])

        assert draw(diagram).decode() == f"-T{draw.__name__}\n{dot(diagram)}"

    @pytest.mark.parametrize("draw", [svg, png])
    def test_missing_graphviz_is_reported_with_the_package_to_install(
        self, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(GraphvizError, match=f"^{draw.__name__} .*the package 'graphviz'"):
            draw(Diagram([LIGHT]))

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("#!/bin/sh\necho 'no such font' >&2\nexit 3\n", "failed with status 3: no such font"),
            ("#!/bin/sh\nexit 3\n", "failed with status 3: no reason given"),
            ("#!/no/such/interpreter\n", "cannot be run: No such file or directory"),
        ],
    )
    def test_failure_of_graphviz_is_reported_with_its_reason(
        self, script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = fake_dot(tmp_path, monkeypatch, script)

        with pytest.raises(GraphvizError, match=re.escape(f"{program} {told}")):
            svg(Diagram([LIGHT]))

    def test_graphviz_that_hangs_is_stopped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = fake_dot(tmp_path, monkeypatch, "#!/bin/sh\nexec /bin/sleep 60\n")
        monkeypatch.setattr("wsfsm.diagrams._graphviz._PATIENCE", 0.05)

        with pytest.raises(GraphvizError, match=f"{program} has not finished within 0.05 seconds"):
            svg(Diagram([LIGHT]))


class TestRender:
    @pytest.mark.parametrize("draw", [dot, mermaid, markdown])
    def test_render_encodes_text_as_utf8(self, draw: Any) -> None:
        diagram = Diagram([attrs.evolve(LIGHT.table, name="l\u00e4mp")])

        assert "l\u00e4mp".encode() in draw(diagram).encode()
        assert render(diagram, draw.__name__) == draw(diagram).encode()

    @pytest.mark.usefixtures("graphviz")
    @pytest.mark.parametrize("draw", [svg, png])
    def test_render_returns_images_of_graphviz(self, draw: Any) -> None:
        assert render(Diagram([LIGHT]), draw.__name__) == draw(Diagram([LIGHT]))

    def test_every_format_has_a_suffix(self) -> None:
        assert tuple(SUFFIXES) == get_args(Form)

"""The diagrams: committed files, the parts of a diagram, and its rendering to bytes."""

from typing import Any, get_args

import attrs
import pytest
from helpers.asgi import ROOT
from helpers.diagram_tables import LIGHT, ODD, STRANGE, coupling, elements
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

COMMITTED = ROOT / "diagrams"
STALE = "stale: run `wsfsm diagram --write diagrams`"


@pytest.mark.parametrize("name", DIAGRAMS)
class TestCommittedFiles:
    @pytest.mark.parametrize("form", [form for form in SUFFIXES if form not in {"svg", "png"}])
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

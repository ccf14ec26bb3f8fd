"""Names of all kinds in the diagrams: each picture shows the name that the table has."""

import html
import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from wsfsm.diagrams import Diagram, Kind, dot, markdown, mermaid, plantuml, png, svg
from wsfsm.fsm import Coupling, Event, Row, Table

pytestmark = [pytest.mark.unmeasured, pytest.mark.one_python]

PLAIN = [
    # Graphviz: escape sequences of labels (escString), entities, markup, the end of a string
    "\\", "\\\\", "\\G", "\\N", "\\E", "\\T", "\\H", "\\L", "\\l\\r\\n", "C:\\Games", "\\Gamma", "\\d+\\.",
    "&", "&amp;", "&#92;N", "<B>", "</I>", "<BR/>", "<!--", "]]>", '"', '">', "'", "{", "|", "a->b", "graph",
    # Mermaid: comments, ends of statements, numbers of characters, statements, emphasis
    "%", "%%", "%%{init}%%", ";", "#", "#35;", "-->", "[*]", "<<fork>>", ":::a", "end", "state", "note",
    "direction TB", "Redirection  lr", "__init__", "_a_", "**a**", "$$a$$", "1. a", "- a",
    # Markdown: code, cells, emphasis, links, entities, the end of a heading
    "`", "``", "`a`", "a|b", "\\|", "|---|", "*a*", "~~a~~", "[a](b)", "![a](b)", "a #", "##", "a\\", "# a",
    # and what has no special meaning anywhere
    "%s", "{0}", "${a}", "0", ".", "\u05d0\u05d1", "\U0001f600", "\u00e9", "a\u0301", "x" * 900,
]  # fmt: skip
"""Names that are shown as they are."""

ESCAPED = [
    ("\n", r"\n"),
    ("\r\n", r"\r\n"),
    ("\n\n", r"\n\n"),
    ("\u2028", r"\u2028"),
    ("\x85", r"\x85"),
    (" ", r"\x20"),
    (" \n ", r"\x20\n\x20"),
    ("\t", r"\t"),
    ("\xa0", r"\xa0"),
    ("\x00", r"\x00"),
    ("\x1b[31m", r"\x1b[31m"),
    ("\u202eabc", r"\u202eabc"),
    ("\ud800", r"\ud800"),
    ("a\n", r"a\n"),
    ("", '""'),
]
"""Names that cannot be seen, or not all of them: the text that is shown."""

NAMES = [*((name, name) for name in PLAIN), *ESCAPED]
IDS = [f"{name[:20]!r}" for name, _ in NAMES]


def everywhere(name: str) -> Table[str]:
    """A table in which all has this name that can have it."""
    event = name or "event"  # which has at least one character
    rows = (
        Row(name, event, "the end", name, (name,)),
        Row(name, Event("guarded", guard=event), name),
        Row(name, Event(f"{event}!", is_message=False), name),
    )
    return Table(name, (name, "the end"), name, ("the end",), rows)


def diagram(*names: str, merge_edges: bool = False) -> Diagram:
    kinds = {name: Kind("kind", name, "#000000") for name in names}
    return Diagram([everywhere(name) for name in names], kinds=kinds, merge_edges=merge_edges)


def texts(drawn: bytes) -> Counter[str]:
    """All that is written in an SVG."""
    root = ET.fromstring(drawn)  # noqa: S314 - drawn by ourselves
    found = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    return Counter(text.replace("\xa0", " ").strip() for text in found)


@pytest.mark.usefixtures("graphviz")
class TestGraphviz:
    @pytest.mark.parametrize("merge_edges", [False, True])
    def test_graphviz_draws_every_name_unchanged(self, merge_edges: bool) -> None:
        found = texts(svg(diagram(*(name for name, _ in NAMES), merge_edges=merge_edges)))
        # the machine, the state, the event and what the legend says of it
        wrong = {
            name: found[shown]
            for name, shown in NAMES
            if name and found[shown] + found[f"{shown} / {shown}"] < 4
        }

        assert wrong == {}
        assert found['""'] == 3
        outputs = [text for text in found if text.partition("/ ")[2]]
        assert {text.partition("/ ")[2] for text in outputs} >= {shown for _, shown in NAMES}

    def test_graphviz_draws_names_in_couplings_unchanged(self) -> None:
        name = r"\N"
        tie: Coupling[str] = Coupling(name, name, "C:\\Games", (name,), False, "\\")
        tables = [everywhere(name), Table("C:\\Games", ("\\", name), "\\", (name,), (Row("\\", name, name),))]  # fmt: skip
        found = texts(svg(Diagram(tables, [tie])))

        assert found[r"after \N,"] == 1
        assert found["C:\\Games allows nothing"] + found["C:\\Games forwards nothing"] == 1
        assert found["and shows \\"] == 1

    @pytest.mark.parametrize("merge_edges", [False, True])
    @pytest.mark.parametrize("name", ["x" * 20_000, "\u00e9" * 9_000, "\\&" * 9_000, "a " * 9_000])
    def test_graphviz_wraps_long_names(self, name: str, merge_edges: bool) -> None:
        found = texts(svg(diagram(name, merge_edges=merge_edges)))
        piece = name[:1000].strip()

        # the last line of the event and the first one of its outputs can be one
        assert max(map(len, found)) < 2100
        assert found[piece] >= 4 * (len(name) // 1000 - 1)

    def test_png_is_drawn_with_unusual_names(self) -> None:
        drawn = png(diagram(*(name for name, _ in NAMES)))

        assert drawn.startswith(b"\x89PNG")


class TestDot:
    @pytest.mark.parametrize(("name", "shown"), ESCAPED)
    def test_dot_label_is_never_empty(self, name: str, shown: str) -> None:
        written = html.escape(shown).replace("\\", "\\\\")

        assert f"label=<<B>{written}</B>>" in dot(diagram(name))

    @given(st.text(alphabet="\n\r\x85\u2028 \ta", min_size=1))
    def test_dot_shows_every_line_break_as_a_line_or_an_escape(self, name: str) -> None:
        [label] = re.findall("label=<<B>(.*)</B>>", dot(diagram(name)))
        lines = html.unescape(label).split("<BR/>")

        assert any(line.strip() for line in lines)
        assert lines[-1] != ""
        assert len(lines) == max(len(name.rstrip("\n\r\x85\u2028").splitlines()), 1) or (
            not name.strip() and len(lines) == 1
        )


class TestMermaid:
    @pytest.mark.parametrize(("name", "shown"), NAMES, ids=IDS)
    def test_mermaid_names_can_be_read_back(self, name: str, shown: str) -> None:
        drawn = mermaid(diagram(name))
        [state] = re.findall('state "(.*)" as m0s0', drawn)

        assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), state) == shown
        assert drawn.count(f"{state}<br/>#47; {state}\n") == 1 or name == ""

    @pytest.mark.parametrize("name", [name for name, _ in NAMES], ids=IDS)
    def test_mermaid_names_are_not_read_as_syntax(self, name: str) -> None:
        drawn = mermaid(diagram(name))
        labels = re.findall('state "(.*)" as| : (.*)', drawn)
        harmless = re.compile(r"([^\W_]|(?<=[^\W_])_(?=[^\W_])|[ .,()-])*")
        directions = re.findall(r".*direction\s+(?:TB|BT|RL|LR).*", drawn, re.IGNORECASE)

        assert len(labels) >= 8
        for label in map("".join, labels):
            text = re.sub(r"#\d+;|<br/>|</?i>", " ", label)
            assert harmless.fullmatch(text), label
        assert {line.strip() for line in directions} == {"direction TB"}

    def test_mermaid_keeps_underscores_within_words(self) -> None:
        assert 'state "waits_for_it"' in mermaid(diagram("waits_for_it"))


class TestPlantUml:
    @pytest.mark.parametrize(("name", "shown"), NAMES, ids=IDS)
    def test_plantuml_names_can_be_read_back(self, name: str, shown: str) -> None:
        drawn = plantuml(diagram(name))
        [state] = re.findall('state "(.*)" as m0s0', drawn)
        codes = re.sub(r"<U\+(\w{4})>", lambda found: f"&#{int(found[1], 16)};", state)

        assert html.unescape(codes) == shown
        assert not re.search(r"[^\w .,()&#;<>+-]", state, re.ASCII) or not state.isascii()


class TestMarkdown:
    @pytest.mark.parametrize(("name", "shown"), NAMES, ids=IDS)
    def test_markdown_shows_the_name_to_a_reader(self, name: str, shown: str) -> None:
        reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        drawn = reader.render(markdown(diagram(name)))
        heads = re.findall("<h[12]>(.*)</h[12]>", drawn)
        cells = Counter(self.seen(cell) for cell in re.findall("<t[dh]>(.*?)</t[dh]>", drawn))

        assert [self.seen(head) for head in heads] == [" ".join(shown.split())] * 2
        # a heading and two cells of the matrix, then the states of three rows, and what is given out
        assert cells[" ".join(shown.split())] >= 8
        assert drawn.count("<table>") == 2

    def seen(self, markup: str) -> str:
        return " ".join(html.unescape(re.sub("<[^>]*>", "", markup)).split())

    @pytest.mark.parametrize(
        ("note", "written"),
        [("a note\n", "a note"), ("\n  a\n  note\n", "a<br>  note")],
    )
    def test_markdown_strips_blanks_around_a_note(self, note: str, written: str) -> None:
        table = Table("t", ("a", "b"), "a", ("b",), (Row("a", "go", "b", note),))

        assert re.search(rf"`b` +\| {written} +\|", markdown(Diagram([table])))

    @pytest.mark.parametrize("note", [" \n", ""])
    def test_markdown_has_no_column_for_notes_that_are_blank(self, note: str) -> None:
        table = Table("t", ("a", "b"), "a", ("b",), (Row("a", "go", "b", note),))

        assert "note" not in markdown(Diagram([table]))

    def test_markdown_does_not_pad_every_line_to_a_long_name(self) -> None:
        rows = (*(Row("a", f"e{n}", "a") for n in range(100)), Row("a", "x" * 10_000, "b"))

        assert len(markdown(Diagram([Table("t", ("a", "b"), "a", ("b",), rows)]))) < 120_000

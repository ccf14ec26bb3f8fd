"""Machines that are found by a name, put into one diagram, and compared with a file."""

import sys
from pathlib import Path

import attrs
import pytest
from helpers.machines_app import PLANT, PUMP, VALVE, Works

from wsfsm import Machine
from wsfsm.diagrams import (
    DIAGRAMS,
    SENT,
    Diagram,
    MachineNotFound,
    Named,
    combine,
    dot,
    find,
    is_current,
    mermaid,
)
from wsfsm.tables import APPLICATION

DECLARED = """
import dataclasses
from sibling import STATES
from wsfsm import Machine, Table, in_state

@dataclasses.dataclass
class Parts:
    states: "tuple[str, ...]"

rows = in_state("on", ("switch off", "off"))
LAMP = Machine(Table("lamp", Parts(STATES).states, "on", ("off",), rows))
"""


def file(folder: Path, text: str) -> str:
    path = folder / "lamp.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def failure(name: str) -> str:
    with pytest.raises(MachineNotFound) as info:
        find(name)
    return str(info.value)


class TestFind:
    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("helpers.machines_app:VALVE", VALVE),
            ("helpers.machines_app:PUMP", PUMP),
            ("helpers.machines_app:PLANT", PLANT),
            ("helpers.machines_app:Works.SPARE", Works.SPARE),
            ("wsfsm.tables:APPLICATION", APPLICATION),
        ],
    )
    def test_find_returns_the_object_of_a_module(self, name: str, found: Named) -> None:
        assert find(name) is found

    def test_find_runs_a_file_with_its_folder_at_the_head_of_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "sibling.py").write_text("STATES = ('on', 'off')", encoding="utf-8")
        before = [*sys.path]
        try:
            found = find(f"{file(tmp_path, DECLARED)}:LAMP")
        finally:
            sys.modules.pop("sibling", None)

        assert isinstance(found, Machine)
        assert found.table.states == ("on", "off")
        assert sys.path == before

    def test_find_runs_a_file_again_each_time(self, tmp_path: Path) -> None:
        text = "from helpers.machines_app import {} as ONE"

        assert find(f"{file(tmp_path, text.format('VALVE'))}:ONE") is VALVE
        assert find(f"{file(tmp_path, text.format('PUMP') + '  # longer')}:ONE") is PUMP

    def test_file_may_change_the_path_of_modules(self, tmp_path: Path) -> None:
        before = [*sys.path]
        find(
            f"{file(tmp_path, 'import sys; del sys.path[0]; from helpers.machines_app import *')}:PUMP"
        )

        assert sys.path == before

    @pytest.mark.parametrize(
        "name", ["", "lamp", "lamp:", ":LAMP", "lamp:a b", "lamp:LAMP.", "a.py:1"]
    )
    def test_name_of_another_form_is_refused(self, name: str) -> None:
        with pytest.raises(
            ValueError, match=r"of the form package.module:NAME or file.py:NAME, got "
        ):
            find(name)

    @pytest.mark.parametrize(
        ("name", "missing"),
        [
            ("lamps:LAMP", "lamps"),
            ("helpers.lamps:LAMP", "helpers.lamps"),
            ("lamps.red:LAMP", "lamps"),
            ("helpers.lamp.red:LAMP", "helpers.lamp.red"),
        ],
    )
    def test_module_that_was_not_found_is_named(self, name: str, missing: str) -> None:
        assert failure(name).startswith(f"there is no module {missing!r}; specify an installed one")

    def test_file_that_does_not_exist_is_named(self) -> None:
        assert failure("no/lamp.py:LAMP") == "there is no file no/lamp.py"

    def test_file_of_another_language_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "lamp.txt"
        path.touch()

        assert failure(f"{path}:LAMP").startswith(f"{path} is not a Python file")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("\n\n1 / 0", "{}, line 3: ZeroDivisionError: division by zero"),
            ("import lamps", "{}, line 1: ModuleNotFoundError: No module named 'lamps'"),
            ("import sys\nsys.exit('over')", "{}, line 2: SystemExit: over"),
            (
                "from wsfsm import Table\n\nTable('lamp', ('on',), 'on', ('off',), ())",
                "{}, line 3: UnknownState: table 'lamp': final state 'off' is not one of the states on",
            ),
        ],
    )
    def test_exception_of_an_import_is_reported_with_its_line(
        self, text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = file(tmp_path, text)
        monkeypatch.syspath_prepend(tmp_path)

        assert failure(f"{path}:LAMP") == said.format(path)
        assert failure("lamp:LAMP") == f"lamp cannot be imported; {said.format(path)}"
        assert "wsfsm_file_lamp" not in sys.modules

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("def __getattr__(name):\n    raise KeyError(name)", "{}, line 2: KeyError: 'LAMP'"),
            (
                "class Lazy:\n    @property\n    def off(self):\n        raise ValueError('no')\nLAMP = Lazy()",
                "{}, line 4: ValueError: no",
            ),
        ],
    )
    def test_exception_of_an_attribute_is_reported_with_its_line(
        self, text: str, said: str, tmp_path: Path
    ) -> None:
        path = file(tmp_path, text)
        name = "LAMP.off" if "Lazy" in text else "LAMP"

        assert failure(f"{path}:{name}") == (
            f"{name!r} of lamp.py cannot be read; {said.format(path)}"
        )

    def test_exception_without_a_text_is_reported(self, tmp_path: Path) -> None:
        path = file(
            tmp_path, "class Odd(Exception):\n    def __str__(self): return None\nraise Odd"
        )

        assert failure(f"{path}:LAMP") == f"{path}, line 3: Odd: (without a text)"

    def test_file_with_wrong_syntax_is_reported_with_the_line(self, tmp_path: Path) -> None:
        path = file(tmp_path, "LAMP = (")

        assert failure(f"{path}:LAMP") == (
            f"{path} cannot be imported; SyntaxError: '(' was never closed (lamp.py, line 1)"
        )

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("helpers.machines_app:PIPE", "helpers.machines_app has no 'PIPE'; it has VALVE, PUMP, PLANT"),
            ("helpers.machines_app:PUMP.red", "helpers.machines_app has no 'PUMP.red'; it has VALVE, PUMP, PLANT"),
            ("json:LAMP", "json has no 'LAMP'; it has no machines"),
            ("json:dumps", "json:dumps must be a Machine, a Table or a Diagram, got function <function d"),
            ("helpers.machines_app:THEIRS", "helpers.machines_app:THEIRS must be a Machine, a Table or a Diagram, got Machine <transitions"),
        ],
    )  # fmt: skip
    def test_object_that_is_not_a_machine_is_described(self, name: str, said: str) -> None:
        assert failure(name).startswith(said)

    def test_machine_of_transitions_can_be_converted(self) -> None:
        assert failure("helpers.machines_app:THEIRS").endswith(
            "; convert it with wsfsm.Machine.from_transitions()"
        )


class TestCombine:
    def test_one_diagram_stays_itself(self) -> None:
        assert combine([PLANT]) is PLANT

    def test_combined_diagram_has_machines_couplings_and_kinds_of_its_parts(self) -> None:
        both = DIAGRAMS["both"]
        combined = combine([VALVE, both, PUMP])

        assert combined.tables == (VALVE, *both.tables, PUMP.table)
        assert combined.couplings == both.couplings
        assert combined.kinds == both.kinds
        assert combine([Diagram([PUMP], kinds={"pump": SENT}), both]).kinds == {
            **both.kinds,
            "pump": SENT,
        }

    def test_outputs_are_hidden_if_a_part_hides_them(self) -> None:
        assert combine([VALVE, PUMP]).outputs
        assert not combine([VALVE, attrs.evolve(PLANT, tables=[PUMP], outputs=False)]).outputs

    def test_edges_are_merged_if_labels_would_overlap_otherwise(self) -> None:
        parallel = attrs.evolve(
            VALVE, rows=(*VALVE.rows, attrs.evolve(VALVE.rows[0], event="slam"))
        )

        assert not combine([VALVE]).merge_edges
        assert combine([parallel]).merge_edges
        assert combine([PUMP, Diagram([VALVE])]).merge_edges
        assert combine([DIAGRAMS["server"], VALVE]).merge_edges
        assert not combine([DIAGRAMS["client"], VALVE]).merge_edges


class TestIsCurrent:
    def test_text_is_compared_but_for_the_ends_of_lines(self) -> None:
        drawn = mermaid(PLANT).encode()

        assert is_current(drawn.replace(b"\n", b"\r\n"), drawn, "mermaid")
        assert not is_current(drawn + b"\n", drawn, "mermaid")
        assert not is_current(dot(PLANT).encode(), drawn, "mermaid")

    @pytest.mark.parametrize(
        ("content", "current"),
        [
            ('<g id="a" class="node" width="9"><text>on</text></g>', True),
            ('<g id="a" class="node"><text>o</text><text>n</text></g>', True),
            ('<g id="a" class="node"><text>off</text></g>', False),
            ('<g id="a" class="edge"><text>on</text></g>', False),
            ('<g id="b" class="node"><text>on</text></g>', False),
            ("", False),
            ('<g id="a" class="node"><text>on</text></g><text>', False),
        ],
    )
    def test_svg_is_compared_by_its_elements_and_texts(self, content: str, current: bool) -> None:
        def picture(inside: str) -> bytes:
            return f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>'.encode()

        drawn = picture('<g id="a" class="node"><text>on</text></g>')
        assert is_current(picture(content), drawn, "svg") == current

    def test_text_of_the_graph_is_only_its_legend(self) -> None:
        def picture(legend: str) -> bytes:
            return (
                f'<svg xmlns="http://www.w3.org/2000/svg"><g id="d" class="graph"><g id="a" '
                f'class="node"><text>on</text></g><text>{legend}</text></g></svg>'
            ).encode()

        assert is_current(picture("final"), picture("final"), "svg")
        assert not is_current(picture("initial"), picture("final"), "svg")

    def test_png_is_refused(self) -> None:
        with pytest.raises(ValueError, match="PNG cannot be compared"):
            is_current(b"", b"", "png")

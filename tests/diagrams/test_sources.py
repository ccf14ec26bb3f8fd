"""The files that can change a machine."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.asgi import ROOT

import wsfsm
from wsfsm.diagrams import find
from wsfsm.diagrams._sources import changeable, modules_of, sources_of


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package whose machine needs two other modules of it."""
    files = {
        "__init__.py": "",
        "machine.py": "import attrs, json\nfrom wsfsm import Table, Row\nfrom .names import GO\n"
        "from sourced import states\ntry:\n    from .. import beyond\nexcept ImportError:\n    pass\n"
        "TABLE = Table('t', states.ALL, 'a', ('b',), (Row('a', GO, 'b'),))\n",
        "names.py": "GO = 'go'\nimport sourced.machine\n",
        "states.py": "ALL = ('a', 'b')\n",
        "other.py": "",
    }
    folder = tmp_path / "sourced"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "sourced"]:
        del sys.modules[name]


def names(paths: tuple[Path, ...]) -> set[str]:
    return {path.name for path in paths}


def test_sources_are_the_files_that_a_module_imports(package: Path) -> None:
    find("sourced.machine:TABLE")

    found = sources_of("sourced.machine:TABLE", package)
    assert names(found) == {"machine.py", "names.py", "states.py", "__init__.py"}
    assert all(path.is_relative_to(package) for path in found)


def test_sources_of_a_file_begin_with_it(package: Path) -> None:
    find("machine_file.py:TABLE", write(package.parent, "from sourced.machine import TABLE\n"))

    first, *others = sources_of("machine_file.py:TABLE", package.parent)
    assert first == (package.parent / "machine_file.py").resolve()
    assert names(tuple(others)) == {"machine.py", "names.py", "states.py", "__init__.py"}


def write(folder: Path, text: str) -> Path:
    (folder / "machine_file.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "found"), [("no_such_module:X", set()), ("no_such_file.py:X", {"no_such_file.py"})]
)
def test_sources_of_a_name_that_is_not_found_are_its_file(
    name: str, found: set[str], tmp_path: Path
) -> None:
    assert names(sources_of(name, tmp_path)) == found


def test_source_of_a_document_is_the_document(tmp_path: Path) -> None:
    assert sources_of("docs/door.scxml", tmp_path) == (
        (tmp_path / "docs" / "door.scxml").resolve(),
    )
    assert modules_of("docs/door.scxml") == ()


def test_sources_of_our_machines_are_our_tables() -> None:
    found = names(sources_of("server", Path()))

    if Path(wsfsm.__file__).is_relative_to(ROOT / "wsfsm"):
        assert {"server.py", "events.py", "states.py", "_table.py"} <= found
        assert "cli.py" not in found
    else:  # an installed package changes only with its version
        assert found == {"__init__.py"}


def test_installed_packages_are_left_out(package: Path) -> None:
    find("sourced.machine:TABLE")

    assert {
        module.__name__.partition(".")[0] for module in modules_of("sourced.machine:TABLE")
    } == {"sourced"}


def test_modules_that_may_change_are_neither_installed_nor_ours(package: Path) -> None:
    find("sourced.machine:TABLE")

    found = dict(changeable(["sourced.machine", "attrs", "json", "sys", "wsfsm.fsm", "no_such"]))
    assert found == {"sourced.machine": (package / "machine.py").resolve()}


@pytest.mark.parametrize("text", [None, "this is not Python", "\0"])
def test_file_that_cannot_be_read_any_more_has_no_imports(text: str | None, package: Path) -> None:
    find("sourced.machine:TABLE")
    path = package / "machine.py"
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")

    assert names(sources_of("sourced.machine:TABLE", package)) == {"machine.py"}

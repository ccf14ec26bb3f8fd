"""Machines by name: ``package.module:NAME``, or ``folder/file.py:NAME`` for a file outside of packages.

A document in SCXML is a machine too: ``folder/file.scxml``.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from transitions import Machine as TheirMachine

from wsfsm._text import describe, listed
from wsfsm.diagrams._model import Diagram
from wsfsm.exceptions import Explained, TableError
from wsfsm.fsm import Machine, Table

__all__ = [
    "MachineNotFound",
    "Named",
    "SourceNotFound",
    "find",
    "in_folder",
    "is_document",
    "is_file",
    "module_of",
    "parts_of",
]

Named: TypeAlias = Machine[Any] | Table[Any] | Diagram
"""An object that a name can lead to."""

_KINDS: Final = (Machine, Table, Diagram)
_THEIRS: Final = "; convert it with wsfsm.Machine.from_transitions()"
_SKIPPED: Final = ("<", str(importlib.__file__), f"{Path(__file__).parents[1]}{os.sep}")


class MachineNotFound(Explained, LookupError):
    """A name does not lead to a machine; the text says why, and where the search has ended."""

    topic = "machine-not-found"


class SourceNotFound(MachineNotFound):
    """There is no file or module of this name."""


def find(name: str, folder: Path = Path()) -> Named:
    """Import the module in a name, and return the machine, table or diagram that the name leads to.

    Args:
        name: ``package.module:NAME``, or ``folder/file.py:NAME``. The part after the colon may have
            dots, for example ``Class.NAME``. A file is run as a module each time, with its folder at the
            head of `sys.path`. ``folder/file.scxml`` is read by `Machine.from_scxml`.
        folder: The folder in which a file is looked for.

    Raises:
        ValueError: The name is not of this form.
        MachineNotFound: The module, the file or the object does not exist, the object is of another
            type, or the import has raised an exception. The document cannot be read, or cannot become a
            machine.
    """
    if is_document(name):
        return _document(folder / name)
    where, attributes = parts_of(name)
    module = _file(folder / where) if is_file(where) else _module(where)
    found: Any = module
    for part in attributes.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise MachineNotFound(f"{where} has no {attributes!r}{_others(module)}") from None
        except Exception as error:  # a property or __getattr__ may do anything
            raise _failed(f"{attributes!r} of {Path(where).name}", "read", error) from error
    if not isinstance(found, _KINDS):
        raise MachineNotFound(
            f"{name} must be a Machine, a Table or a Diagram, got {describe(found)}"
            f"{_THEIRS if isinstance(found, TheirMachine) else _others(module)}"
        )
    return found


def _document(path: Path) -> Machine[str]:
    try:
        return Machine.from_scxml(path.read_bytes())
    except FileNotFoundError:
        raise SourceNotFound(f"there is no file {path}") from None
    except OSError as error:
        raise MachineNotFound(f"cannot read {path}: {error.strerror}") from None
    except TableError as error:
        raise MachineNotFound(f"in {path}, {error}") from None


def parts_of(name: str) -> tuple[str, str]:
    """Split a name at its colon.

    Raises:
        ValueError: As `find` does.
    """
    where, _, attributes = name.rpartition(":")
    if not where or not all(part.isidentifier() for part in attributes.split(".")):
        raise ValueError(f"must be of the form package.module:NAME or file.py:NAME, got {name!r}")
    return where, attributes


def is_document(name: str) -> bool:
    """Check whether a name is that of a document in SCXML, which has no part after a colon."""
    return name.endswith(".scxml")


def is_file(where: str) -> bool:
    """Check whether the part of a name before its colon is a file, and not a module."""
    return where.endswith(".py") or "/" in where or "\\" in where


def module_of(path: Path) -> str:
    """Return the name of the module as which a file is run."""
    return f"wsfsm_file_{path.stem}"


def _others(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, _KINDS)]
    return f"; it has {listed(names)}" if names else "; it has no machines"


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _failed(name, "imported", error) from error
        raise SourceNotFound(
            f"there is no module {error.name!r}; specify an installed one, one in the current "
            f"folder, or a file, for example folder/file.py:NAME"
        ) from None
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        raise _failed(name, "imported", error) from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SourceNotFound(f"there is no file {path}")
    spec = spec_from_file_location(module_of(path), path)
    if spec is None or spec.loader is None:
        raise MachineNotFound(
            f"{path} is not a Python file, because its name does not end with .py"
        )
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it there
    with in_folder(path.parent):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # as above
            del sys.modules[spec.name]
            raise _failed(str(path), "imported", error) from error
    return module


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Import modules from this folder first, as `python` does from that of a script."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:  # a module may do anything to it
            sys.path.remove(entry)


def _failed(what: str, done: str, error: BaseException) -> MachineNotFound:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        # neither generated code, nor ours, nor the import system
        if not frame.filename.startswith(_SKIPPED)
    ]
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - any text may fail
        text = "(without a text)"
    text = f"{type(error).__name__}: {text}"
    if frames:
        file = frames[-1].filename
        text = f"{file}, line {frames[-1].lineno}: {text}"
        if Path(file).resolve() == Path(what).resolve():
            return MachineNotFound(text)
    return MachineNotFound(f"{what} cannot be {done}; {text}")

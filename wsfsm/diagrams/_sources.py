"""The files that a machine comes from."""

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Final

from wsfsm.diagrams._names import is_document, is_file, module_of, parts_of
from wsfsm.diagrams._own import DIAGRAMS

__all__ = ["changeable", "modules_of", "sources_of"]

# files of other packages change only with their version
_INSTALLED: Final = frozenset(
    Path(sysconfig.get_path(name)).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_OURS: Final = "wsfsm"


def sources_of(name: str, folder: Path) -> tuple[Path, ...]:
    """Return the files that can change a machine, as far as they are known.

    These are the file of the machine, and those that it imports, directly or not, unless they belong to another
    package that is installed.

    Args:
        name: A name that `find` takes, or that of a diagram of wsfsm.
        folder: The folder in which a file is looked for.
    """
    if is_document(name):
        return (Path(folder, name).resolve(),)
    given = Path(folder, where) if is_file(where := _where(name)) else None
    found = filter(None, map(_file_of, modules_of(name)))
    return tuple(dict.fromkeys([*([given.resolve()] if given else []), *found]))


def modules_of(name: str) -> tuple[ModuleType, ...]:
    """Return the imported modules that can change a machine, as `sources_of` does."""
    if is_document(name):
        return ()
    where = _where(name)
    start = module_of(Path(where)) if is_file(where) else where
    seen: dict[str, ModuleType] = {}
    ahead = [start]
    while ahead:
        here = ahead.pop()
        module = sys.modules.get(here)
        if module is None or here in seen or not (here == start or _may_change(module, start)):
            continue
        seen[here] = module
        ahead += _imports(module)
    return tuple(seen.values())


def changeable(names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield the modules with these names that may change while the program runs, with their files.

    Those of wsfsm do not, because their types must stay the same.
    """
    for name in names:
        module = sys.modules.get(name)
        if isinstance(module, ModuleType) and _may_change(module, ""):
            yield name, Path(str(module.__file__)).resolve()


def _where(name: str) -> str:
    return "wsfsm.tables" if name in DIAGRAMS else parts_of(name)[0]


def _may_change(module: ModuleType, start: str) -> bool:
    file = _file_of(module)
    if file is None or not _INSTALLED.isdisjoint(file.parents):
        return False
    # each machine imports wsfsm
    return start.partition(".")[0] == _OURS or module.__name__.partition(".")[0] != _OURS


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _imports(module: ModuleType) -> Iterator[str]:
    """Return the names that may be modules in the import statements of a module."""
    path = Path(str(module.__file__))
    try:
        imported = _imported(path, path.stat().st_mtime_ns)
    except (OSError, SyntaxError, ValueError):  # it is not a Python file, or has changed since
        return
    for level, name in imported:
        if not level:
            yield name
        else:
            with suppress(ImportError):  # beyond the top of the package
                yield resolve_name("." * level + name, module.__package__ or "")


@lru_cache(maxsize=1024)
def _imported(path: Path, _: int) -> tuple[tuple[int, str], ...]:
    """Return the number of leading dots and the name in each import statement of a file, at a time."""
    found: list[tuple[int, str]] = []
    for statement in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(statement, ast.Import):
            found += [(0, alias.name) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            names = [f"{base}.{alias.name}".removeprefix(".") for alias in statement.names]
            found += [(statement.level, name) for name in (base, *names)]
    return tuple(dict.fromkeys(found))

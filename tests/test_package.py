"""The package as a whole: what it imports, in which direction, and what it exports."""

import ast
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.asgi import ROOT

import wsfsm

PACKAGE = ROOT / "wsfsm"


def modules() -> list[str]:
    return sorted(m.name for m in pkgutil.iter_modules([str(PACKAGE)]))


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter loads for a statement, beyond its own."""
    code = f"""
import sys
before = set(sys.modules)
{statement}
loaded = set(sys.modules) - before
import json
print(json.dumps(sorted(loaded)))
"""
    output = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60
    )
    return set(json.loads(output.stdout))


def is_standard(module: str) -> bool:
    """Whether a top-level module belongs to the standard library."""
    # the list lacks what the build of a Python has generated, _missing_stdlib_info for example
    generated = Path(os.__file__).with_name(f"{module}.py").exists()
    return module in sys.stdlib_module_names or generated


class TestImports:
    def test_import_loads_only_two_dependencies(self) -> None:
        loaded = {name.partition(".")[0] for name in loaded_by("import wsfsm")}
        outside = {name for name in loaded if not is_standard(name)}

        assert {"wsfsm", "transitions", "attr"} <= outside
        assert outside <= {"wsfsm", "transitions", "six", "attr", "attrs"}

    def test_import_does_not_load_the_extensions_of_transitions(self) -> None:
        assert not [m for m in loaded_by("import wsfsm") if m.startswith("transitions.extensions")]

    def test_package_requires_only_two_dependencies(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        names = {requirement.partition(">")[0] for requirement in project["dependencies"]}

        assert names == {"attrs", "transitions"}


class TestExports:
    def test_all_names_of_the_package_exist_once(self) -> None:
        assert len(set(wsfsm.__all__)) == len(wsfsm.__all__)
        for name in wsfsm.__all__:
            assert hasattr(wsfsm, name)

    def test_package_exports_everything_that_it_imports(self) -> None:
        tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
        imported = {a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}

        assert imported == set(wsfsm.__all__)

    @pytest.mark.parametrize("module", [m for m in modules() if m != "__main__"])
    def test_all_names_of_a_module_are_defined_there(self, module: str) -> None:
        loaded = importlib.import_module(f"wsfsm.{module}")

        assert all(hasattr(loaded, name) for name in loaded.__all__)

    @pytest.mark.parametrize("module", ["exceptions", "datastructures", "websockets"])
    def test_package_exports_the_names_of_its_starlette_modules_and_exceptions(
        self, module: str
    ) -> None:
        loaded = importlib.import_module(f"wsfsm.{module}")
        kept_below = {"ClosedBy", "Explained", "ImmutableMultiDict", "MutableHeaders", "explained"}

        assert set(loaded.__all__) - kept_below <= set(wsfsm.__all__)

    def test_everything_public_has_a_docstring(self) -> None:
        for name in wsfsm.__all__:
            thing = getattr(wsfsm, name)
            assert not callable(thing) or thing.__doc__, name

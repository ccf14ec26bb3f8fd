"""Every public name is documented at one place, and found under all of its names.

`WebSocket`, for example, is documented as `wsfsm.WebSocket`, and is `wsfsm.websockets.WebSocket` too. Docstrings and
annotations name it by any of its names, also by that in the private module that defines it.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import wsfsm


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("env-updated", _add_names)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def modules() -> Iterator[ModuleType]:
    """Yield all modules, also the private ones."""
    yield wsfsm
    for found in pkgutil.walk_packages(wsfsm.__path__, "wsfsm."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def is_public(module: ModuleType) -> bool:
    """Whether a module has public names."""
    private = any(part.startswith("_") for part in module.__name__.split("."))
    return not private and bool(module.__all__)


def _add_names(app: Sphinx, env: BuildEnvironment) -> None:
    domain = env.domains.python_domain
    documented = dict(domain.objects)
    homes: dict[int, list[str]] = {}
    values = {}
    for module in modules():
        for name in vars(module):
            full = f"{module.__name__}.{name}"
            if full in documented:
                value = getattr(module, name)
                values[id(value)] = value
                homes.setdefault(id(value), []).append(full)
    for module in modules():
        for name, value in vars(module).items():
            full = f"{module.__name__}.{name}"
            for home in homes.get(id(value), []):
                if full in documented or name != home.rpartition(".")[2]:
                    continue
                for key, entry in documented.items():
                    if key == home or key.startswith(f"{home}."):
                        alias = full + key.removeprefix(home)
                        domain.objects.setdefault(alias, entry._replace(aliased=True))

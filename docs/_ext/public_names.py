"""Names in docstrings and annotations lead to the one place where each object is documented.

`WebSocket`, for example, is documented as `wsfsm.WebSocket`, and is `wsfsm.websockets.WebSocket` too; annotations name
it by the private module that defines it. A name that leads nowhere is a warning, unless it is one of Python, of
another package, or of a parameter.
"""

import builtins
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

from docutils import nodes
from sphinx.addnodes import desc_annotation, pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.typing import stringify_annotation

import wsfsm

_PACKAGE: Final = Path(wsfsm.__file__).resolve().parent
_ALIASES: Final = ("wsfsm.server.Command", "wsfsm.integrations.frames.FrameEvent")
"""Aliases of many types, which are documented by themselves."""
_VALUES: Final = {"attribute", "data", "property"}
_LONGEST: Final = 250  # characters of a value that is shown
_kept: dict[str, list[str]] = {}
_texts: dict[str, dict[str, list[str]]] = {}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("autodoc-process-docstring", _keep, priority=400)
    app.connect("autodoc-process-docstring", _put_back, priority=600)
    app.connect("autodoc-process-signature", _name_aliases)
    app.connect("autodoc-process-bases", _show_public_bases)
    app.connect("object-description-transform", _hide_long_value)
    app.connect("env-updated", _add_names)
    app.connect("doctree-read", _be_exact)
    app.connect("missing-reference", _find)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def source_of(_domain: str, info: dict[str, str]) -> str | None:
    """Return the address of the source of an object, seen from a page of the reference."""
    value = _named(f"{info['module']}.{info['fullname']}")
    value = inspect.unwrap(getattr(value, "fget", None) or value)
    try:
        path, line = inspect.getsourcefile(value), inspect.getsourcelines(value)[1]
    except (OSError, TypeError):
        return None  # a value; its module has the source
    file = Path(path or "").resolve()
    if not file.is_relative_to(_PACKAGE):
        return None
    return f"../files/wsfsm/{file.relative_to(_PACKAGE).as_posix()}.html#L-{max(line, 1)}"


def modules() -> Iterator[ModuleType]:
    """Yield all modules, also the private ones."""
    yield wsfsm
    for found in pkgutil.walk_packages(wsfsm.__path__, "wsfsm."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _keep(_app: Sphinx, what: str, name: str, obj: Any, _options: Any, lines: list[str]) -> None:
    """Hide the docstring of a value from napoleon, which takes the text before a colon for a type."""
    if what in _VALUES:
        inherited = (inspect.getdoc(type(obj)) or "").split("\n") if what == "data" else []
        own = "\n".join(lines).strip() != "\n".join(inherited).strip()
        _kept[name] = lines[:] if own else _written_below(name.rpartition(".")[2], obj)
        lines.clear()


def _put_back(_app: Sphinx, what: str, name: str, _obj: Any, _opt: Any, lines: list[str]) -> None:
    if what in _VALUES:
        lines[:] = _kept.pop(name)


def _name_aliases(
    _app: Sphinx,
    _what: str,
    _name: str,
    _obj: Any,
    _options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Show the name of an alias in signatures instead of its many types."""
    texts = [signature, returned]
    for alias in _ALIASES:
        spelt = stringify_annotation(_named(alias), "smart")
        texts = [text and text.replace(spelt, f"~{alias}") for text in texts]
    return texts[0], texts[1]


def _written_below(name: str, value: Any) -> list[str]:
    """Find the text below a value in the module that makes it, if another module exports it."""
    for module in modules():
        if vars(module).get(name, _texts) is value:
            if module.__name__ not in _texts:
                found = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
                _texts[module.__name__] = {
                    attribute: text for (owner, attribute), text in found.items() if not owner
                }
            if name in _texts[module.__name__]:
                return _texts[module.__name__][name][:]
    return []


def _hide_long_value(_app: Sphinx, domain: str, kind: str, content: nodes.Element) -> None:
    """Leave out a value that fills the screen, but not the members of a union."""
    if domain != "py" or kind not in _VALUES:
        return
    for annotation in [*content.parent.findall(desc_annotation)]:
        text = annotation.astext().strip()
        is_long = len(text) > _LONGEST and "(" in text
        if text.startswith("=") and (is_long or "mappingproxy(" in text):
            annotation.parent.remove(annotation)


def _show_public_bases(_app: Sphinx, _name: str, _obj: Any, _opt: Any, bases: list[Any]) -> None:
    """Replace private bases by theirs."""
    shown: list[Any] = []
    for base in bases:
        kind = getattr(base, "__origin__", base)
        private = kind.__name__.startswith("_") or "._" in kind.__module__
        if not private or kind.__name__ in wsfsm.__all__:
            shown.append(base)
        elif kind.__module__.startswith("wsfsm"):
            shown += [b for b in kind.__bases__ if b.__module__ == "builtins" and b is not object]
    bases[:] = list(dict.fromkeys(shown)) or [object]


def _add_names(_app: Sphinx, env: BuildEnvironment) -> None:
    """Make every documented object known under all of its names."""
    objects = env.domains.python_domain.objects
    documented = dict(objects)
    known = list(modules())
    homes: dict[tuple[str, int], str] = {}
    for module in known:
        for name, value in vars(module).items():
            if f"{module.__name__}.{name}" in documented:
                homes.setdefault((name, id(value)), f"{module.__name__}.{name}")
    for module in known:
        for name, value in vars(module).items():
            home = homes.get((name, id(value)))
            if home is None:
                continue
            for key, entry in documented.items():
                # the members of an object only under its public names
                if key == home or (key.startswith(f"{home}.") and "._" not in module.__name__):
                    alias = f"{module.__name__}.{name}{key.removeprefix(home)}"
                    objects.setdefault(alias, entry._replace(aliased=True))


def _be_exact(_app: Sphinx, doctree: nodes.document) -> None:
    """Do not take the type ``bytes`` for one of the attributes of this name."""
    for node in list(doctree.findall(pending_xref)):
        if node.get("reftype") == "class" and hasattr(builtins, node["reftarget"]):
            node.replace_self(node.children)


def _find(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if target in _ALIASES:  # Sphinx takes each type for a class
        return env.domains.python_domain.resolve_xref(
            env, node["refdoc"], app.builder, "obj", target, node, content
        )
    if node["reftype"] == "obj":
        owner = _owner(node)
        if target in _parameters(owner):
            return content
        module = getattr(_named(owner), "__module__", "")
        for home in (_class_of(owner), module, "wsfsm", "wsfsm.WebSocket"):
            found = f"{home}.{target}"
            if found in env.domains.python_domain.objects:
                return env.domains.python_domain.resolve_xref(
                    env, node["refdoc"], app.builder, "obj", found, node, content
                )
        if module and _is_foreign(f"{module}.{target}"):
            return content
    return content if _is_foreign(target) else None


def _owner(node: nodes.Element) -> str:
    """The object whose docstring has a reference."""
    while node.source is None and node.parent is not None:
        node = node.parent
    return (node.source or "").rpartition("docstring of ")[2]


def _class_of(name: str) -> str:
    value = _named(name)
    return name if inspect.isclass(value) else name.rpartition(".")[0]


def _named(name: str) -> Any:
    """Import the object of a dotted name, or return None."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:count]))
        except (ImportError, TypeError, ValueError):
            continue
        for part in parts[count:]:
            value = getattr(value, part, None)
        return value
    return None


def _parameters(name: str) -> set[str]:
    """Names of the parameters of a function, or of a method's and its class's."""
    found = set()
    for owner in (name, name.rpartition(".")[0]):
        try:
            found |= {*inspect.signature(_named(owner)).parameters}
        except (TypeError, ValueError):
            continue
    return found


def _is_foreign(target: str) -> bool:
    """Whether a name is one of Python or of another package, or of something that is only typed."""
    if hasattr(builtins, target) or target in _TYPE_VARIABLES:
        return True
    value = _named(target)
    if getattr(value, "__module__", target).startswith("wsfsm"):
        return isinstance(value, TypeVar) or (value is not None and "._" in target)
    return value is not None


_TYPE_VARIABLES: Final = {
    name
    for module in modules()
    for name, value in vars(module).items()
    if isinstance(value, TypeVar)
}

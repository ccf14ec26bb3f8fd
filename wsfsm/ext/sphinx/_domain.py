"""Cross-references to machines, states and events."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, TypeAlias, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from wsfsm._text import listed, readable

__all__ = ["WsfsmDomain", "domain_of", "full_name", "report_missing"]

_logger = logging.getLogger(__name__)

_Key: TypeAlias = tuple[str, str, str, int]  # type, machine, name inside of it, rank


def full_name(machine: str, name: str) -> str:
    """Return the name by which a role finds a state or an event; a machine has no name inside of itself."""
    return f"{machine}.{name}" if name else machine


class _Role(XRefRole):
    """A role, whose text is only the last part of the name if that begins with a tilde."""

    def process_link(
        self,
        env: BuildEnvironment,  # noqa: ARG002 - Sphinx passes it
        refnode: nodes.Element,
        has_explicit_title: bool,  # noqa: FBT001 - as above
        title: str,
        target: str,
    ) -> tuple[str, str]:
        if not has_explicit_title and title.startswith("~"):
            refnode["short"] = True
            return title[1:], target[1:]
        return title, target


class WsfsmDomain(Domain):
    """Machines with their states and events, which tables on the pages define."""

    name = "wsfsm"
    label = "wsfsm"
    object_types: ClassVar[dict[str, ObjType]] = {
        kind: ObjType(kind, kind) for kind in ("machine", "state", "event")
    }
    roles: ClassVar[dict[str, Any]] = {
        kind: _Role(warn_dangling=True) for kind in ("machine", "state", "event")
    }
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}}

    @property
    def _objects(self) -> dict[_Key, tuple[str, str]]:
        objects: dict[_Key, tuple[str, str]] = self.data["objects"]
        return objects

    def note(self, key: _Key, node_id: str, location: Any) -> None:
        """Remember the place of an object. That of the highest rank is where references lead."""
        kind, machine, name, _ = key
        other = self._objects.get(key)
        if other:
            _logger.warning(
                "another table defines the %s %s, in %s; add :no-index: to one of them",
                kind,
                readable(full_name(machine, name)),
                other[0],
                location=location,
                type="wsfsm",
                subtype="duplicate",
            )
        self._objects[key] = self.env.docname, node_id

    def clear_doc(self, docname: str) -> None:
        for key, (page, _) in [*self._objects.items()]:
            if page == docname:
                del self._objects[key]

    def merge_domaindata(self, docnames: AbstractSet[str], otherdata: dict[str, Any]) -> None:
        for key, (page, node_id) in otherdata["objects"].items():
            if page in docnames:
                self._objects[key] = page, node_id

    def place(self, kind: str, machine: str, name: str) -> tuple[str, str] | None:
        """Return page and id of an object."""
        ranks = [key for key in self._objects if key[:3] == (kind, machine, name)]
        return self._objects[max(ranks)] if ranks else None

    def named(self, kind: str, target: str) -> list[tuple[str, str]]:
        """Return all machines and names to which a target may lead; that of a state may lack its machine."""
        known = dict.fromkeys(key[1:3] for key in self._objects if key[0] == kind)
        return [parts for parts in known if full_name(*parts) == target] or [
            parts for parts in known if parts[1] == target
        ]

    def resolve_xref(  # noqa: PLR0913, PLR0917 - Sphinx decides it
        self,
        env: BuildEnvironment,  # noqa: ARG002 - Sphinx passes it
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        found = self.named(typ, target)
        if len(found) != 1:
            return None
        (machine, name), place = found[0], self.place(typ, *found[0])
        assert place is not None  # noqa: S101 - it has just been found
        if node.get("short"):
            contnode = nodes.literal("", name or machine, classes=contnode["classes"])
        return make_refnode(builder, fromdocname, *place, contnode, full_name(machine, name))

    def resolve_any_xref(  # noqa: PLR0913, PLR0917 - as above
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        resolved = (
            (
                f"wsfsm:{typ}",
                self.resolve_xref(env, fromdocname, builder, typ, target, node, contnode),
            )
            for typ in self.object_types
        )
        return [(role, reference) for role, reference in resolved if reference is not None]

    def get_objects(self) -> Iterable[tuple[str, str, str, str, str, int]]:
        for kind, machine, name in dict.fromkeys(key[:3] for key in self._objects):
            place = self.place(kind, machine, name)
            assert place is not None  # noqa: S101 - as above
            full = full_name(machine, name)
            yield full, full, kind, *place, 1

    def advice(self, kind: str, target: str) -> str:
        """Say why a target leads nowhere, and what there is instead."""
        known = [(key[1], key[2]) for key in self._objects if key[0] == kind]
        found = [full_name(*parts) for parts in self.named(kind, target)]
        if found:
            return f"{readable(target)} may be {' or '.join(map(readable, found))}; specify the machine"
        same = [parts for parts in known if target.startswith(f"{parts[0]}.")] or known
        names = listed([*dict.fromkeys(full_name(*parts) for parts in same)])
        return f"no wsfsm-table shows the {kind} {readable(target)}; they show {names or 'none'}"


def domain_of(env: BuildEnvironment) -> WsfsmDomain:
    """Return the domain of a build."""
    return cast("WsfsmDomain", env.get_domain("wsfsm"))


def report_missing(_: Sphinx, domain: Domain | None, node: addnodes.pending_xref) -> bool | None:
    """Report a reference that leads nowhere, with what there is instead."""
    if not isinstance(domain, WsfsmDomain):
        return None
    kind = node["reftype"]
    # a table may show states without being the place where they are defined
    if not node.get("implicit"):
        text = domain.advice(kind, node["reftarget"])
        _logger.warning(text, location=node, type="ref", subtype=kind)
    return True

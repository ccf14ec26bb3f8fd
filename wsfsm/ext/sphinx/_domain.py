"""Cross-references to machines, states and events."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from wsfsm.ext._objects import KINDS, Key, Objects, Place, full_name, last_part

__all__ = ["WsfsmDomain", "domain_of", "report_missing"]

_logger = logging.getLogger(__name__)


class _Role(XRefRole):
    """A role, whose text is only the last part of the name if that begins with a tilde."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,  # noqa: FBT001 - Sphinx passes it
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
    object_types: ClassVar[dict[str, ObjType]] = {kind: ObjType(kind, kind) for kind in KINDS}
    roles: ClassVar[dict[str, Any]] = {kind: _Role(warn_dangling=True) for kind in KINDS}
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}}

    @property
    def objects(self) -> Objects:
        """All objects of the site."""
        return Objects(self.data["objects"])

    def note(self, key: Key, node_id: str, location: str) -> None:
        """Remember the place of an object."""
        self._note(key, (self.env.docname, node_id), location)

    def _note(self, key: Key, place: Place, location: str | tuple[str, None]) -> None:
        problem = self.objects.note(key, place)
        if problem:
            _logger.warning(problem, location=location, type="wsfsm", subtype="duplicate")

    def clear_doc(self, docname: str) -> None:
        places = self.objects.places
        for key, (page, _) in [*places.items()]:
            if page == docname:
                del places[key]

    def merge_domaindata(self, docnames: AbstractSet[str], otherdata: dict[str, Any]) -> None:
        places: dict[Key, Place] = otherdata["objects"]
        for key, place in places.items():
            if place[0] in docnames:
                self._note(key, place, (place[0], None))

    def resolve_xref(  # noqa: PLR0913, PLR0917 - Sphinx decides it
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        found = self.objects.named(typ, target)
        if len(found) != 1:
            return None
        (machine, name), place = found[0], self.objects.place(typ, *found[0])
        assert place is not None  # noqa: S101 - it has just been found
        if node.get("short"):
            shown = last_part(target, machine, name)
            contnode = nodes.literal("", shown, classes=contnode["classes"])
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
        for kind, machine, name in self.objects.names():
            place = self.objects.place(kind, machine, name)
            assert place is not None  # noqa: S101 - as above
            full = full_name(machine, name)
            yield full, full, kind, *place, 1


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
        text = domain.objects.advice(kind, node["reftarget"])
        _logger.warning(text, location=node, type="ref", subtype=kind)
    return True

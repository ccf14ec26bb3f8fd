"""The diagrams of wsfsm's own machines."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wsfsm.diagrams._model import RECEIVED, SENT, Diagram
from wsfsm.tables import AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS, APPLICATION, CLIENT, SERVER

__all__ = ["DIAGRAMS"]

_KINDS: Final = {"client": RECEIVED, "application": SENT, "server": SENT}

DIAGRAMS: Final[Mapping[str, Diagram]] = MappingProxyType(
    {
        "client": Diagram([CLIENT], kinds=_KINDS),
        "application": Diagram([APPLICATION], kinds=_KINDS),
        "both": Diagram([CLIENT, APPLICATION], [AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS], _KINDS),
        "server": Diagram([SERVER], kinds=_KINDS, merge_edges=True, outputs=False),
    }
)
"""The diagrams of wsfsm's own machines, by the names that ``wsfsm diagram`` takes.

``both`` is the client and the application machine, with their couplings.
"""

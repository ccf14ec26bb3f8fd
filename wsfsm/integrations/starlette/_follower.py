"""Objects that leave their connection to another object, so that both always agree.

Starlette keeps an object of its own for each connection, for example for exception handlers. When another
object takes the connection over, Starlette's becomes its follower: everything about messages and states
goes to the other object.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from wsfsm.websockets import WebSocket
from wsfsm.websockets._receiving import Receiving
from wsfsm.websockets._sending import Sending
from wsfsm.websockets._states import StateAttributes

__all__ = ["follow", "leader"]

_LEADER: Final = "_wsfsm_leader"
_PASSED_ON: Final = frozenset(
    name
    for kind in (StateAttributes, Receiving, Sending, WebSocket)
    for name in vars(kind)
    if not name.startswith("__")
)


def leader(follower: Any) -> Any:
    """Return the object that another one follows; None if it does not follow one."""
    find = getattr(follower, "__dict__", {}).get(_LEADER)
    return None if find is None else find()


def follow(follower: Any, find: Callable[[], Any]) -> None:
    """Make an object a follower.

    Only this object changes: its class becomes a subclass, of the same name, of its class.

    Args:
        follower: An object with a ``__dict__``.
        find: Returns the leader, always the same; called when the follower is used.
    """
    vars(follower)[_LEADER] = find
    kind: Any = type(follower)
    object.__setattr__(follower, "__class__", _following(kind))


@cache
def _following(kind: Any) -> type:
    # a mixin would change the layout, and an object can only get a class of the same layout

    def get(self: Any, name: str) -> Any:
        return (
            getattr(leader(self), name) if name in _PASSED_ON else kind.__getattribute__(self, name)
        )

    def set_(self: Any, name: str, value: object) -> None:
        if name in _PASSED_ON:
            setattr(leader(self), name, value)
        else:
            kind.__setattr__(self, name, value)

    def delete(self: Any, name: str) -> None:
        if name in _PASSED_ON:
            delattr(leader(self), name)
        else:
            kind.__delattr__(self, name)

    names = {
        "__slots__": (),
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__getattribute__": get,
        "__setattr__": set_,
        "__delattr__": delete,
    }
    following: type = type(kind)(kind.__name__, (kind,), names)
    return following

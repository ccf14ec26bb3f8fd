"""The patch that makes Starlette create wsfsm's objects, per application.

Starlette and FastAPI create an object of ``starlette.websockets.WebSocket`` in several places, and do not let
an application choose the class. While an application is installed, the metaclass of Starlette's class
is `_Choosing`, which chooses when an object is created. The class itself does not change, and without an
installed application it has its own metaclass again.
"""

import weakref
from collections.abc import MutableMapping
from functools import cache
from typing import Any, Final

import attrs
import starlette.applications
import starlette.websockets

from wsfsm._text import describe
from wsfsm.exceptions import explained
from wsfsm.integrations.starlette._follower import follow
from wsfsm.integrations.starlette._websocket import HANDLERS, WebSocket
from wsfsm.websockets._joint import PRODUCT

__all__ = ["install", "uninstall"]

_CONNECTION: Final = "wsfsm.connection"
_StarletteWebSocket: Final = starlette.websockets.WebSocket
_METACLASS: Final = type(_StarletteWebSocket)
_installed: Final = weakref.WeakKeyDictionary[
    starlette.applications.Starlette, "weakref.finalize[[], Any]"
]()
"""The installed applications, with the call that is made when one is collected."""


def install(app: starlette.applications.Starlette) -> None:
    """Patch Starlette so that its WebSockets in this application are objects of wsfsm's class.

    That is so in all its routers, mounted applications, endpoints, dependencies, exception handlers and
    middleware, for connections that are opened from now on, whichever library a name is imported from.
    Other applications in the same process keep Starlette's class.

    The patch is the metaclass of ``starlette.websockets.WebSocket``; `uninstall` takes it back, and so does
    the collection of the application as garbage.

    Args:
        app: An application of Starlette or FastAPI; you can call this before or after adding routes.

    Raises:
        TypeError: `app` is something else, for example a middleware around an application.
    """
    _check("install", app)
    if app not in _installed:
        _installed[app] = weakref.finalize(app, _restore_if_last)
        _installed[app].atexit = False
    _set_metaclass(_Choosing)


def uninstall(app: starlette.applications.Starlette) -> None:
    """Take back what `install` did. Open connections keep their objects.

    Raises:
        TypeError: `app` is not an application of Starlette or FastAPI.
        ValueError: It is not installed.
    """
    _check("uninstall", app)
    if app not in _installed:
        raise explained(
            ValueError(
                "uninstall() takes an application that is installed; call install(app) first"
            ),
            "install",
        )
    _installed.pop(app).detach()
    _restore_if_last()


def _restore_if_last() -> None:
    # an application that is being collected may still be counted, but is not listed
    if not list(_installed):
        _set_metaclass(_METACLASS)


def _set_metaclass(metaclass: type) -> None:
    type.__setattr__(_StarletteWebSocket, "__class__", metaclass)


def _check(call: str, app: object) -> None:
    if not isinstance(app, starlette.applications.Starlette):
        raise explained(
            TypeError(
                f"{call}() takes an application of Starlette or FastAPI, got {describe(app)}. "
                "If it is wrapped in a middleware, pass the application inside."
            ),
            "install",
        )


class _Choosing(_METACLASS):  # type: ignore[misc, valid-type]  # ABCMeta
    """Chooses the class of an object that is created by the name of Starlette's class."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - of a metaclass
        scope: Any = args[0] if args else kwargs.get("scope")
        if cls is not _StarletteWebSocket or not _is_ours(scope):
            return super().__call__(*args, **kwargs)
        connection = scope.setdefault(_CONNECTION, _Connection())
        return connection.create(*args, **kwargs)


def _is_ours(scope: Any) -> bool:
    # a mounted application puts itself into the scope in place of the one that it is mounted in
    return isinstance(scope, MutableMapping) and (
        _CONNECTION in scope or scope.get("app") in _installed
    )


@attrs.define(eq=False)
class _Connection:
    """The objects that were created for one connection.

    Attributes:
        handlers: The exception handlers of the application that was entered last.
        objects: References to the objects that applications use, in the order of their creation.
    """

    handlers: object = None
    objects: list["weakref.ref[WebSocket]"] = attrs.field(factory=list)

    def create(self, scope: Any, receive: Any, send: Any) -> WebSocket:
        """Create an object."""
        created = WebSocket(scope, receive, send)
        handlers = scope.get(HANDLERS)
        if handlers is self.handlers:
            self.objects = [ref for ref in self.objects if ref() is not None]
            self.objects.append(weakref.ref(created))
        else:
            # an application is being entered: this object is for its exception handlers, which have
            # to see the states of the object with which the connection was handled
            self.handlers = handlers
            follow(created, cache(lambda: self.moved() or WebSocket(scope, receive, send)))
        return created

    def moved(self) -> WebSocket | None:
        """Return the last of the objects that have been used."""
        for ref in reversed(self.objects):
            found = ref()
            if found is not None and found._now() is not PRODUCT.initial:  # noqa: SLF001 - its base
                return found
        return None

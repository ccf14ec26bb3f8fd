"""Targets of tests of pytest: as a fixture gives them, or the configuration names them.

A target of the configuration that cannot be had is refused once all tests are collected: each test
would tell the same, and it is not known before which of them use it. Whether a facade can be
imported is not seen earlier either, as that runs code of the project.
"""

import contextlib
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
import pytest

from wsfsm.conformance._versions import installed_versions
from wsfsm.conformance.cases import Kind
from wsfsm.conformance.facade.adapters import FacadeError, FacadeTarget, class_target
from wsfsm.conformance.facade.frameworks import facade_target
from wsfsm.conformance.server.profiles import profile
from wsfsm.conformance.server.targets import CommandTarget, ServerTarget, TargetError
from wsfsm.conformance.values import CaseError

__all__ = ["PLUGIN", "facade", "named", "named_server", "refused", "server"]

PLUGIN: Final = "pytest_wsfsm"
"""The module that has the fixtures which a project may override."""


@contextlib.contextmanager
def named(option: str) -> Iterator[None]:
    """Raise whatever is wrong with an option by its name.

    Raises:
        pytest.UsageError: Something is.
    """
    try:
        yield
    except OSError as error:
        raise pytest.UsageError(f"{option}: {error.filename}: {error.strerror}") from None
    except (CaseError, FacadeError, TargetError, ValueError) as error:
        raise pytest.UsageError(f"{option}: {error}") from None


def _some(kind: Kind, told: Any) -> None:
    if not told:
        option = f"wsfsm_{kind}"
        raise pytest.UsageError(
            f"no {kind} is named: set the option {option}, or override the fixture {option}"
        )


def facade(told: Any, _config: pytest.Config) -> FacadeTarget:
    """The facade that a fixture or the configuration gives, or names.

    Raises:
        pytest.UsageError: There is none, or it cannot be imported.
    """
    _some("facade", told)
    with named("wsfsm_facade"):
        if isinstance(told, str):
            return facade_target(told)
        if isinstance(told, FacadeTarget):
            return told
        if not callable(told):
            raise FacadeError(f"{told!r} is no name, class, function or FacadeTarget")
        called = told if hasattr(told, "__qualname__") else type(told)
        name = f"{called.__module__}:{called.__qualname__}"
        return class_target(name, told, installed_versions(called.__module__.partition(".")[0]))


def server(told: Any, config: pytest.Config) -> ServerTarget:
    """The server that a fixture or the configuration gives, or names.

    Raises:
        pytest.UsageError: There is none, or it is not installed.
    """
    _some("server", told)
    with named("wsfsm_server"):
        if not isinstance(told, str):
            if not hasattr(told, "running"):
                raise TargetError(f"{told!r} is no name, command or ServerTarget")
            target: ServerTarget = told
            return target
        found = named_server(told, config)
        # of several texts that a fixture gives, no two may have one name
        is_of_option = told == config.getini("wsfsm_server")
        name = config.getini("wsfsm_server_name") if is_of_option else ""
        return attrs.evolve(found, name=name) if name else found


def named_server(text: str, config: pytest.Config) -> CommandTarget:
    """The server that a text names, or has the command of.

    Raises:
        TargetError: There is none of this name, or it is not installed, or the command does not
            tell it where to listen.
        ValueError: A quotation mark is not closed.
    """
    name, *arguments = shlex.split(text) or [""]
    if name != "--":
        return profile(name, arguments)
    if not arguments:
        raise TargetError("no command follows --")
    if not any("{port}" in word for word in arguments):
        raise TargetError("{port} is missing from the command, which has to listen there")
    root = str(config.rootpath)
    command = [word.replace("{rootdir}", root) for word in arguments]
    command = [word.replace("{python}", sys.executable) for word in command]
    return CommandTarget(name=" ".join(arguments), command=tuple(command))


# ---------------------------------------------------------------- refusing


def refused(items: Iterable[pytest.Item], kind: Kind, config: pytest.Config) -> str:
    """Why no test can be played on the target of the configuration.

    Args:
        items: All tests that are collected.
        kind: What their cases are about.
        config: Of pytest.

    Returns:
        What is wrong with the option, or "": nothing is, or no test uses it for sure.
    """
    if config.option.collectonly or not any(_uses_option(item, kind) for item in items):
        return ""
    try:
        (server if kind == "server" else facade)(config.getini(f"wsfsm_{kind}"), config)
    except pytest.UsageError as error:
        return str(error)
    return ""


def _uses_option(item: pytest.Item, kind: Kind) -> bool:
    """Whether a test plays on what the option says, and not on what another fixture gives."""
    if any(True for name in ("skip", "skipif") for _ in item.iter_markers(name)):
        return False  # perhaps just because the target is not installed
    return all(_is_ours(item, name) for name in (f"wsfsm_{kind}_case", f"wsfsm_{kind}"))


def _is_ours(item: pytest.Item, fixture: str) -> bool:
    """Whether a test uses a fixture as the plugin has it."""
    # pytest has no other way to ask; without it the tests tell by themselves what is wrong
    info = getattr(item, "_fixtureinfo", None)
    known: Mapping[str, Any] = getattr(info, "name2fixturedefs", {})
    return fixture in known and known[fixture][-1].func.__module__ == PLUGIN

"""Targets of tests: those of a fixture, or those that the configuration names.

A target of the configuration that cannot be used is refused once, after all tests are collected,
because each test would report the same, and only then is it known whether a test uses it. A facade
is not imported earlier either, because that runs code of the project.
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
import pytest

from wsfsm.conformance._versions import installed_versions
from wsfsm.conformance.cases import Kind
from wsfsm.conformance.facade.adapters import FacadeError, FacadeTarget, class_target
from wsfsm.conformance.options import OptionError, Options
from wsfsm.conformance.server.targets import ServerTarget, TargetError
from wsfsm.conformance.values import CaseError

__all__ = ["PLUGIN", "facade", "refusal", "server", "usage_errors"]

PLUGIN: Final = "pytest_wsfsm"
"""The module of the fixtures that a project may override."""


NAMES: Final = {
    "ids": "wsfsm_select",
    "fail_on": "wsfsm_level",
    "baseline": "wsfsm_baseline",
    "server": "wsfsm_server",
    "name": "wsfsm_server_name",
    "facade": "wsfsm_facade",
}
"""Options of the plugin, by the attributes of `Options`."""


@contextlib.contextmanager
def usage_errors(attribute: str) -> Iterator[None]:
    """Raise errors as those of pytest's usage, with the name of the option.

    Args:
        attribute: The attribute of `Options` that is read.

    Raises:
        pytest.UsageError: The option is wrong.
    """
    try:
        yield
    except OptionError as error:
        raise pytest.UsageError(error.named(NAMES)) from None
    except OSError as error:
        raise pytest.UsageError(f"{NAMES[attribute]}: {error.filename}: {error.strerror}") from None
    except (CaseError, FacadeError, TargetError, ValueError) as error:
        raise pytest.UsageError(f"{NAMES[attribute]}: {error}") from None


def _require(kind: Kind, given: Any) -> None:
    if not given:
        option = f"wsfsm_{kind}"
        raise pytest.UsageError(
            f"no {kind} is specified; set the option {option}, or override the fixture {option}"
        )


def facade(given: Any, _config: pytest.Config) -> FacadeTarget:
    """The facade that a fixture or the configuration has, or names.

    Raises:
        pytest.UsageError: It is missing, or cannot be imported.
    """
    _require("facade", given)
    with usage_errors("facade"):
        if isinstance(given, str):
            return Options(facade=given).facade_target()
        if isinstance(given, FacadeTarget):
            return given
        if not callable(given):
            raise FacadeError(f"expected a name, class, function or FacadeTarget, not {given!r}")
        made = given if hasattr(given, "__qualname__") else type(given)
        name = f"{made.__module__}:{made.__qualname__}"
        versions = installed_versions(made.__module__.partition(".")[0])
        return class_target(name, given, versions)


def server(given: Any, config: pytest.Config) -> ServerTarget:
    """The server that a fixture or the configuration has, or names.

    Raises:
        pytest.UsageError: It is missing, wrong or not installed.
    """
    _require("server", given)
    with usage_errors("server"):
        if not isinstance(given, str):
            if not hasattr(given, "running"):
                raise TargetError(f"expected a name, command or ServerTarget, not {given!r}")
            target: ServerTarget = given
            return target
        # the texts of a fixture may be several, which must not have the same name
        is_option = given == config.getini("wsfsm_server")
        name = config.getini("wsfsm_server_name") if is_option else ""
        found = Options(server=given, name=name).server_target()
        replaced = {"{rootdir}": str(config.rootpath), "{python}": sys.executable}
        command = tuple(_replaced(word, replaced) for word in found.command)
        return attrs.evolve(found, command=command)


def _replaced(word: str, replaced: Mapping[str, str]) -> str:
    for name, text in replaced.items():
        word = word.replace(name, text)
    return word


# ---------------------------------------------------------------- refusing


def refusal(items: Iterable[pytest.Item], kind: Kind, config: pytest.Config) -> str:
    """The error of the target in the configuration.

    Args:
        items: All tests that are collected.
        kind: Kind of the target.
        config: The configuration of pytest.

    Returns:
        The error; "" if there is none, or if maybe no test uses the target.
    """
    if config.option.collectonly or not any(_uses_option(item, kind) for item in items):
        return ""
    try:
        (server if kind == "server" else facade)(config.getini(f"wsfsm_{kind}"), config)
    except pytest.UsageError as error:
        return str(error)
    return ""


def _uses_option(item: pytest.Item, kind: Kind) -> bool:
    """Whether a test plays on the target of the option, and not of another fixture."""
    if any(True for name in ("skip", "skipif") for _ in item.iter_markers(name)):
        return False  # maybe because the target is not installed
    return all(_is_ours(item, name) for name in (f"wsfsm_{kind}_case", f"wsfsm_{kind}"))


def _is_ours(item: pytest.Item, fixture: str) -> bool:
    """Whether a test uses the fixture of the plugin."""
    # pytest has no public way to ask; without an answer each test reports the error
    info = getattr(item, "_fixtureinfo", None)
    known: Mapping[str, Any] = getattr(info, "name2fixturedefs", {})
    return fixture in known and known[fixture][-1].func.__module__ == PLUGIN

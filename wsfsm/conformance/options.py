"""Options of a check, which `wsfsm check` and the plugin of pytest have in common."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from wsfsm.conformance.baseline import EMPTY, Baseline, read
from wsfsm.conformance.cases import Case, Kind, Level, load_folder, select
from wsfsm.conformance.facade.adapters import FacadeTarget
from wsfsm.conformance.facade.frameworks import facade_target
from wsfsm.conformance.server.profiles import profile
from wsfsm.conformance.server.targets import CommandTarget
from wsfsm.exceptions import Explained

__all__ = ["OptionError", "Options"]

_VARIANTS: Final = ("keepalive", "limit", "tls")
_KINDS: Final[tuple[Kind, ...]] = ("server", "facade")


class OptionError(Explained, ValueError):
    """An option that is wrong, or missing.

    Args:
        option: Name of the attribute of `Options`.
        text: The error.

    Attributes:
        option: Name of the attribute of `Options`.
        text: The error.
    """

    topic = "check"

    def __init__(self, option: str, text: str) -> None:
        ValueError.__init__(self, option, text)
        self.option = option
        self.text = text

    def __str__(self) -> str:
        return f"{self.option}: {self.text}"

    def named(self, names: Mapping[str, str]) -> str:
        """The error, with the name of the option.

        Args:
            names: Names of the options, as the user writes them; "" for an argument.
        """
        name = names[self.option]
        return f"{name}: {self.text}" if name else self.text


def _level(option: str, text: str, allowed: Sequence[Level]) -> Level:
    if text not in allowed:
        raise OptionError(option, f"expected {' or '.join(allowed)}, not {text!r}")
    return Level(text)


def _levels(texts: Iterable[str]) -> tuple[Level, ...]:
    return tuple(_level("levels", text, tuple(Level)) for text in texts)


def _fail_on(text: str) -> Level:
    return _level("fail_on", text, (Level.MUST, Level.SHOULD))


def _variants(texts: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    return dict(map(_variant, texts))


def _variant(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, arguments = text.partition("=")
    if name not in _VARIANTS or not arguments:
        expected = " or ".join(f"{one}=ARGUMENTS" for one in _VARIANTS)
        raise OptionError("variants", f"expected {expected}, not {text!r}")
    return name, _words("variants", arguments)


def _words(option: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise OptionError(option, f"{text!r} cannot be split into words ({error})") from None


def _command(server: str | Iterable[str]) -> tuple[str, ...]:
    return _words("server", server) if isinstance(server, str) else tuple(server)


@attrs.frozen(kw_only=True)
class Options:
    """The choices for a check.

    Attributes:
        ids: Ids of cases, or their beginnings up to a dot; empty: all.
        sections: Parts of the sections of cases; empty: all.
        levels: Levels of cases; empty: all.
        fail_on: The weakest level whose failures count.
        baseline: File of known failures, or None.
        update_baseline: Whether to write the failures to that file.
        server: The server, as words or as a text of them: a name and arguments, or ``--`` and the
            command that starts it; or empty.
        facade: The facade: a name, or ``module:Class``; or "".
        name: Name of the server in reports, or "" for the words of `server`.
        variants: Arguments of a command by the name of a variant, from texts ``name=arguments``.

    Raises:
        OptionError: An option is wrong.
    """

    ids: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    sections: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    levels: tuple[Level, ...] = attrs.field(default=(), converter=_levels)
    fail_on: Level = attrs.field(default=Level.MUST, converter=_fail_on)
    baseline: Path | None = None
    update_baseline: bool = False
    server: tuple[str, ...] = attrs.field(default=(), converter=_command)
    facade: str = ""
    name: str = ""
    variants: Mapping[str, tuple[str, ...]] = attrs.field(default=(), converter=_variants)

    def __attrs_post_init__(self) -> None:
        if self.update_baseline and self.baseline is None:
            raise OptionError("update_baseline", "specify the file of known failures too")
        if self.name and not self.server:
            raise OptionError("name", "it names the server, but no server is specified")

    def cases(self, *kinds: Kind) -> tuple[Case, ...]:
        """Read the cases that match all filters.

        Args:
            kinds: Kinds of cases.

        Raises:
            CaseError: No case has one of the ids or sections.
        """
        every = [case for kind in kinds for case in load_folder(kind)]
        return select(every, ids=self.ids, sections=self.sections, levels=self.levels)

    def known_failures(self) -> Baseline:
        """Read the known failures; the file need not exist if it is to be written.

        Raises:
            CaseError: The file is wrong.
            OSError: The file cannot be read.
        """
        if self.baseline is None or (self.update_baseline and not self.baseline.exists()):
            return EMPTY
        return read(self.baseline, [case for kind in _KINDS for case in load_folder(kind)])

    def require(self, kind: Kind) -> None:
        """Refuse options that do not specify a target, or with which it could not be started.

        Args:
            kind: Kind of the target.

        Raises:
            OptionError: The server or facade is missing, or the command is wrong.
        """
        if kind == "facade" and not self.facade:
            raise OptionError("facade", "name a facade, or pass module:Class")
        if kind == "facade":
            return
        name, *command = self.server or ("--",)
        if not self.server or (name == "--" and not command):
            raise OptionError(
                "server", "name a server, or pass the command that starts it after --"
            )
        if name != "--" and self.variants:
            raise OptionError("variants", f"{name} has its own; pass them only for a command")
        if name == "--" and not any("{port}" in word for word in command):
            text = "the command lacks {port}; pass it, because the server has to listen there"
            raise OptionError("server", text)

    def server_target(self) -> CommandTarget:
        """Return the server.

        Raises:
            OptionError: No server is specified, or its command is wrong.
            TargetError: No server has this name, or it is not installed.
        """
        self.require("server")
        name, *words = self.server
        if name == "--":
            text = " ".join(words)
            target = CommandTarget(name=text, command=tuple(words), variants=self.variants)
        else:
            target = profile(name, words)
        return attrs.evolve(target, name=self.name) if self.name else target

    def facade_target(self) -> FacadeTarget:
        """Return the facade.

        Raises:
            OptionError: No facade is specified.
            FacadeError: No facade has this name, or it cannot be imported.
        """
        self.require("facade")
        return facade_target(self.facade)

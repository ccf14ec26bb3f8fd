"""The command ``wsfsm check``: conformance cases on a server or a facade, and reports of them.

Status 0: what is looked for has not failed; 1: it has; 2: it could not be checked; 130: Ctrl-C.
"""

import argparse
import contextlib
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
from rich.console import Console

from wsfsm.conformance import baseline
from wsfsm.conformance.baseline import Baseline
from wsfsm.conformance.cases import Case, Level, load_folder, select
from wsfsm.conformance.facade.adapters import FacadeError
from wsfsm.conformance.facade.frameworks import facade_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.reports._common import one_line
from wsfsm.conformance.reports.html import to_html
from wsfsm.conformance.reports.json import from_json, to_json
from wsfsm.conformance.reports.junit import to_junit
from wsfsm.conformance.reports.markdown import to_markdown
from wsfsm.conformance.reports.terminal import Progress, show_changes, show_reports
from wsfsm.conformance.server.profiles import profile
from wsfsm.conformance.server.runner import check_server
from wsfsm.conformance.server.targets import CommandTarget, TargetError
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["main"]

_VARIANTS: Final = ("keepalive", "limit", "tls")
_FORMS: Final = ("html", "json", "junit", "markdown")
_COULD_NOT: Final = 2
_INTERRUPTED: Final = 130  # 128 and the number of SIGINT, as shells have it

Play: TypeAlias = Callable[[Sequence[Case], Callable[[Result], None]], Report]


def main(words: Sequence[str]) -> int:
    """Run ``wsfsm check``.

    Args:
        words: The arguments after ``check``. Those of ``server`` that are not ours are the server's.

    Returns:
        The exit status.

    Raises:
        SystemExit: As `argparse` does.
    """
    parser = argparse.ArgumentParser(prog="wsfsm check", description="Play conformance cases.")
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    _declare_server(kinds)
    _declare_facade(kinds)
    _declare_report(kinds)
    arguments = _parse(parser, words)
    return int(arguments.run(arguments))


def _parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    command: list[str] = []
    if list(words[:1]) == ["server"] and "--" in words:
        where = list(words).index("--")
        words, command = words[:where], list(words[where + 1 :])
    arguments, left = parser.parse_known_args(words)
    if hasattr(arguments, "jobs"):
        return argparse.Namespace(
            **vars(arguments), name=" ".join(left[:1]), arguments=left[1:], command=command
        )
    if left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    return arguments


def _declare_server(kinds: Any) -> None:
    parser = kinds.add_parser(
        "server",
        help="an ASGI server",
        usage="wsfsm check server [options] (NAME [ARGUMENT ...] | -- COMMAND [ARGUMENT ...])",
        description="Start an ASGI server and play the cases about servers on it.",
        epilog="NAME is uvicorn, hypercorn, daphne, granian, wsfsm (our class in uvicorn) or "
        "wsfsm-compat, and each ARGUMENT goes to the server. In a COMMAND, {host}, {port} and {app} "
        "are replaced by where it has to listen and what it has to serve; without {app} it has to "
        "serve wsfsm.conformance.server.app:app.",
        allow_abbrev=False,  # what is not ours is the server's
    )
    _declare_checking(parser)
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=8,
        metavar="N",
        help="cases side by side (default: %(default)s)",
    )
    parser.add_argument(
        "--name", dest="called", metavar="NAME", help="what the server is called in reports"
    )
    parser.add_argument(
        "--variant",
        type=_variant,
        action="append",
        default=[],
        metavar="NAME=ARGUMENTS",
        help="what a COMMAND is started with for the cases about pings (keepalive: one each second, "
        "and a second for the answer), about long messages (limit: 65536 bytes) or about TLS (tls: "
        "{cert} and {key} are the files of a certificate)",
    )
    parser.set_defaults(run=_check_server, kind="server", refuse=parser.error)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")


def _variant(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, words = text.partition("=")
    if name not in _VARIANTS or not words:
        known = " or ".join(f"{one}=ARGUMENTS" for one in _VARIANTS)
        raise argparse.ArgumentTypeError(f"{text!r} is not {known}")
    try:
        return name, tuple(shlex.split(words))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def _declare_facade(kinds: Any) -> None:
    parser = kinds.add_parser(
        "facade",
        help="the class that a framework gives its users",
        description="Play the cases about facades: the classes that frameworks give their users.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="wsfsm, starlette, fastapi, litestar, quart, falcon, channels, or module:Class for "
        "any class that takes scope, receive and send",
    )
    _declare_checking(parser)
    parser.set_defaults(
        run=_check_facade, kind="facade", refuse=parser.error, called="", command=()
    )


def _declare_checking(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_argument_group("which cases")
    chosen.add_argument(
        "--id", action="append", default=[], metavar="ID", help='by id, or its beginning ("close")'
    )
    chosen.add_argument(
        "--section", action="append", default=[], help='by a part of their section ("7.4.1")'
    )
    chosen.add_argument(
        "--level", action="append", default=[], choices=["must", "should", "may"], help="by level"
    )
    chosen.add_argument("--list", action="store_true", help="list them, and check nothing")
    _declare_output(parser)


def _declare_output(parser: argparse.ArgumentParser) -> None:
    told = parser.add_argument_group("what is told")
    told.add_argument(
        "--fail-on",
        choices=["must", "should"],
        default="must",
        help="the weakest level whose failures make the status 1 (default: %(default)s); "
        "a crash always does",
    )
    for form in _FORMS:
        told.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"write a report as {form}")
    told.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="known failures: only changes are failures, and told",
    )
    told.add_argument(
        "--update-baseline", action="store_true", help="write the failures of now to that file"
    )
    told.add_argument("-q", "--quiet", action="store_true", help="print no list of failures")


def _declare_report(kinds: Any) -> None:
    parser = kinds.add_parser(
        "report",
        help="reports of several targets side by side",
        description="Read reports that were written by --json, and tell them side by side.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _declare_output(parser)
    parser.set_defaults(run=_report, refuse=parser.error)


# ---------------------------------------------------------------- commands


def _check_server(arguments: argparse.Namespace) -> int:
    if arguments.name.startswith("-"):
        arguments.refuse(f"{arguments.name} is no option; those of a server come after its name")
    if not (arguments.list or arguments.name or arguments.command):
        arguments.refuse("name a server, or give a command after --")
    if arguments.name and arguments.command:
        arguments.refuse("name a server, or give a command after --, and not both")
    if arguments.variant and not arguments.command:
        arguments.refuse("--variant is for a command after --; a server's name knows its own")
    if arguments.command and not any("{port}" in word for word in arguments.command):
        arguments.refuse("the command has no {port}, and would not listen where it is waited for")

    def play(cases: Sequence[Case], on_result: Callable[[Result], None]) -> Report:
        command = arguments.command
        target = (
            CommandTarget(name="", command=tuple(command), variants=dict(arguments.variant))
            if command
            else profile(arguments.name, arguments.arguments)
        )
        target = attrs.evolve(target, name=_called(arguments) or target.name)
        return check_server(target, cases, on_result=on_result, jobs=arguments.jobs)

    return _guarded(lambda: _check(arguments, play))


def _called(arguments: argparse.Namespace) -> str:
    """What a target is called, or "" for what its own name says."""
    return arguments.called or " ".join(arguments.command)


def _check_facade(arguments: argparse.Namespace) -> int:
    if not (arguments.list or arguments.name):
        arguments.refuse("name a facade, or module:Class")

    def play(cases: Sequence[Case], on_result: Callable[[Result], None]) -> Report:
        # a project's own module need not be installed, as with the commands of servers
        sys.path.insert(0, str(Path.cwd()))
        return check_facade(facade_target(arguments.name), cases, on_result=on_result)

    return _guarded(lambda: _check(arguments, play))


def _report(arguments: argparse.Namespace) -> int:
    def run() -> int:

        cases = [*load_folder("server"), *load_folder("facade")]
        known = _known(arguments)
        _refuse_outputs(arguments)
        reports: list[Report] = []
        for path in arguments.files:
            try:
                reports += from_json(path.read_text(encoding="utf-8"), cases)
            except ValueError as error:  # not UTF-8, or what a CaseError says
                raise CaseError(f"{path}: {error}") from None
        if not any(report.results for report in reports):
            raise CaseError(f"no results are in {', '.join(map(str, arguments.files))}")
        _show(arguments, reports, known)
        return _status(arguments, reports, known)

    return _guarded(run)


def _guarded(run: Callable[[], int]) -> int:
    """Tell why something cannot be checked."""
    # a terminal of another encoding loses no report over a character
    with contextlib.suppress(AttributeError):  # of what stands for a terminal
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return run()
    except (CaseError, FacadeError, TargetError) as error:
        # what a server has printed may have characters that steer terminals
        return _failed("\n".join(map(one_line, str(error).splitlines())))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _failed("interrupted")
        return _INTERRUPTED


def _failed(text: str) -> int:
    print(f"wsfsm: {text}", file=sys.stderr)  # noqa: T201 - a command talks
    return _COULD_NOT


def _check(arguments: argparse.Namespace, play: Play) -> int:

    levels = [Level(level) for level in arguments.level]
    cases = select(
        load_folder(arguments.kind), ids=arguments.id, sections=arguments.section, levels=levels
    )
    if not cases:
        raise CaseError("no case is all of what is asked for")
    if arguments.list:
        lines = [f"{case.level:<6} {case.id:<45} {case.section}" for case in cases]
        Console().out("\n".join(lines), highlight=False)
        return 0
    known = _known(arguments)
    _refuse_outputs(arguments)
    with Progress(_called(arguments) or arguments.name, len(cases)) as progress:
        report = play(cases, progress.on_result)
    _show(arguments, [report], known)
    demanded = [result for result in report.results if result.case.level is not Level.MAY]
    told = f"the {len(demanded)} cases that demand something" if demanded else "the cases"
    chosen = demanded or report.results
    if all(result.verdict is Verdict.UNSUPPORTED for result in chosen):
        return _failed(f"none of {told} was judged: {chosen[0].reason}")
    return _status(arguments, [report], known)


def _known(arguments: argparse.Namespace) -> Baseline:
    """The known failures, read before anything is played: that may take minutes."""
    if arguments.update_baseline and not arguments.baseline:
        arguments.refuse("--update-baseline needs --baseline FILE")
    if arguments.baseline and (arguments.baseline.exists() or not arguments.update_baseline):
        return baseline.read(arguments.baseline, [*load_folder("server"), *load_folder("facade")])
    return baseline.Baseline()


def _refuse_outputs(arguments: argparse.Namespace) -> None:
    """Refuse files that cannot be written, before anything is played: that may take minutes."""
    # by --json, reports may take the place of those that they were made of
    named = {f"--{form}": getattr(arguments, form) for form in _FORMS}
    taken = {
        path.resolve(): "FILE"
        for path in getattr(arguments, "files", [])
        if path != named["--json"]
    }
    named["--baseline"] = arguments.baseline
    for option, path in named.items():
        if path is None:
            continue
        whole = path.resolve()
        if whole in taken:
            arguments.refuse(f"{taken[whole]} and {option} name the same file, {path}")
        taken[whole] = option
        if option == "--baseline" and not arguments.update_baseline:
            continue  # it is only read
        if path.is_dir() or not path.parent.is_dir():
            arguments.refuse(f"{option}: {path} is no file in a folder that is there")


def _show(arguments: argparse.Namespace, reports: Sequence[Report], known: Baseline) -> None:
    """Write and print what came of it."""
    least = Level(arguments.fail_on)
    try:
        _write(arguments, reports, least, known)
    finally:  # what cannot be written can still be read
        told = not (arguments.quiet or arguments.baseline)  # of what is known only changes are
        show_reports(reports, Console(), least=least, failures=told)


def _status(arguments: argparse.Namespace, reports: Sequence[Report], known: Baseline) -> int:
    """The status, once it is compared with the baseline, or that is written."""
    least = Level(arguments.fail_on)
    if arguments.update_baseline:
        baseline.write(arguments.baseline, reports, known, least=least)
        return 0
    if arguments.baseline:
        changes = baseline.compare(reports, known, least=least)
        show_changes(changes, Console())
        return int(changes.is_worse)
    return int(any(report.failures(least) for report in reports))


def _write(
    arguments: argparse.Namespace, reports: Sequence[Report], least: Level, known: Baseline
) -> None:

    date = datetime.now(UTC).date().isoformat()
    texts: dict[str, Callable[[], str]] = {
        "html": lambda: to_html(reports, date=date),
        "json": lambda: to_json(reports),
        "junit": lambda: to_junit(reports, least=least, baseline=known),
        "markdown": lambda: to_markdown(reports, date, baseline=known),
    }
    errors = []
    for form, text in texts.items():
        path = getattr(arguments, form)
        if path is not None:
            try:
                path.write_text(text(), encoding="utf-8")
            except OSError as error:  # the other files are not lost with this one
                errors.append(OSError(error.errno, error.strerror, str(path)))
    if errors:
        raise errors[0]

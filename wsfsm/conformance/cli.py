"""The command ``wsfsm check``: conformance cases on a server or a facade, and reports of them.

Exit status 0: nothing that counts has failed; 1: something has; 2: the check was not possible;
130: it was interrupted.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from rich.console import Console

from wsfsm.conformance import baseline
from wsfsm.conformance.baseline import Baseline, describe_idle
from wsfsm.conformance.cases import Case, Kind, Level, load_folder
from wsfsm.conformance.facade.adapters import FacadeError
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.options import OptionError, Options
from wsfsm.conformance.reports._common import one_line
from wsfsm.conformance.reports.html import to_html
from wsfsm.conformance.reports.json import from_json, to_json
from wsfsm.conformance.reports.junit import to_junit
from wsfsm.conformance.reports.terminal import (
    Progress,
    show_changes,
    show_reports,
    show_written,
)
from wsfsm.conformance.server.runner import check_server
from wsfsm.conformance.server.targets import TargetError
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, Verdict

__all__ = ["main"]

_FORMATS: Final = ("html", "json", "junit")
_NOT_POSSIBLE: Final = 2
_INTERRUPTED: Final = 130  # 128 plus the number of SIGINT, as shells have it
_NAMES: Final = {
    "server": "",
    "facade": "",
    "levels": "--level",
    "fail_on": "--fail-on",
    "update_baseline": "--update-baseline",
    "name": "--name",
    "variants": "--variant",
}
"""Options of this command, by the attributes of `Options`."""

Play: TypeAlias = Callable[[Sequence[Case], Callable[[Result], None]], Report]


def main(words: Sequence[str]) -> int:
    """Run ``wsfsm check``.

    Args:
        words: The arguments after ``check``. After ``server``, unknown ones belong to the server.

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
    try:
        return int(arguments.run(arguments))
    except OptionError as error:
        refuse: Callable[[str], NoReturn] = arguments.refuse
        refuse(error.named(_NAMES))


def _parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    command: list[str] = []
    if list(words[:1]) == ["server"] and "--" in words:
        where = list(words).index("--")
        words, command = words[:where], list(words[where:])
    arguments, rest = parser.parse_known_args(words)
    if hasattr(arguments, "jobs"):
        return argparse.Namespace(**vars(arguments), server=rest, command=command)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def _declare_server(kinds: Any) -> None:
    parser = kinds.add_parser(
        "server",
        help="check an ASGI server",
        usage="wsfsm check server [options] (NAME [ARGUMENT ...] | -- COMMAND [ARGUMENT ...])",
        description="Start an ASGI server, and play the cases for servers on it.",
        epilog="NAME is uvicorn, hypercorn, daphne, granian, wsfsm (our class in uvicorn) or "
        "wsfsm-compat; each ARGUMENT is passed to the server. In a COMMAND, {host} and {port} are "
        "replaced by the address where it has to listen, and {app} by the application that it has "
        "to serve. Without {app}, it has to serve wsfsm.conformance.server.app:app by itself.",
        allow_abbrev=False,  # an unknown option belongs to the server
    )
    _declare_checking(parser)
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=8,
        metavar="N",
        help="number of cases that are played side by side (default: %(default)s)",
    )
    parser.add_argument("--name", default="", metavar="NAME", help="name of the server in reports")
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME=ARGUMENTS",
        help="more arguments of a COMMAND, for the cases about pings (keepalive: send one each "
        "second, and wait one second for the answer), long messages (limit: accept 65536 bytes at "
        "most) or TLS (tls: {cert} and {key} are replaced by the files of a certificate)",
    )
    parser.set_defaults(run=_check_server, refuse=parser.error)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")


def _declare_facade(kinds: Any) -> None:
    parser = kinds.add_parser(
        "facade",
        help="check a class that a framework gives its users",
        description="Play the cases for facades, the classes that frameworks give their users.",
    )
    parser.add_argument(
        "facade",
        nargs="?",
        default="",
        metavar="NAME",
        help="wsfsm, starlette, fastapi, litestar, quart, falcon, channels, or module:Class for "
        "any class that takes scope, receive and send",
    )
    _declare_checking(parser)
    parser.set_defaults(run=_check_facade, refuse=parser.error)


def _declare_checking(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_argument_group("cases")
    chosen.add_argument(
        "--id",
        action="append",
        default=[],
        metavar="ID",
        help='play these cases: an id, or its beginning up to a dot ("close")',
    )
    chosen.add_argument(
        "--section",
        action="append",
        default=[],
        help='play cases with this in their section ("7.4.1")',
    )
    chosen.add_argument(
        "--level",
        action="append",
        default=[],
        help="play cases of this level (must, should or may)",
    )
    chosen.add_argument("--list", action="store_true", help="list the cases, and check nothing")
    _declare_output(parser)


def _declare_output(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--fail-on",
        default="must",
        metavar="LEVEL",
        help="weakest level whose failures make the exit status 1: must or should "
        "(default: %(default)s); a crash always does",
    )
    for form in _FORMATS:
        output.add_argument(
            f"--{form}", type=Path, metavar="FILE", help=f"write a report as {form}"
        )
    output.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="read known failures, and report only changes",
    )
    output.add_argument(
        "--update-baseline",
        action="store_true",
        help="write the current failures that --fail-on counts to that file",
    )
    output.add_argument(
        "-q", "--quiet", action="store_true", help="do not print the list of failures"
    )


def _declare_report(kinds: Any) -> None:
    parser = kinds.add_parser(
        "report",
        help="show reports of several targets side by side",
        description="Read reports that --json has written, and show them side by side.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _declare_output(parser)
    parser.set_defaults(run=_report, refuse=parser.error)


# ---------------------------------------------------------------- commands


def _check_server(arguments: argparse.Namespace) -> int:
    words, command = arguments.server, arguments.command
    if words and words[0].startswith("-"):
        raise OptionError(
            "server", f"unknown option {words[0]}; pass a server's options after its name"
        )
    if words and len(command) > 1:
        raise OptionError("server", "name a server, or pass a command after --, and not both")
    options = _options(
        arguments,
        server=words or command,
        name=arguments.name,
        variants=arguments.variant,
    )

    def play(cases: Sequence[Case], on_result: Callable[[Result], None]) -> Report:
        return check_server(
            options.server_target(), cases, on_result=on_result, jobs=arguments.jobs
        )

    named = arguments.name or " ".join(words or command[1:])
    return _guarded(lambda: _check(arguments, options, "server", named, play))


def _check_facade(arguments: argparse.Namespace) -> int:
    options = _options(arguments, facade=arguments.facade)

    def play(cases: Sequence[Case], on_result: Callable[[Result], None]) -> Report:
        # a module of the project need not be installed, as with the commands of servers
        sys.path.insert(0, str(Path.cwd()))
        return check_facade(options.facade_target(), cases, on_result=on_result)

    return _guarded(lambda: _check(arguments, options, "facade", arguments.facade, play))


def _options(arguments: argparse.Namespace, **more: Any) -> Options:
    """The options of a command; a report has no filters."""
    return Options(
        ids=getattr(arguments, "id", ()),
        sections=getattr(arguments, "section", ()),
        levels=getattr(arguments, "level", ()),
        fail_on=arguments.fail_on,
        baseline=arguments.baseline,
        update_baseline=arguments.update_baseline,
        **more,
    )


def _report(arguments: argparse.Namespace) -> int:
    options = _options(arguments)

    def run() -> int:
        known = options.known_failures()
        _refuse_outputs(arguments)
        cases = [*load_folder("server"), *load_folder("facade")]
        reports: list[Report] = []
        for path in arguments.files:
            try:
                reports += from_json(path.read_text(encoding="utf-8"), cases)
            except ValueError as error:  # not UTF-8, or a CaseError
                raise CaseError(f"{path}: {error}") from None
        if not any(report.results for report in reports):
            raise CaseError(f"there are no results in {', '.join(map(str, arguments.files))}")
        _show(arguments, options, reports, known)
        return _status(options, reports, known)

    return _guarded(run)


def _guarded(run: Callable[[], int]) -> int:
    """Print the error if the check is not possible."""
    # a report must not fail because the terminal has another encoding
    with contextlib.suppress(AttributeError):  # stdout may be replaced
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return run()
    except (CaseError, FacadeError, TargetError) as error:
        # the output of a server may contain control characters
        return _failed("\n".join(map(one_line, str(error).splitlines())))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _failed("interrupted")
        return _INTERRUPTED


def _failed(text: str) -> int:
    print(f"wsfsm: {text}", file=sys.stderr)  # noqa: T201 - the output of a command
    return _NOT_POSSIBLE


def _check(
    arguments: argparse.Namespace, options: Options, kind: Kind, named: str, play: Play
) -> int:
    cases = options.cases(kind)
    if not cases:
        raise CaseError("no case matches all of the filters")
    if arguments.list:
        lines = [f"{case.level:<6} {case.id:<45} {case.section}" for case in cases]
        Console().out("\n".join(lines), highlight=False)
        return 0
    options.require(kind)
    known = options.known_failures()
    _refuse_outputs(arguments)
    with Progress(named, len(cases)) as progress:
        report = play(cases, progress.on_result)
    _show(arguments, options, [report], known)
    required = [result for result in report.results if result.case.level is not Level.MAY]
    chosen = required or report.results
    if all(result.verdict is Verdict.UNSUPPORTED for result in chosen):
        which = "that require something " if required else ""
        return _failed(f"none of the {len(chosen)} cases {which}was judged: {chosen[0].reason}")
    return _status(options, [report], known)


def _refuse_outputs(arguments: argparse.Namespace) -> None:
    """Refuse files that cannot be written before any case is played, because that takes minutes."""
    # --json may replace the reports that were read
    named = {f"--{form}": getattr(arguments, form) for form in _FORMATS}
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
            arguments.refuse(f"{option}: expected a file in an existing folder, not {path}")


def _show(
    arguments: argparse.Namespace, options: Options, reports: Sequence[Report], known: Baseline
) -> None:
    """Write and print the reports."""
    try:
        _write(arguments, reports, options.fail_on, known)
    finally:  # a report that cannot be written is printed all the same
        failures = not (arguments.quiet or arguments.baseline)  # a baseline prints the changes
        show_reports(reports, Console(), least=options.fail_on, failures=failures)


def _status(options: Options, reports: Sequence[Report], known: Baseline) -> int:
    """Compare with the known failures, or write them, and return the exit status."""
    least = options.fail_on
    if options.baseline is not None and options.update_baseline:
        written = baseline.write(options.baseline, reports, known, least=least)
        left_out = len(baseline.compare(reports, known).new) - len(written.new)
        show_written(options.baseline, written, Console(), left_out=left_out)
        return 0
    if options.baseline is not None:
        changes = baseline.compare(reports, known, least=least)
        show_changes(changes, Console())
        _show_idle(options.baseline, reports, known)
        return int(changes.is_worse)
    return int(any(report.failures(least) for report in reports))


def _show_idle(path: Path, reports: Sequence[Report], known: Baseline) -> None:
    """Print that all known failures are of other targets, because a name may be wrong.

    One file may be of several targets, so nothing is printed if some are of these.
    """
    played = [(one.case.id, report.target) for report in reports for one in report.results]
    idle = known.idle(played)
    if idle and not any(known.find(target, case) for case, target in played):
        text = one_line(describe_idle(idle, str(path), played))
        Console().print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _write(
    arguments: argparse.Namespace, reports: Sequence[Report], least: Level, known: Baseline
) -> None:
    date = datetime.now(UTC).date().isoformat()
    texts: dict[str, Callable[[], str]] = {
        "html": lambda: to_html(reports, date=date),
        "json": lambda: to_json(reports),
        "junit": lambda: to_junit(reports, least=least, baseline=known),
    }
    errors = []
    for form, text in texts.items():
        path = getattr(arguments, form)
        if path is not None:
            try:
                path.write_text(text(), encoding="utf-8")
            except OSError as error:  # the other files are written all the same
                errors.append(OSError(error.errno, error.strerror, str(path)))
    if errors:
        raise errors[0]

"""The command ``wsfsm``.

Each subcommand has a function that declares its arguments, which `_parser` calls, and a function that
runs it and returns the exit status: 1 for a failure, 2 for wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, get_args

from wsfsm.demo import DemoError, serve
from wsfsm.diagrams import DIAGRAMS, SUFFIXES, Form, GraphvizError, render

__all__ = ["main"]

_STDOUT: Final = 1
_REFUSED: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments after the command's name; by default, those of the process.

    Returns:
        The exit status: 0, or 1 for a failure, which is reported on stderr.

    Raises:
        SystemExit: The arguments are wrong (status 2), or ``--help`` or ``--version`` was
            printed (0).
    """
    try:
        words = sys.argv[1:] if argv is None else argv
        if list(words[:1]) == ["check"]:
            return _check(words[1:])
        arguments = _parser().parse_args(words)
        return int(arguments.run(arguments))
    except BrokenPipeError:
        return 1  # the reader has stopped, for example in `wsfsm ... | head`
    except (_Failure, DemoError, GraphvizError) as error:
        print(f"wsfsm: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 1


class _Failure(Exception):
    """A failure; the text describes it."""


class _Version(argparse.Action):
    """Print the version, which is looked up only now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            text = f"wsfsm {version('wsfsm')}\n"
        except PackageNotFoundError:
            raise _Failure("the version is unknown, because wsfsm is not installed") from None
        _put(text.encode(), None)
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsfsm", description="Explicit state machines for ASGI WebSockets."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _declare_diagram(commands)
    _declare_demo(commands)
    commands.add_parser(
        "check", help="check a server or a framework against the ASGI specification"
    )
    return parser


def _check(words: Sequence[str]) -> int:
    try:
        from wsfsm.conformance import cli  # noqa: PLC0415 - only where its extra is installed
    except ModuleNotFoundError as error:
        print(  # noqa: T201 - a command prints
            f"wsfsm: the module {error.name} is missing; run pip install 'wsfsm[conformance]'",
            file=sys.stderr,
        )
        return _REFUSED
    return cli.main(words)


def _declare_diagram(commands: Any) -> None:
    parser = commands.add_parser(
        "diagram",
        help="draw the state machines",
        description="Draw the state machines from their tables. SVG and PNG need Graphviz.",
    )
    parser.add_argument(
        "which",
        nargs="?",
        choices=DIAGRAMS,
        help="the machine to draw (default: both, that is, client and application)",
    )
    parser.add_argument(
        "-f",
        "--format",
        choices=get_args(Form),
        help="the format (default: by the suffix of FILE, otherwise markdown)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write to FILE (default: standard output)"
    )
    where.add_argument(
        "--write",
        metavar="DIR",
        type=Path,
        help="write all diagrams into DIR, in all formats but PNG",
    )
    parser.set_defaults(run=_diagram, refuse=parser.error)


def _diagram(arguments: argparse.Namespace) -> int:
    if arguments.write is not None:
        if arguments.which or arguments.format:
            arguments.refuse("--write writes all diagrams; omit the name and --format")
        _write_all(arguments.write)
        return 0
    form = arguments.format or _form_of(arguments)
    if form == "png" and arguments.output is None and os.isatty(_STDOUT):
        arguments.refuse("PNG cannot be shown in a terminal; use -o FILE, or redirect the output")
    drawn = render(DIAGRAMS[arguments.which or "both"], form)
    _put(drawn, arguments.output)
    return 0


def _form_of(arguments: argparse.Namespace) -> Form:
    """Derive the format from the name of the file."""
    if arguments.output is None:
        return "markdown"
    forms = {suffix: form for form, suffix in SUFFIXES.items()}
    suffix = arguments.output.suffix
    if suffix not in forms:
        arguments.refuse(
            f"the suffix of {arguments.output} is not that of a format; use --format, or one of "
            f"{', '.join(forms)}"
        )
    return forms[suffix]


def _put(content: bytes, path: Path | None) -> None:
    """Write to a file, or to standard output."""
    try:
        # not sys.stdout, because Python would report a failure again when it flushes that at exit
        with open(_STDOUT if path is None else path, "wb", closefd=path is not None) as file:
            file.write(content)
    except BrokenPipeError:
        raise
    except OSError as error:
        target = "to standard output" if path is None else path
        raise _Failure(f"cannot write {target}: {error.strerror}") from None


def _write_all(folder: Path) -> None:
    drawn = {
        folder / f"{name}{suffix}": render(diagram, form)
        for name, diagram in DIAGRAMS.items()
        for form, suffix in SUFFIXES.items()
        if form != "png"  # the bytes differ between versions of Graphviz
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _Failure(f"cannot create the folder {folder}: {error.strerror}") from None
    for path, content in drawn.items():
        _put(content, path)


def _declare_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="watch the state machines in a browser",
        description="Serve a page on which you can watch the state machines of real connections.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the host to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8000,
        help="the TCP port to listen on; 0 takes any free one (default: %(default)s)",
    )
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    serve(arguments.host, arguments.port)
    return 0

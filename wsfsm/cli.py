"""The command ``wsfsm``.

A command is a function of its arguments that returns the exit status, and a function that
declares it, called in `_parser`. Status 1 is a failure, 2 a usage that is refused.
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
        argv: Arguments after the command's name; by default those of the process.

    Returns:
        The exit status: 0, or 1 for a failure, which is reported on stderr.

    Raises:
        SystemExit: The arguments are refused (status 2), or ``--help`` or ``--version`` has
            been answered (0).
    """
    try:
        words = sys.argv[1:] if argv is None else argv
        if list(words[:1]) == ["check"]:
            return _check(words[1:])
        arguments = _parser().parse_args(words)
        return int(arguments.run(arguments))
    except BrokenPipeError:
        return 1  # the reader has what it wanted, as in `wsfsm ... | head`
    except (_Failure, DemoError, GraphvizError) as error:
        print(f"wsfsm: {error}", file=sys.stderr)  # noqa: T201 - a command talks
        return 1


class _Failure(Exception):
    """A failure that its text describes."""


class _Version(argparse.Action):
    """Look the version up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            text = f"wsfsm {version('wsfsm')}\n"
        except PackageNotFoundError:
            raise _Failure("not installed as a package, and so without a version") from None
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
        print(  # noqa: T201 - a command talks
            f"wsfsm: {error.name} is missing: pip install 'wsfsm[conformance]'", file=sys.stderr
        )
        return _REFUSED
    return cli.main(words)


def _declare_diagram(commands: Any) -> None:
    parser = commands.add_parser(
        "diagram",
        help="draw the machines",
        description="Draw the machines, straight from their tables. SVG and PNG need Graphviz.",
    )
    parser.add_argument(
        "which",
        nargs="?",
        choices=DIAGRAMS,
        help="what to draw (default: both, the client and the application)",
    )
    parser.add_argument(
        "-f",
        "--format",
        choices=get_args(Form),
        help="default: what the name of FILE ends with, or else markdown",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="where to (default: standard output)"
    )
    where.add_argument(
        "--write", metavar="DIR", type=Path, help="write all of them there, in all formats but PNG"
    )
    parser.set_defaults(run=_diagram, refuse=parser.error)


def _diagram(arguments: argparse.Namespace) -> int:
    if arguments.write is not None:
        if arguments.which or arguments.format:
            arguments.refuse("--write writes all diagrams in all formats: name none")
        _write_all(arguments.write)
        return 0
    form = arguments.format or _form_of(arguments)
    if form == "png" and arguments.output is None and os.isatty(_STDOUT):
        arguments.refuse("PNG is not for a terminal: name a file with -o FILE, or redirect it")
    drawn = render(DIAGRAMS[arguments.which or "both"], form)
    _put(drawn, arguments.output)
    return 0


def _form_of(arguments: argparse.Namespace) -> Form:
    """The format where none is named."""
    if arguments.output is None:
        return "markdown"
    forms = {suffix: form for form, suffix in SUFFIXES.items()}
    suffix = arguments.output.suffix
    if suffix not in forms:
        arguments.refuse(f"{arguments.output} tells no format by its name: name one with --format")
    return forms[suffix]


def _put(content: bytes, path: Path | None) -> None:
    """Write to a file, or to standard output."""
    try:
        # not sys.stdout: a failure in its buffer is reported once more when Python exits
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
        if form != "png"  # the bytes would differ from one Graphviz to the next
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _Failure(f"cannot make the folder {folder}: {error.strerror}") from None
    for path, content in drawn.items():
        _put(content, path)


def _declare_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="show the machines at work in a browser",
        description="Serve a page that shows the machines of real connections at work.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="TCP port, 0 for any (default: %(default)s)"
    )
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    serve(arguments.host, arguments.port)
    return 0

"""The command ``wsfsm``.

Each subcommand has a function that declares its arguments, which `_parser` calls, and a function that
runs it and returns the exit status: 1 for a failure, 2 for wrong usage.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NoReturn, get_args

from wsfsm.demo import DemoError, serve
from wsfsm.demo import write as write_demo
from wsfsm.diagrams import (
    DIAGRAMS,
    SUFFIXES,
    Diagram,
    Form,
    GraphvizError,
    Kind,
    MachineNotFound,
    explain,
    is_current,
    render,
)
from wsfsm.diagrams._graphviz import GraphvizMissing
from wsfsm.diagrams._selection import KINDS, BadName, Selection, kinds_of
from wsfsm.diagrams._terminal import show

__all__ = ["main"]

_STDOUT: Final = 1
_REFUSED: Final = 2
_HERE: Final = Path(__file__).parent
_ERRORS: Final = "errors.md"
_PAGE: Final = _HERE / _ERRORS if (_HERE / _ERRORS).is_file() else _HERE.parent / "docs" / _ERRORS
"""The page about errors: in the package, or in the tree that it is run from."""
_NAMES: Final = (
    f"NAME is {', '.join(DIAGRAMS)}, or leads to a Machine, a Table or a Diagram of your own: "
    "package.module:NAME, folder/file.py:NAME, or a document folder/file.scxml."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments after the command's name; by default, those of the process.

    Returns:
        The exit status, which is 0, or 1 for a failure, which is reported on stderr.

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
    except (_Failure, DemoError, GraphvizError, MachineNotFound) as error:
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
    _declare_explain(commands)
    _declare_error(commands)
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
        help="draw state machines, those of wsfsm or your own",
        description="Draw state machines from their tables. SVG and PNG need Graphviz.",
    )
    _add_names(parser, "the machines to draw side by side")
    parser.add_argument(
        "-f",
        "--format",
        choices=get_args(Form),
        help="the format (default: by the suffix of FILE, otherwise markdown)",
    )
    parser.add_argument(
        "--merge-edges",
        action=argparse.BooleanOptionalAction,
        help="draw one arrow for all events from one state to another, and write events that do not "
        "change the state inside of it (default: if labels would overlap otherwise)",
    )
    parser.add_argument(
        "--outputs",
        action=argparse.BooleanOptionalAction,
        help="show outputs in pictures (default: as the diagram says, otherwise yes)",
    )
    parser.add_argument(
        "--kinds",
        type=_kinds,
        help=f"the kind, that is, the colour, of the events: {', '.join(KINDS)}; for one of several machines "
        "MACHINE=KIND, separated by commas",
    )
    parser.add_argument("--state", help="show only the rows that begin in STATE")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write to FILE (default: standard output)"
    )
    where.add_argument(
        "--check",
        metavar="FILE",
        type=Path,
        help="write nothing; fail with status 1 if FILE is not the diagram as it would be drawn now",
    )
    where.add_argument(
        "--write",
        metavar="DIR",
        type=Path,
        help="write all diagrams of wsfsm into DIR, in all formats but PNG",
    )
    parser.set_defaults(run=_diagram, refuse=parser.error)


def _kinds(text: str) -> dict[str, Kind]:
    try:
        return kinds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_names(parser: argparse.ArgumentParser, text: str) -> None:
    parser.epilog = _NAMES
    default = "both, that is, client and application"
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{text} (default: {default})")


def _diagram(arguments: argparse.Namespace) -> int:
    if arguments.write is not None:
        if arguments.names or arguments.format or _options(arguments):
            arguments.refuse("--write writes all diagrams; omit the names and other options")
        _write_all(arguments.write)
        return 0
    form = arguments.format or _form_of(arguments)
    if form in {"scxml", "xstate"} and arguments.state is not None:
        arguments.refuse(f"{form} has the whole machine; omit --state, or choose another format")
    if form == "png" and arguments.check is not None:
        arguments.refuse("PNG cannot be checked, because it differs between versions of Graphviz")
    if form == "png" and arguments.output is None and os.isatty(_STDOUT):
        arguments.refuse("PNG cannot be shown in a terminal; use -o FILE, or redirect the output")
    try:
        drawn = render(_named(arguments), form)
    except GraphvizMissing as error:
        raise _Failure(f"{error}, or use --format mermaid") from None
    if arguments.check is None:
        _put(drawn, arguments.output)
    else:
        _compare(arguments, drawn, form)
    return 0


def _named(arguments: argparse.Namespace) -> Diagram:
    """Find the machines by their names, and put them into one diagram."""
    selection = Selection(
        tuple(arguments.names or ["both"]),
        arguments.merge_edges,
        arguments.outputs,
        arguments.kinds or {},
        arguments.state,
    )
    try:
        return selection.diagram(Path())
    except BadName as error:
        refuse: Callable[[str], NoReturn] = arguments.refuse
        refuse(str(error))
    except ValueError as error:
        raise _Failure(str(error)) from None


def _compare(arguments: argparse.Namespace, drawn: bytes, form: Form) -> None:
    """Fail if a file is not the diagram."""
    path: Path = arguments.check
    options = [*["-f", form] * (arguments.format is not None), *_options(arguments)]
    command = shlex.join(["wsfsm", "diagram", *arguments.names, *options, "-o", str(path)])
    try:
        current = is_current(path.read_bytes(), drawn, form)
    except FileNotFoundError:
        raise _Failure(f"{path} does not exist; run `{command}`") from None
    except OSError as error:
        raise _Failure(f"cannot read {path}: {error.strerror}") from None
    if not current:
        raise _Failure(f"{path} is stale; run `{command}`")


def _options(arguments: argparse.Namespace) -> list[str]:
    """Write the options that say what a picture shows."""
    flags = {"merge-edges": arguments.merge_edges, "outputs": arguments.outputs}
    options = [f"--{'' if on else 'no-'}{flag}" for flag, on in flags.items() if on is not None]
    if arguments.kinds is not None:
        kinds = (f"{name}={k.name}" if name else k.name for name, k in arguments.kinds.items())
        options += ["--kinds", ",".join(kinds)]
    return options if arguments.state is None else [*options, "--state", arguments.state]


def _form_of(arguments: argparse.Namespace) -> Form:
    """Derive the format from the name of the file."""
    path = arguments.output or arguments.check
    if path is None:
        return "markdown"
    forms = {suffix: form for form, suffix in SUFFIXES.items()}
    suffix = path.suffix
    if suffix not in forms:
        arguments.refuse(
            f"the suffix of {path} is not that of a format; use --format, or one of "
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


def _declare_explain(commands: Any) -> None:
    parser = commands.add_parser(
        "explain",
        help="explain state machines in words",
        description="Show the shortest path to each state, and the effect of each event in each state.",
    )
    _add_names(parser, "the machines")
    parser.set_defaults(
        run=_explain, refuse=parser.error, merge_edges=None, outputs=None, kinds=None, state=None
    )


def _explain(arguments: argparse.Namespace) -> int:
    diagram = _named(arguments)
    # lines are wrapped only in a terminal, so that other programs can read them
    if not (os.isatty(_STDOUT) and show(diagram)):
        _put(explain(diagram).encode(), None)
    return 0


def _declare_error(commands: Any) -> None:
    parser = commands.add_parser(
        "error",
        help="explain an error that wsfsm raises",
        description="Say what an error means and what to do. Tracebacks name the topic of the error.",
    )
    parser.add_argument(
        "topic",
        nargs="?",
        metavar="TOPIC",
        help="the topic, or a word to look for, for example an exception or a close code "
        "(default: list all topics)",
    )
    parser.set_defaults(run=_error, refuse=parser.error)


def _error(arguments: argparse.Namespace) -> int:
    sections, topic = _sections(), arguments.topic
    if topic in sections:
        _put(f"{sections[topic]}\n".encode(), None)
        return 0
    if topic is None:
        found = list(sections)
    else:
        word = re.compile(rf"(?<!\w){re.escape(topic)}(?!\w)", re.IGNORECASE)
        found = [name for name, text in sections.items() if word.search(text)]
    if not found:
        near = get_close_matches(topic, sections)
        advice = f"did you mean {' or '.join(near)}? " if near else ""
        arguments.refuse(f"unknown topic {topic!r}; {advice}`wsfsm error` lists all of them")
    width = max(map(len, found))
    lines = [f"{name:{width}}  {sections[name].splitlines()[0]}" for name in found]
    _put("\n".join([*lines, ""]).encode(), None)
    return 0


def _sections() -> dict[str, str]:
    """Read the sections of the page about errors, by their topics."""
    _, *parts = _PAGE.read_text(encoding="utf-8").split("\n### ")
    sections = {}
    for part in parts:
        topic, _, text = part.partition("\n")
        text = text.partition("\n## ")[0].strip()  # without the heading of the next group
        sections[topic] = re.sub(r"\[([^]]+)\]\([^)]+\)", r'"\1"', text)  # titles for links
    return sections


def _declare_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="watch the state machines in a browser",
        description="Serve a page on which you can watch the state machines of real connections, "
        "or write one that simulates them.",
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
    parser.add_argument(
        "--write",
        metavar="DIR",
        type=Path,
        help="write the page into DIR, and serve nothing; any web server can publish it, and it "
        "simulates the connections",
    )
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.write is None:
        serve(arguments.host, arguments.port)
        return 0
    try:
        write_demo(arguments.write)
    except OSError as error:
        raise _Failure(f"cannot write {error.filename}: {error.strerror}") from None
    return 0

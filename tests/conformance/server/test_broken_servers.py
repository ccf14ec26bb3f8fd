"""Broken servers: each fails the cases about its fault, and no others."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from helpers.broken_servers import frames, messages, streams
from helpers.broken_servers.building import Mutant, broken_server, scoped, unchanged
from helpers.broken_servers.neighbours import NEIGHBOURS
from helpers.broken_servers.wires import Refusing, head

from wsfsm.conformance import Level, Verdict, check_server, load_folder, select
from wsfsm.conformance.cases import Case
from wsfsm.types import Scope

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.usefixtures("swept"),
    # a broken server leaves things behind
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DEMANDED = select(load_folder("server"), levels=[Level.MUST, Level.SHOULD])


def failures(
    name: str, mutant: Mutant = unchanged, *, cases: Sequence[Case] = DEMANDED, **more: Any
) -> set[str]:
    """The cases that a broken server fails, of some."""
    report = check_server(broken_server(name, mutant, **more), cases, jobs=40, servers=20)
    return {result.case.id for result in report.failures()}


def scope_failures(
    name: str, change: Callable[[Scope], Mapping[str, Any]], *, cases: Sequence[Case]
) -> set[str]:
    """The cases about the scope that a server with another one fails."""
    about_scopes = [case for case in cases if case.id.startswith("scope.")]
    report = check_server(broken_server(name, scoped(change)), about_scopes)
    return {result.case.id for result in report.failures()}


Catalogue = Mapping[str, tuple[Callable[..., set[str]], set[str]]]
"""How to run each broken server on some cases, and the cases that it fails."""


def catalogue(group: str, servers: Mapping[str, Any], run: Callable[..., Any]) -> Catalogue:
    return {
        f"{group}: {name}": (run(name, *broken), caught)
        for name, (*broken, caught) in servers.items()
    }


BROKEN: Catalogue = {
    **catalogue("message", messages.MUTANTS, lambda n, m: partial(failures, n, m)),
    **catalogue("bytes", messages.BYTES, lambda n, p: partial(failures, n, protocol=p)),
    **catalogue(
        "application", frames.APPLICATIONS, lambda n, m: partial(failures, n, m, http=Refusing)
    ),
    **catalogue("neighbour", NEIGHBOURS, lambda n, m: partial(failures, n, m, http=Refusing)),
    **catalogue("frame read", frames.READ, lambda n, p: partial(failures, n, protocol=p)),
    **catalogue("frame written", frames.WRITTEN, lambda n, p: partial(failures, n, protocol=p)),
    **catalogue("head", frames.HEADS, lambda n, h: partial(failures, n, http=head(h))),
    **catalogue("scope", frames.SCOPES, lambda n, c: partial(scope_failures, n, c)),
    **catalogue(
        "stream of the application", streams.APPLICATIONS, lambda n, m: partial(failures, n, m)
    ),
    **catalogue("stream read", streams.READ, lambda n, p: partial(failures, n, protocol=p)),
    **catalogue("stream written", streams.WRITTEN, lambda n, p: partial(failures, n, protocol=p)),
    **catalogue("stream's head", streams.HEADS, lambda n, h: partial(failures, n, http=h)),
    **catalogue(
        "stream and its head",
        streams.LYING,
        lambda n, p, h: partial(failures, n, protocol=p, http=h),
    ),
}

# Aligned by hand.
# fmt: off
OLD = "it is about servers of an older version"
TLS = "there is none within the process of the tests: test_tls has servers that fail it"
LIVES = "a server that hangs or dies of it fails it, as in TestDying"
NOT_CAUGHT = {
    "scope.type": "an application finds its case by the scope",
    "scope.headers": "an application finds its case by the headers",
    "accept.headers-before-2.1": OLD,
    "close.reason-before-2.3": OLD,
    "disconnected-client.closing-let-through": LIVES,
    "disconnected-client.let-through": LIVES,
    "disconnected-client.let-through-before-2.4": OLD,
    "disconnected-client.rejected-let-through": LIVES,
    "exit.return-sent": "what was sent is written before an application can return",
    **{f"tls.{case}": TLS for case in ("close-then-end", "handshake", "messages-then-end", "sent-before-close", "transport-ends")},
    "flow.order": "what is sent waits in the transport, which keeps its order",
}
# fmt: on


def settled(run: Callable[..., set[str]], caught: set[str], cases: Sequence[Case]) -> set[str]:
    """The cases that a broken server fails: one that is not expected must fail twice."""
    failed = run(cases=cases)
    if failed == caught:
        return failed
    again = run(cases=cases)  # machines are busy
    return ((failed | again) & caught) | (failed & again)


def test_sound_server_passes_every_case() -> None:
    report = check_server(broken_server("good"), jobs=40)

    assert not report.failures()
    # uvicorn's HTTP side, which reads the head, may reset a connection with a head that is too long
    loose = {r.case.id for r in report.results if r.verdict is Verdict.NON_STRICT}
    assert loose <= {"handshake.head-too-long"}


MEASURED = "message: lines are smuggled"
"""The one whose failures no other test covers."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == MEASURED else pytest.mark.long) for name in BROKEN],
)
def test_broken_server_fails_the_cases_about_its_fault(name: str) -> None:
    run, caught = BROKEN[name]
    about_it = tuple(case for case in DEMANDED if case.id in caught)

    assert settled(run, caught, about_it or DEMANDED) == caught


@pytest.mark.long
@pytest.mark.parametrize("name", BROKEN)
def test_broken_server_passes_every_other_case(name: str) -> None:
    run, caught = BROKEN[name]

    assert settled(run, caught, DEMANDED) == caught


def test_each_case_with_an_expectation_is_failed_by_a_broken_server() -> None:
    caught = set[str]().union(*(cases for _, cases in BROKEN.values()))

    assert {case.id for case in DEMANDED} - caught == set(NOT_CAUGHT)

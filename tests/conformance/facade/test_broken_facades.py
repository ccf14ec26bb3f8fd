"""Facades with one fault each: the cases about it find it, and no other case does."""

import pytest
from helpers.broken_facades.faults import FAULTS, Mutant
from helpers.broken_facades.orders import MORE, NEEDS, needing

from wsfsm.conformance import Level, load_folder, select
from wsfsm.conformance.facade.adapters import class_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.verdicts import Verdict

pytestmark = [pytest.mark.long, pytest.mark.one_python]

DEMANDED = select(load_folder("facade"), levels=[Level.MUST, Level.SHOULD])
BAD = {Verdict.FAIL, Verdict.NON_STRICT, Verdict.TIMEOUT, Verdict.CRASH}
ABOUT_CALLERS = {
    "denial.then-return",
    "denial.exception-with-extension",
    "denial.exception-after-accept",
    "denial.exception-after-denial",
    "endings.error-without-extension",
    "endings.error-after-accept",
    "endings.return-after-close",
    "endings.raise-after-close",
    "endings.return-after-disconnect",
    "endings.raise-after-disconnect",
}
"""Cases about the end of a handler, which the class does not see: its caller does."""


def found(mutant: type[Mutant]) -> dict[str, Verdict]:
    """The cases that find the fault, of those that demand something, and all that crash."""
    report = check_facade(class_target("mutant", mutant, {}))
    return {
        result.case.id: result.verdict
        for result in report.results
        if result.verdict in BAD
        and (result.case.level is not Level.MAY or result.verdict is Verdict.CRASH)
    }


@pytest.mark.parametrize("mutant", FAULTS, ids=lambda mutant: mutant.__name__)
def test_fault_fails_exactly_the_cases_about_it(mutant: type[Mutant]) -> None:
    assert found(mutant) == FAULTS[mutant]


@pytest.mark.parametrize("name", MORE)
def test_fault_in_the_order_of_messages_fails_exactly_the_cases_about_it(name: str) -> None:
    mutant, expected = MORE[name]

    assert found(mutant) == expected


@pytest.mark.parametrize("name", NEEDS)
def test_facade_that_needs_an_optional_scope_key_fails_exactly_the_case_about_it(name: str) -> None:
    read, expected = NEEDS[name]

    assert found(needing(read)).keys() == expected


def test_each_case_with_an_expectation_is_failed_by_a_broken_facade() -> None:
    finding = {case for cases in FAULTS.values() for case in cases}
    finding |= {case for _, cases in NEEDS.values() for case in cases}
    finding |= {case for _, cases in MORE.values() for case in cases}

    assert {case.id for case in DEMANDED} - finding == ABOUT_CALLERS

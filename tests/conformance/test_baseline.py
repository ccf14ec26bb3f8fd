"""Known failures."""

from pathlib import Path

import pytest
from helpers.sample_reports import (
    BAD,
    CASES,
    CODE,
    GOOD,
    ORDER,
    REASON,
    STATUS,
    failed,
    report,
    result,
)

from wsfsm.conformance.baseline import NO_REASON, Baseline, KnownFailure, compare, read, write
from wsfsm.conformance.cases import Level
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Verdict


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


def known(
    case: str = "close.code", target: str = "", verdict: Verdict | None = Verdict.FAIL
) -> KnownFailure:
    return KnownFailure(case=case, target=target, verdict=verdict, reason="see #1")


class TestReading:
    def test_file_is_read(self, path: Path) -> None:
        path.write_text(
            '[[known]]\ncase = "close.code"\ntarget = "bad"\nverdict = "crash"\nreason = "#1"\n'
            '[[known]]\ncase = "close.code"\nreason = "all"\n'
        )

        assert read(path, CASES) == Baseline(
            (
                KnownFailure(case="close.code", target="bad", verdict=Verdict.CRASH, reason="#1"),
                KnownFailure(case="close.code", reason="all"),
            )
        )

    def test_empty_file_is_read(self, path: Path) -> None:
        path.write_text("")

        assert read(path, CASES) == Baseline()

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("known", "known.toml: "),
            ("known = " + "[" * 5000, "known.toml: "),
            ("known = 1", "known.toml: known should be a list of tables [[known]], not 1"),
            ("[more]", "known.toml: the file has an unknown key, more"),
            ("known = ['close.code']", "known.toml: known[0] should be a table, not 'close.code'"),
            ("[[known]]\ncase = 'close.code'", "known.toml: known close.code lacks the key reason"),
            ("[[known]]\nreason = ''", "known.toml: known[0] lacks the key case"),
            ("[[known]]\ncase = 1\nreason = ''", "known[0].case should be a text, not 1"),
            ("[[known]]\ncase = 'a'\nreason = ''\ntarget = 1", "known a, target should be a text"),
            (
                "[[known]]\ncase = 'a'\nreason = ''\nverdict = 'pass'",
                "known a, verdict should be fail or timeout or crash, not 'pass'",
            ),
            ("[[known]]\ncase = 'a'\nreason = ''\nwhy = 1", "known a has an unknown key, why"),
            ("[[known]]\ncase = 'a'\nreason = ''", "known.toml: there is no case a"),
            ("[[known]]\ncase = 'close.code'\nreason = ''\n" * 2, "close.code is listed twice"),
        ],
    )
    def test_malformed_file_is_refused(self, path: Path, text: str, told: str) -> None:
        path.write_text(text)

        with pytest.raises(CaseError) as caught:
            read(path, CASES)
        assert told in str(caught.value)

    def test_file_that_is_not_utf8_is_refused(self, path: Path) -> None:
        path.write_bytes(b"\xff")

        with pytest.raises(CaseError, match=r"known\.toml"):
            read(path, CASES)


class TestComparing:
    def test_failure_that_is_not_listed_is_new(self) -> None:
        changes = compare([GOOD, BAD], Baseline())

        assert [(c.target, c.result.case.id) for c in changes.new] == [
            ("bad", "close.code"),
            ("bad", "deny.status"),
            ("bad", "deny.wild"),
            ("bad", "deny.dead"),
        ]
        assert changes.is_worse

    def test_failures_of_may_cases_are_compared_on_request(self) -> None:
        assert len(compare([BAD], Baseline(), least=Level.MAY).new) == 5

    @pytest.mark.parametrize("target", ["", "bad"])
    @pytest.mark.parametrize("verdict", [Verdict.FAIL, None])
    def test_listed_failure_is_known(self, target: str, verdict: Verdict | None) -> None:
        one = known(target=target, verdict=verdict)
        changes = compare([report("bad", failed(CODE))], Baseline((one,)))

        assert (changes.new, changes.changed, changes.fixed) == ((), (), ())
        assert changes.known[0].known is one
        assert not changes.is_worse

    def test_failure_listed_for_another_target_is_new(self) -> None:
        changes = compare([report("bad", failed(CODE))], Baseline((known(target="other"),)))

        assert len(changes.new) == 1
        assert changes.fixed == ()

    def test_entry_for_a_target_is_preferred_to_a_general_entry(self) -> None:
        general, special = known(verdict=Verdict.FAIL), known(target="bad", verdict=Verdict.CRASH)
        changes = compare([report("bad", failed(CODE))], Baseline((special, general)))

        assert changes.changed[0].known is special

    def test_known_failure_with_another_verdict_is_changed(self) -> None:
        changes = compare([report("bad", failed(CODE, Verdict.TIMEOUT))], Baseline((known(),)))

        assert changes.changed[0].result.verdict is Verdict.TIMEOUT
        assert changes.is_worse

    def test_known_failure_that_passes_is_fixed(self) -> None:
        changes = compare([report("bad", result(CODE))], Baseline((known(),)))

        assert changes.fixed == (known(),)
        assert not changes.is_worse

    def test_known_failure_that_fails_on_one_target_is_not_fixed(self) -> None:
        reports = [report("good", result(CODE)), report("bad", failed(CODE))]

        assert compare(reports, Baseline((known(),))).fixed == ()

    def test_known_failure_that_was_not_judged_is_not_fixed(self) -> None:
        unsupported = report("bad", result(CODE, Verdict.UNSUPPORTED))
        baseline = Baseline((known(), known("close.reason")))

        assert compare([unsupported], baseline).fixed == ()


class TestWriting:
    def test_new_failures_are_written_with_a_placeholder_reason(self, path: Path) -> None:
        write(path, [BAD])

        assert read(path, CASES).known[0] == KnownFailure(
            case="close.code", target="bad", verdict=Verdict.FAIL, reason=NO_REASON
        )
        assert compare([BAD], read(path, CASES)).new == ()

    def test_reasons_and_unchecked_entries_are_kept(self, path: Path) -> None:
        before = Baseline((known("deny.status", "other"), known(), known("close.reason")))
        write(path, [report("bad", failed(CODE), failed(ORDER))], before)

        assert read(path, CASES) == before

    def test_fixed_failures_are_removed(self, path: Path) -> None:
        write(path, [report("bad", result(CODE))], Baseline((known(),)))

        assert read(path, CASES) == Baseline()

    def test_changed_verdict_keeps_its_reason_and_position(self, path: Path) -> None:
        before = Baseline((known(target="bad"), known("deny.status", "bad")))
        now = [report("bad", failed(CODE, Verdict.CRASH), failed(STATUS))]
        write(path, now, before)

        assert read(path, CASES) == Baseline(
            (known(target="bad", verdict=Verdict.CRASH), known("deny.status", "bad"))
        )

    def test_strings_are_written_as_toml(self, path: Path) -> None:
        odd = KnownFailure(case="close.code", reason='"\\\x00\x1b\x7f\té\u2028\U0001f600\n')
        write(path, [], Baseline((odd,)))

        assert read(path, CASES) == Baseline((odd,))

    def test_entry_for_any_verdict_is_kept(self, path: Path) -> None:
        write(
            path, [report("bad", failed(REASON))], Baseline((known("close.reason", verdict=None),))
        )

        assert read(path, CASES).known == (known("close.reason", verdict=None),)

"""The plugin of pytest: which cases become tests, how they end, and what may be configured."""

from pathlib import Path
from typing import Any

import pytest
from helpers.plugin_project import TESTS, Project

from wsfsm.conformance import load_folder

BOTH_KEYS = "events.both-keys"


def known(case: str = "send.text", **more: str) -> str:
    told = {"case": case, "reason": "we know", **more}
    return "[[known]]\n" + "".join(f'{key} = "{text}"\n' for key, text in told.items())


def printed(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


class TestAVerdict:
    @pytest.mark.parametrize(
        ("facade", "case", "outcome"),
        [
            ("Good", "send.text", "passed"),
            ("Loud", "send.text", "failed"),  # fail
            ("Stuck", "send.text", "failed"),  # timeout
            ("Deadly", "send.text", "failed"),  # crash
            ("Deadly", "send.slowly", "failed"),  # crash, whatever the level
            ("Mute", "send.text", "skipped"),  # unsupported
            ("Careless", "send.before-accept", "passed"),  # non-strict
            ("Good", "send.slowly", "passed"),  # informational
            ("Trusting", BOTH_KEYS, "xfailed"),  # fail, and only a should
        ],
    )
    def test_is_an_outcome(self, project: Project, facade: str, case: str, outcome: str) -> None:
        result = project.play("facade", facade=f"facades:{facade}", select=case)

        result.assert_outcomes(**{outcome: 1})

    def test_of_a_should_counts_where_it_is_demanded(self, project: Project) -> None:
        options = {"facade": "facades:Trusting", "select": BOTH_KEYS, "level": "should"}
        result = project.play("facade", **options)

        result.assert_outcomes(failed=1)

    def test_counts_where_no_failure_is_expected(self, project: Project) -> None:
        options = {"facade": "facades:Trusting", "select": BOTH_KEYS}
        result = project.play("facade", "--runxfail", **options)

        result.assert_outcomes(failed=1)


class TestWhatIsTold:
    def test_of_a_failure_is_the_requirement_with_its_section(self, project: Project) -> None:
        result = project.play("facade", facade="facades:Loud", select="send.text")

        result.stdout.fnmatch_lines(
            [
                "fail: server got: message text: expected 'a', got 'a!' (on facades:Loud)",
                "case:        send.text",
                "requirement: The facade must send a text in one message, * (ASGI WebSocket 2.5, Send, must)",
                "expected:    *",
                "observed:    *",
                ">  ?. server got *",
                "FAILED test_it.py::test_it[[]send.text] - *fail: server got: *",
            ]
        )

    def test_of_a_failure_has_no_code_in_it(self, project: Project) -> None:
        result = project.play("facade", facade="facades:Loud", select="send.text")

        result.stdout.no_fnmatch_line("*check()*")

    @pytest.mark.parametrize(
        ("facade", "case", "told"),
        [
            ("Careless", "send.before-accept", "non-strict on facades:Careless"),
            ("Good", "send.slowly", "informational on facades:Good"),
            ("Trusting", BOTH_KEYS, "fail on facades:Trusting"),
        ],
    )
    def test_of_what_is_let_pass_is_a_section_of_its_own(
        self, project: Project, facade: str, case: str, told: str
    ) -> None:
        result = project.play("facade", "--xfail-tb", facade=f"facades:{facade}", select=case)

        result.stdout.fnmatch_lines(["*Captured wsfsm call*", told, f"case:        {case}"])

    def test_of_a_pass_is_nothing(self, project: Project) -> None:
        result = project.play("facade", facade="facades:Good", select="send.text")

        result.stdout.no_fnmatch_line("*wsfsm call*")

    @pytest.mark.parametrize(
        ("facade", "case", "told"),
        [
            ("Mute", "send.text", "SKIPPED *: *send_text*"),
            ("Trusting", BOTH_KEYS, "XFAIL *only a should: call receive_text: *raises: *"),
        ],
    )
    def test_of_others_is_the_reason(
        self, project: Project, facade: str, case: str, told: str
    ) -> None:
        result = project.play("facade", facade=f"facades:{facade}", select=case)

        result.stdout.fnmatch_lines([told])

    def test_is_in_the_junit_file(self, project: Project) -> None:
        options = {"facade": "facades:Loud", "select": "send.text"}
        project.play("facade", "--junitxml=junit.xml", "-ojunit_family=xunit1", **options)
        written = (project.pytester.path / "junit.xml").read_text(encoding="utf-8")

        for name, value in {
            "case": "send.text",
            "target": "facades:Loud",
            "verdict": "fail",
            "level": "must",
            "section": "ASGI WebSocket 2.5, Send",
            "requirement": "The facade must send a text in one message, as text and not as bytes.",
        }.items():
            assert f'<property name="wsfsm_{name}" value="{value}"' in written


class TestAKnownFailure:
    @pytest.mark.parametrize(
        ("text", "facade", "outcome", "told"),
        [
            (known(), "Loud", "xfailed", "XFAIL * - known: we know"),
            (known(target="facades:Loud"), "Loud", "xfailed", "XFAIL * - known: we know"),
            (known(verdict="fail"), "Loud", "xfailed", "XFAIL * - known: we know"),
            (
                known(verdict="timeout"),
                "Loud",
                "failed",
                "fail: *; known in known.toml as timeout (on facades:Loud)",
            ),
            (known(target="other"), "Loud", "failed", "fail: * (on facades:Loud)"),
            (known(), "Mute", "skipped", "SKIPPED *"),
            (
                known(),
                "Good",
                "failed",
                "fixed: remove it from known.toml, or list the targets that fail (on *:Good)",
            ),
            (
                known(target="facades:Good"),
                "Good",
                "failed",
                "fixed: remove it from known.toml (on facades:Good)",
            ),
        ],
    )
    def test_is_expected_as_it_is(
        self, project: Project, text: str, facade: str, outcome: str, told: str
    ) -> None:
        project.baseline(text)
        options = {"facade": f"facades:{facade}", "select": "send.text", "baseline": "known.toml"}
        result = project.play("facade", **options)

        result.assert_outcomes(**{outcome: 1})
        result.stdout.fnmatch_lines([told])

    def test_is_expected_of_a_crash_too(self, project: Project) -> None:
        project.baseline(known("send.slowly"))
        options = {"facade": "facades:Deadly", "select": "send.slowly", "baseline": "known.toml"}

        project.play("facade", **options).assert_outcomes(xfailed=1)


class TestSelecting:
    @pytest.mark.parametrize(
        ("selected", "ids"),
        [
            ("send.text", ["send.text"]),
            ("send.text send.bytes", ["send.text", "send.bytes"]),
            ("states", [f"states.{name}" for name in ("asked", "open", "closed", "rejected")]),
        ],
    )
    def test_makes_a_test_of_each_case(
        self, project: Project, selected: str, ids: list[str]
    ) -> None:
        result = project.play("facade", "--collect-only", "-q", select=selected)

        result.stdout.fnmatch_lines([f"test_it.py::test_it[[]{name}]" for name in ids])

    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_nothing_takes_all(self, project: Project, kind: Any) -> None:
        result = project.play(kind, "--collect-only", "-q")

        result.stdout.fnmatch_lines([f"{len(load_folder(kind))} tests collected in *"])

    def test_by_dash_k_is_left_to_pytest(self, project: Project) -> None:
        options = {"facade": "facades:Good", "select": "send"}

        outcomes = project.play("facade", "-k", "send.large-text", **options).parseoutcomes()

        assert outcomes["passed"] == 1


class TestATest:
    def test_that_forgets_to_check_fails(self, project: Project) -> None:
        project.write("def test_it(wsfsm_facade_case): pass")
        result = project.run(facade="facades:Good", select="send.text")

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["the test never calls wsfsm_facade_case.check()"])

    def test_that_fails_by_itself_fails_so(self, project: Project) -> None:
        project.write("def test_it(wsfsm_facade_case): assert 1 == 2")
        result = project.run(facade="facades:Good", select="send.text")

        result.assert_outcomes(failed=1)
        result.stdout.no_fnmatch_line("*never calls*")

    def test_that_asks_for_no_case_is_left_alone(self, project: Project) -> None:
        project.write(TESTS["facade"] + "\ndef test_other(tmp_path): pass")

        project.run(facade="facades:Good", select="send.text").assert_outcomes(passed=2)

    @pytest.mark.parametrize(
        ("told", "more"),
        [
            ('"wsfsm_facade_case", ["send.text", "send.bytes"]', ""),
            ('["wsfsm_facade_case"], [["send.text"], ["send.bytes"]]', ""),
            ('"wsfsm_facade_case, x", [("send.text", 1), ("send.bytes", 2)]', ", x"),
            ('argnames=("x", "wsfsm_facade_case"), argvalues=[(1, "send.text")] * 2', ", x"),
            (
                '"wsfsm_facade_case", select(load_folder("facade"), ids=["send.text", "send.bytes"])',
                "",
            ),
        ],
    )
    def test_may_say_of_which_cases(self, project: Project, told: str, more: str) -> None:
        project.write(f"""
            import pytest
            from wsfsm.conformance import load_folder, select

            @pytest.mark.parametrize({told}, indirect=["wsfsm_facade_case"])
            def test_it(wsfsm_facade_case{more}):
                wsfsm_facade_case.check()
        """)

        project.run(facade="facades:Good", select="accept").assert_outcomes(passed=2)

    def test_may_have_other_parameters(self, project: Project) -> None:
        project.write("""
            import pytest

            @pytest.mark.parametrize("x", [1, 2])
            def test_it(x, wsfsm_facade_case): wsfsm_facade_case.check()
        """)

        project.run(facade="facades:Good", select="send.text").assert_outcomes(passed=2)

    def test_may_not_name_a_case_that_is_not_there(self, project: Project) -> None:
        project.write("""
            import pytest

            @pytest.mark.parametrize("wsfsm_facade_case", ["no.such"], indirect=True)
            def test_it(wsfsm_facade_case): pass
        """)
        result = project.run(facade="facades:Good")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["there is no facade case 'no.such'"])

    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_has_to_ask_by_an_argument(self, project: Project, kind: str) -> None:
        project.write(f"def test_it(request): request.getfixturevalue('wsfsm_{kind}_case')")
        options: dict[str, Any] = {kind: "wsfsm"}
        result = project.run(**options)

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [f"wsfsm_{kind}_case has no case; make it an argument of the test"]
        )


class TestTheFacade:
    def test_may_be_one_that_is_known(self, project: Project) -> None:
        project.play("facade", facade="wsfsm", select="send.text").assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ("'facades:Loud'", "facades:Loud"),
            ("facades.Loud", "facades:Loud"),
            ("functools.partial(facades.Loud)", "functools:partial"),
            ("class_target('mine', facades.Loud, {})", "mine"),
        ],
    )
    def test_may_be_given_by_a_fixture(self, project: Project, given: str, name: str) -> None:
        project.write(
            TESTS["facade"],
            conftest=f"""
                import functools
                import facades
                import pytest
                from wsfsm.conformance.facade.adapters import class_target

                @pytest.fixture
                def wsfsm_facade(): return {given}
            """,
        )
        result = project.run(select="send.text")

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"fail: * (on {name})"])

    def test_has_to_be_one(self, project: Project) -> None:
        given = "import pytest\n@pytest.fixture\ndef wsfsm_facade(): return 42"
        project.write(TESTS["facade"], conftest=given)
        result = project.run(select="send.text")

        result.stdout.fnmatch_lines(
            ["wsfsm_facade: expected a name, class, function or FacadeTarget, not 42"]
        )
        result.stdout.no_fnmatch_line("*another exception*")


class TestWithoutTheExtra:
    """h11 is what it needs, and stands for all of it."""

    @pytest.fixture(autouse=True)
    def lacking(self, project: Project) -> None:
        project.write(TESTS["facade"], conftest="import sys; sys.modules['h11'] = None")

    @pytest.mark.parametrize(("options", "ret"), [({}, 2), ({"facade": "wsfsm"}, 4)])
    def test_it_says_what_to_install(
        self, project: Project, options: dict[str, Any], ret: int
    ) -> None:
        result = project.run(apart=True, **options)

        assert result.ret == ret
        assert "h11 is not installed; run pip install 'wsfsm[pytest]'" in printed(result)

    def test_other_tests_run(self, project: Project, pytester: pytest.Pytester) -> None:
        Path(pytester.path / "test_it.py").write_text("def test_it(): pass")

        project.run(apart=True).assert_outcomes(passed=1)

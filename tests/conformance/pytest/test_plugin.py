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


class TestVerdicts:
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
    def test_verdict_decides_the_outcome_of_the_test(
        self, project: Project, facade: str, case: str, outcome: str
    ) -> None:
        result = project.play("facade", facade=f"facades:{facade}", select=case)

        result.assert_outcomes(**{outcome: 1})

    def test_failure_of_a_should_case_fails_the_test_at_level_should(
        self, project: Project
    ) -> None:
        options = {"facade": "facades:Trusting", "select": BOTH_KEYS, "level": "should"}
        result = project.play("facade", **options)

        result.assert_outcomes(failed=1)

    def test_failure_of_a_should_case_fails_the_test_with_runxfail(self, project: Project) -> None:
        options = {"facade": "facades:Trusting", "select": BOTH_KEYS}
        result = project.play("facade", "--runxfail", **options)

        result.assert_outcomes(failed=1)


class TestReporting:
    def test_failure_shows_the_requirement_with_its_section(self, project: Project) -> None:
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

    def test_failure_shows_no_code(self, project: Project) -> None:
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
    def test_non_strict_and_may_results_are_a_captured_section(
        self, project: Project, facade: str, case: str, told: str
    ) -> None:
        result = project.play("facade", "--xfail-tb", facade=f"facades:{facade}", select=case)

        result.stdout.fnmatch_lines(["*Captured wsfsm call*", told, f"case:        {case}"])

    def test_passed_case_prints_nothing(self, project: Project) -> None:
        result = project.play("facade", facade="facades:Good", select="send.text")

        result.stdout.no_fnmatch_line("*wsfsm call*")

    @pytest.mark.parametrize(
        ("facade", "case", "told"),
        [
            ("Mute", "send.text", "SKIPPED *: *send_text*"),
            ("Trusting", BOTH_KEYS, "XFAIL *only a should: call receive_text: *raises: *"),
        ],
    )
    def test_skipped_and_expected_failures_show_their_reason(
        self, project: Project, facade: str, case: str, told: str
    ) -> None:
        result = project.play("facade", facade=f"facades:{facade}", select=case)

        result.stdout.fnmatch_lines([told])

    def test_junit_file_has_the_properties_of_the_case(self, project: Project) -> None:
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


class TestKnownFailures:
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
    def test_known_failure_is_expected_with_its_own_verdict_only(
        self, project: Project, text: str, facade: str, outcome: str, told: str
    ) -> None:
        project.baseline(text)
        options = {"facade": f"facades:{facade}", "select": "send.text", "baseline": "known.toml"}
        result = project.play("facade", **options)

        result.assert_outcomes(**{outcome: 1})
        result.stdout.fnmatch_lines([told])

    def test_known_crash_is_expected(self, project: Project) -> None:
        project.baseline(known("send.slowly"))
        options = {"facade": "facades:Deadly", "select": "send.slowly", "baseline": "known.toml"}

        project.play("facade", **options).assert_outcomes(xfailed=1)


class TestSelection:
    @pytest.mark.parametrize(
        ("selected", "ids"),
        [
            ("send.text", ["send.text"]),
            ("send.text send.bytes", ["send.text", "send.bytes"]),
            ("states", [f"states.{name}" for name in ("asked", "open", "closed", "rejected")]),
        ],
    )
    def test_selection_makes_one_test_of_each_case(
        self, project: Project, selected: str, ids: list[str]
    ) -> None:
        result = project.play("facade", "--collect-only", "-q", select=selected)

        result.stdout.fnmatch_lines([f"test_it.py::test_it[[]{name}]" for name in ids])

    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_empty_selection_option_takes_all_cases(self, project: Project, kind: Any) -> None:
        result = project.play(kind, "--collect-only", "-q")

        result.stdout.fnmatch_lines([f"{len(load_folder(kind))} tests collected in *"])

    def test_dash_k_deselects_cases(self, project: Project) -> None:
        options = {"facade": "facades:Good", "select": "send"}

        outcomes = project.play("facade", "-k", "send.large-text", **options).parseoutcomes()

        assert outcomes["passed"] == 1


class TestTestFunctions:
    def test_test_that_never_calls_check_fails(self, project: Project) -> None:
        project.write("def test_it(wsfsm_facade_case): pass")
        result = project.run(facade="facades:Good", select="send.text")

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["the test never calls wsfsm_facade_case.check()"])

    def test_test_that_fails_by_itself_keeps_its_own_error(self, project: Project) -> None:
        project.write("def test_it(wsfsm_facade_case): assert 1 == 2")
        result = project.run(facade="facades:Good", select="send.text")

        result.assert_outcomes(failed=1)
        result.stdout.no_fnmatch_line("*never calls*")

    def test_test_without_a_case_is_left_alone(self, project: Project) -> None:
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
    def test_parametrize_mark_chooses_the_cases_of_a_test(
        self, project: Project, told: str, more: str
    ) -> None:
        project.write(f"""
            import pytest
            from wsfsm.conformance import load_folder, select

            @pytest.mark.parametrize({told}, indirect=["wsfsm_facade_case"])
            def test_it(wsfsm_facade_case{more}):
                wsfsm_facade_case.check()
        """)

        project.run(facade="facades:Good", select="accept").assert_outcomes(passed=2)

    def test_test_can_have_other_parameters(self, project: Project) -> None:
        project.write("""
            import pytest

            @pytest.mark.parametrize("x", [1, 2])
            def test_it(x, wsfsm_facade_case): wsfsm_facade_case.check()
        """)

        project.run(facade="facades:Good", select="send.text").assert_outcomes(passed=2)

    def test_parametrize_mark_with_an_unknown_case_is_refused(self, project: Project) -> None:
        project.write("""
            import pytest

            @pytest.mark.parametrize("wsfsm_facade_case", ["no.such"], indirect=True)
            def test_it(wsfsm_facade_case): pass
        """)
        result = project.run(facade="facades:Good")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["there is no facade case 'no.such'"])

    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_case_requested_with_getfixturevalue_is_refused(
        self, project: Project, kind: str
    ) -> None:
        project.write(f"def test_it(request): request.getfixturevalue('wsfsm_{kind}_case')")
        options: dict[str, Any] = {kind: "wsfsm"}
        result = project.run(**options)

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [f"wsfsm_{kind}_case has no case; make it an argument of the test"]
        )


class TestFacadeFixture:
    def test_facade_can_be_a_known_name(self, project: Project) -> None:
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
    def test_facade_can_be_given_by_a_fixture(
        self, project: Project, given: str, name: str
    ) -> None:
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

    def test_facade_of_a_wrong_type_is_refused(self, project: Project) -> None:
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
    def test_plugin_without_h11_says_how_to_install_the_extra(
        self, project: Project, options: dict[str, Any], ret: int
    ) -> None:
        result = project.run(apart=True, **options)

        assert result.ret == ret
        assert "h11 is not installed; run pip install 'wsfsm[pytest]'" in printed(result)

    def test_plugin_without_h11_runs_other_tests(
        self, project: Project, pytester: pytest.Pytester
    ) -> None:
        Path(pytester.path / "test_it.py").write_text("def test_it(): pass")

        project.run(apart=True).assert_outcomes(passed=1)

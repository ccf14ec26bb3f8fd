"""The pytest plugin: an error of the configuration is reported once, and not by each test."""

from typing import Any

import pytest
from helpers.plugin_project import TESTS, Project, command

pytestmark = pytest.mark.one_python

SERVER = TESTS["server"]
FACADE = TESTS["facade"]

WRAPPED = """
@pytest.fixture
def wsfsm_facade_case(wsfsm_facade_case): return wsfsm_facade_case
"""
OPTIONS: dict[str, Any] = {
    "facade": "facades:Good",
    "select": "send.text",
    "baseline": "known.toml",
}


def known(case: str, target: str) -> str:
    return f"[[known]]\ncase = '{case}'\ntarget = '{target}'\nreason = ''\n"


def errors(result: pytest.RunResult) -> list[str]:
    """Return the errors of a run that was refused."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.parseoutcomes().keys() <= {"deselected"}
    head = "ERROR: "
    return [line.removeprefix(head) for line in result.errlines if line.startswith(head)]


class TestWrongConfiguration:
    @pytest.mark.parametrize(
        ("option", "text", "told"),
        [
            ("level", "may", "expected must or should, not 'may'"),
            (
                "select",
                "send no-such",
                "no case has the id 'no-such', or an id that begins with it and a dot",
            ),
            ("select", "'", "No closing quotation"),
            ("server_name", "mine", "it names the server, but no server is specified"),
            ("baseline", "absent.toml", "*absent.toml: No such file or directory"),
            ("baseline", "known.toml", "known.toml: the file has an unknown key, unknown"),
        ],
    )
    def test_wrong_option_is_refused_before_any_test_runs(
        self, project: Project, option: str, text: str, told: str
    ) -> None:
        project.baseline("[unknown]")
        result = project.play("facade", **{option: text})

        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: *wsfsm_{option}: {told}"])

    def test_option_of_a_wrong_type_is_refused(self, project: Project) -> None:
        (project.pytester.path / "tox.ini").unlink()
        project.pytester.makepyprojecttoml("[tool.pytest.ini_options]\nwsfsm_server = ['uvicorn']")
        result = project.play("server", apart=True)  # pytest has a warning for it

        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "ERROR: wsfsm_server: " in result.stdout.str() + result.stderr.str()

    def test_missing_options_do_not_matter_without_conformance_tests(
        self, project: Project
    ) -> None:
        project.write("def test_it(): pass")

        project.run().assert_outcomes(passed=1)


class TestMissingTarget:
    @pytest.mark.parametrize(
        ("kind", "text", "told"),
        [
            ("server", "", "no server is specified; set the option wsfsm_server, or override *"),
            ("server", "nginx", "wsfsm_server: unknown server 'nginx'; choose one of uvicorn, *"),
            (
                "server",
                "uvicorn '",
                'wsfsm_server: "uvicorn \'" cannot be split into words (No closing quotation)',
            ),
            (
                "server",
                "--",
                "wsfsm_server: name a server, or pass the command that starts it after --",
            ),
            (
                "server",
                " ",
                "wsfsm_server: name a server, or pass the command that starts it after --",
            ),
            ("server", "-- mine {app}", "wsfsm_server: the command lacks {port}; *"),
            ("facade", "", "no facade is specified; set the option wsfsm_facade, or override *"),
            ("facade", "flask", "wsfsm_facade: unknown facade 'flask'; *"),
            ("facade", ":Socket", "wsfsm_facade: unknown facade ':Socket'; *"),
            ("facade", "facades:", "wsfsm_facade: unknown facade 'facades:'; *"),
            ("facade", "facades:None", "wsfsm_facade: facades has no class or function 'None'"),
            ("facade", "no_such:Class", "wsfsm_facade: no_such cannot be imported *"),
        ],
    )
    def test_missing_target_is_refused_once(
        self, project: Project, kind: str, text: str, told: str
    ) -> None:
        options: dict[str, Any] = {kind: text}
        result = project.play(kind, **options)

        assert len(errors(result)) == 1
        result.stderr.fnmatch_lines([f"ERROR: {told}"])

    def test_missing_target_of_each_kind_is_refused(self, project: Project) -> None:
        project.write(f"{SERVER}\n{FACADE.replace('test_it', 'test_more')}")

        assert len(errors(project.run(server="nginx", facade="flask"))) == 2

    @pytest.mark.parametrize(
        "options", [{}, pytest.param({"facade": "facades:None"}, marks=pytest.mark.long)]
    )
    def test_missing_target_is_refused_once_with_several_workers(
        self, project: Project, options: dict[str, Any]
    ) -> None:
        result = project.play("facade", "-n2", apart=True, **options)

        assert len(errors(result)) == 1
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_missing_server_does_not_stop_facade_tests(self, project: Project) -> None:
        options = {"server": "nginx", "facade": "facades:Good", "select": "send.text"}

        project.play("facade", **options).assert_outcomes(passed=1)

    @pytest.mark.parametrize("kind", ["server", "facade"])
    def test_missing_target_does_not_stop_tests_when_its_own_are_deselected(
        self, project: Project, kind: str
    ) -> None:
        project.write(f"{TESTS[kind]}\ndef test_other(): pass")
        options: dict[str, Any] = {kind: "nginx"}
        outcomes = project.run("-k", "test_other", **options).parseoutcomes()

        assert outcomes["passed"] == 1
        assert "errors" not in outcomes

    def test_missing_target_does_not_stop_collect_only(self, project: Project) -> None:
        assert project.play("facade", "--collect-only", facade="facades:None").ret == 0

    @pytest.mark.parametrize(
        "test",
        [
            "@pytest.mark.skipif(True, reason='it is not installed')\n" + FACADE,
            "pytestmark = pytest.mark.skip\n" + FACADE,
        ],
    )
    def test_missing_target_does_not_stop_skipped_tests(self, project: Project, test: str) -> None:
        project.write(f"import pytest\n{test}")

        project.run(facade="facades:None", select="send.text").assert_outcomes(skipped=1)

    def test_missing_target_is_an_error_of_a_test_whose_skipif_is_false(
        self, project: Project
    ) -> None:
        project.write(f"import pytest\n@pytest.mark.skipif(False, reason='')\n{FACADE}")
        result = project.run(facade="facades:None", select="send.text")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["wsfsm_facade: facades has no class or function 'None'"])
        result.stdout.no_fnmatch_line("*another exception*")


class TestTargetFixtures:
    @pytest.mark.parametrize(
        "code",
        [
            "@pytest.fixture\ndef wsfsm_facade(): return 'facades:Good'",
            "@pytest.fixture\ndef wsfsm_facade(wsfsm_facade): return 'facades:Good'",
            "@pytest.fixture\ndef wsfsm_facade(): return 'facades:Good'\n" + WRAPPED,
            "pytestmark = pytest.mark.parametrize('wsfsm_facade', ['facades:Good'])",
        ],
    )
    @pytest.mark.parametrize("text", ["", "facades:None"])
    def test_fixture_overrides_the_option(self, project: Project, code: str, text: str) -> None:
        project.write(f"import pytest\n{code}\n{FACADE}")

        project.run(facade=text, select="send.text").assert_outcomes(passed=1)

    def test_fixture_applies_only_in_its_own_module(self, project: Project) -> None:
        fixture = "import pytest\n@pytest.fixture\ndef wsfsm_facade(): return 'facades:Good'\n"
        project.write(FACADE, test_more=fixture + FACADE)
        result = project.run(select="send.text")

        assert len(errors(result)) == 1

    def test_target_fixtures_can_be_requested_without_a_case(self, project: Project) -> None:
        project.write("def test_it(wsfsm_facade, wsfsm_server): pass")

        project.run(facade="facades:None", server="nginx").assert_outcomes(passed=1)

    def test_case_fixture_of_a_project_replaces_ours(self, project: Project) -> None:
        code = "import pytest\n@pytest.fixture\ndef wsfsm_facade_case(request): return None\n"
        project.write(code + "def test_it(wsfsm_facade_case, wsfsm_facade): pass")

        project.run(select="send.text").assert_outcomes(passed=1)


class TestEmptySelection:
    @pytest.mark.parametrize(
        ("kind", "selected", "told"),
        [
            ("server", "tasks", "wsfsm_select: no server case is selected, and a test requests *"),
            (
                "facade",
                "handshake",
                "wsfsm_select: no facade case is selected, and a test requests *",
            ),
        ],
    )
    def test_selection_without_cases_is_refused(
        self, project: Project, kind: str, selected: str, told: str
    ) -> None:
        options: dict[str, Any] = {kind: "wsfsm", "select": selected}
        result = project.play(kind, **options)

        assert len(errors(result)) == 1
        result.stderr.fnmatch_lines([f"ERROR: {told}"])

    def test_selection_without_cases_does_not_affect_a_parametrized_test(
        self, project: Project
    ) -> None:
        project.write(f"""
            import pytest

            @pytest.mark.parametrize("wsfsm_server_case", ["send.text"], indirect=True)
            {SERVER}
        """)

        project.run(server="wsfsm", select="tasks").assert_outcomes(passed=1)

    def test_selection_without_cases_does_not_affect_tests_of_the_other_kind(
        self, project: Project
    ) -> None:
        project.write(f"{SERVER}\n{FACADE.replace('test_it', 'test_more')}")
        outcomes = project.run("-k", "test_more", facade="wsfsm", select="tasks").parseoutcomes()

        assert outcomes["passed"] > 1
        assert outcomes["deselected"] == 1


class TestUnusedKnownFailures:
    def test_unused_known_failures_are_reported_once(self, project: Project) -> None:
        project.baseline(known("send.text", "b") + known("send.text", "a"))
        project.write(f"{FACADE}\n{FACADE.replace('test_it', 'test_more')}")
        result = project.run(**OPTIONS)

        told = "wsfsm: 2 known failures are of targets that were not played: 'a', 'b' in known.toml"
        assert [line for line in result.outlines if line.startswith("wsfsm: ")] == [
            f"{told}; played was 'facades:Good'"
        ]
        assert result.ret == 0

    @pytest.mark.long
    def test_unused_known_failures_are_reported_once_with_several_workers(
        self, project: Project
    ) -> None:
        project.baseline(known("send.text", "a") + known("send.bytes", "facades:Good"))
        options = {**OPTIONS, "select": "send.text send.bytes"}
        result = project.play("facade", "-n2", apart=True, **options)

        assert result.stdout.str().count("wsfsm: 1 known failure is of ") == 1

    def test_unused_known_failure_is_reported_with_the_command_of_the_server(
        self, project: Project
    ) -> None:
        project.baseline(known("send.text", command().replace("{rootdir}", "/root")))
        options = {"server": command(), "select": "send.text", "baseline": "known.toml"}
        result = project.play("server", **options)

        result.stdout.fnmatch_lines(["wsfsm: 1 known failure is of *; played was '{python} *'"])

    @pytest.mark.parametrize(
        "text",
        [known("send.bytes", "a"), "[[known]]\ncase = 'accept.subprotocol'\nreason = ''"],
        ids=["not played", "of all"],
    )
    def test_known_failures_are_not_reported_as_unused_without_reason(
        self, project: Project, text: str
    ) -> None:
        project.baseline(text)
        result = project.play("facade", **OPTIONS)

        result.assert_outcomes(passed=1)
        result.stdout.no_fnmatch_line("*wsfsm: *")

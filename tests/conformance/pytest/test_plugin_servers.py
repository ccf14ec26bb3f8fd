"""The plugin of pytest: servers, and how often they are started."""

import sys
from typing import Any

import pytest
from helpers.plugin_project import OURS, TESTS, Project, command

pytestmark = pytest.mark.one_python

CASES = "send.text send.bytes accept.subprotocol"
"""They are played side by side on one server."""

COMMAND = (sys.executable, "server.py", "{host}", "{port}", "{app}", OURS, "9")

NEVER = command(0)
"""A server that does not start."""


NO_PROGRAM = "-- no-such-program {port}"


def parametrized(test: str) -> str:
    """A test of two servers, one of which does not start."""
    return f"""
import pytest

@pytest.fixture(params=[{command()!r}, {NEVER!r}])
def wsfsm_server(request): return request.param

{test}
"""


class TestServerFixture:
    def test_server_can_be_a_known_name(self, project: Project) -> None:
        project.play("server", server="wsfsm", select="send.text").assert_outcomes(passed=1)

    def test_server_can_be_a_command(self, project: Project) -> None:
        options = {"server": command(), "select": CASES}

        project.play("server", **options).assert_outcomes(passed=3)
        assert project.starts == 1

    def test_server_is_named_by_its_command(self, project: Project) -> None:
        project.baseline(
            f"[[known]]\ncase = 'send.text'\nreason = ''\ntarget = '{command().removeprefix('-- ')}'"
        )
        options = {"server": command(), "select": "send.text", "baseline": "known.toml"}
        result = project.play("server", **options)

        result.stdout.fnmatch_lines(
            ["fixed: remove it from known.toml (on {python} {rootdir}/server.py *)"]
        )

    @pytest.mark.parametrize(
        "given",
        [repr(command()), f"CommandTarget(name='mine', command={COMMAND!r})"],
    )
    def test_server_can_be_given_by_a_fixture(self, project: Project, given: str) -> None:
        project.write(
            TESTS["server"],
            conftest=f"""
                import pytest
                from wsfsm.conformance import CommandTarget

                @pytest.fixture(scope="session")
                def wsfsm_server(): return {given}
            """,
        )

        project.run(select=CASES).assert_outcomes(passed=3)
        assert project.starts == 1

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            (
                "''",
                "no server is specified; set the option wsfsm_server, or override the fixture *",
            ),
            ("'nginx'", "wsfsm_server: unknown server 'nginx'; choose one of *"),
            ("42", "wsfsm_server: expected a name, command or ServerTarget, not 42"),
            ("'-- mine'", "wsfsm_server: the command lacks {port}; *"),
        ],
    )
    def test_server_of_a_wrong_type_or_name_is_refused(
        self, project: Project, given: str, told: str
    ) -> None:
        fixture = f"import pytest\n@pytest.fixture\ndef wsfsm_server(): return {given}"
        project.write(TESTS["server"], conftest=fixture)
        result = project.run(select="send.text")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([told])
        result.stdout.no_fnmatch_line("*another exception*")


class TestServerName:
    def test_server_name_option_names_the_target(self, project: Project) -> None:
        options = {"server": command(), "server_name": "mine", "select": "send.text"}
        project.baseline("[[known]]\ncase = 'send.text'\nreason = ''\ntarget = 'mine'")
        result = project.play("server", baseline="known.toml", **options)

        result.stdout.fnmatch_lines(["fixed: remove it from known.toml (on mine)"])

    def test_server_name_option_does_not_name_a_target_from_a_fixture(
        self, project: Project
    ) -> None:
        given = """
            import pytest

            @pytest.fixture
            def wsfsm_server(wsfsm_server): return wsfsm_server + " --log-level critical"
        """
        project.write(TESTS["server"], conftest=given)
        project.baseline("[[known]]\ncase = 'send.text'\nreason = ''")
        result = project.run(
            server="uvicorn", server_name="mine", select="send.text", baseline="known.toml"
        )

        result.stdout.fnmatch_lines(["fixed: * (on uvicorn --log-level critical)"])


class TestServerThatDoesNotStart:
    def test_server_that_does_not_start_is_tried_once(self, project: Project) -> None:
        project.play("server", server=NEVER, select=CASES).assert_outcomes(errors=3)

        assert project.starts == 1

    def test_server_that_does_not_start_is_reported_in_full_once(self, project: Project) -> None:
        result = project.play("server", server=NEVER, select=CASES)
        text = result.stdout.str()

        assert text.count("and never will be") == 1
        assert text.count("(see the first of these tests)") >= 2

    def test_server_that_does_not_start_is_reported_without_a_traceback(
        self, project: Project
    ) -> None:
        result = project.play("server", server=NEVER, select="send.text")

        result.stdout.fnmatch_lines(["it is not my day"])
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_command_that_does_not_exist_is_reported_in_one_line(self, project: Project) -> None:
        result = project.play("server", server=NO_PROGRAM, select=CASES)

        assert result.stdout.str().count("\nno-such-program {port} cannot be started: ") == 3
        result.stdout.no_fnmatch_line("*first of these tests*")

    def test_command_that_does_not_exist_is_reported_in_one_line_by_exclusive_cases(
        self, project: Project
    ) -> None:
        alone = "shutdown"
        result = project.play("server", server=NO_PROGRAM, select=alone)
        errors = result.parseoutcomes()["errors"]

        assert (
            result.stdout.str().count("\nno-such-program {port} cannot be started: ") == errors > 1
        )

    def test_server_that_does_not_restart_fails_the_cases_that_are_left(
        self, project: Project
    ) -> None:
        options = {"server": command(1), "select": "send.text shutdown.open shutdown.connecting"}
        result = project.play("server", **options)

        result.assert_outcomes(passed=1, failed=2)
        result.stdout.fnmatch_lines("crash: the server ran before, and can no longer be started: *")

    def test_server_factory_that_raises_is_reported_with_a_traceback(
        self, project: Project
    ) -> None:
        project.write(
            TESTS["server"],
            conftest="""
                import pytest
                from wsfsm.conformance import FactoryTarget

                def factory(app):
                    with open("starts.txt", "a") as file:
                        file.write("started\\\\n")
                    raise ArithmeticError("by accident")

                @pytest.fixture
                def wsfsm_server(): return FactoryTarget(name="mine", factory=factory)
            """,
        )
        result = project.run(select=CASES)

        result.assert_outcomes(errors=3)
        result.stdout.fnmatch_lines(
            [
                "the cases cannot be played on the server: ArithmeticError('by accident')",
                "Traceback (most recent call last):",
                '*raise ArithmeticError("by accident")',
            ]
        )
        assert project.starts == 1


class TestSharedServers:
    def test_one_server_plays_all_cases_of_a_test(self, project: Project) -> None:
        project.write(TESTS["server"] + "\n" + TESTS["server"].replace("test_it", "test_more"))

        project.run(server=command(), select=CASES).assert_outcomes(passed=6)
        assert project.starts == 2

    def test_one_server_plays_cases_with_the_same_parameters(self, project: Project) -> None:
        project.write(parametrized(TESTS["server"]))

        project.run(select=CASES).assert_outcomes(passed=3, errors=3)
        assert project.starts == 2

    def test_one_server_plays_the_selected_cases_only(self, project: Project) -> None:
        options = {"server": command(), "select": CASES}
        outcomes = project.play("server", "-k", "send.bytes", **options).parseoutcomes()

        assert outcomes["passed"] == 1
        assert project.starts == 1

    def test_one_server_plays_the_cases_that_a_test_names(self, project: Project) -> None:
        project.write("""
            import pytest

            @pytest.mark.parametrize(
                "wsfsm_server_case", ["send.text", "send.bytes", "no.such"], indirect=True
            )
            def test_it(wsfsm_server_case): wsfsm_server_case.check()

            def test_other(): pass
        """)

        project.run(server=command()).assert_outcomes(passed=3, errors=1)
        assert project.starts == 1

    def test_tests_in_a_folder_with_brackets_have_servers_of_their_own(
        self, project: Project
    ) -> None:
        folder = project.pytester.mkdir("a[b]")
        for name, server in (("one", command()), ("two", NEVER)):
            fixture = f"import pytest\n@pytest.fixture\ndef wsfsm_server(): return {server!r}\n"
            path = folder / f"test_{name}.py"
            path.write_text(fixture + TESTS["server"], encoding="utf-8")

        project.run(select="send.text").assert_outcomes(passed=1, errors=1)


class TestWithXdist:
    @pytest.mark.parametrize(
        "how",
        [
            *(
                pytest.param(how, marks=pytest.mark.long)
                for how in ("load", "loadfile", "worksteal")
            ),
            "loadgroup",
        ],
    )
    def test_server_is_started_once_by_all_workers(self, project: Project, how: str) -> None:
        options = {"server": command(), "select": CASES}
        result = project.play("server", "-n2", f"--dist={how}", apart=True, **options)

        result.assert_outcomes(passed=3)
        assert project.starts == 1

    @pytest.mark.long
    def test_server_that_does_not_start_is_tried_once_by_all_workers(
        self, project: Project
    ) -> None:
        options = {"server": NEVER, "select": CASES}
        result = project.play("server", "-n2", "--dist=load", apart=True, **options)

        result.assert_outcomes(errors=3)
        assert project.starts == 1

    @pytest.mark.long
    def test_facade_cases_are_spread_over_the_workers(self, project: Project) -> None:
        options = {"facade": "facades:Good", "select": "send accept"}
        result = project.play("facade", "-n2", "--dist=loadgroup", "-v", apart=True, **options)

        assert result.ret == 0
        result.stdout.fnmatch_lines_random(["[[]gw0]*PASSED*", "[[]gw1]*PASSED*"])

    @pytest.mark.parametrize(("kind", "groups"), [("server", 1), ("facade", 0)])
    def test_cases_of_a_server_are_one_xdist_group(
        self, project: Project, kind: str, groups: int
    ) -> None:
        project.write(f"""
            def test_it(request, wsfsm_{kind}_case):
                wsfsm_{kind}_case.check()
                assert len([*request.node.iter_markers("xdist_group")]) == {groups}
        """)

        options: dict[str, Any] = {kind: "wsfsm", "select": "send.text"}

        project.run(**options).assert_outcomes(passed=1)

    def test_plugin_works_without_xdist(self, project: Project) -> None:
        options = {"server": command(), "select": CASES}
        strict = ("-pno:xdist", "--strict-markers", "-Werror::pytest.PytestUnknownMarkWarning")

        project.play("server", *strict, **options).assert_outcomes(passed=3)

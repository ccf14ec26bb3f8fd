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


class TestTheServer:
    def test_may_be_one_that_is_known(self, project: Project) -> None:
        project.play("server", server="wsfsm", select="send.text").assert_outcomes(passed=1)

    def test_may_be_a_command(self, project: Project) -> None:
        options = {"server": command(), "select": CASES}

        project.play("server", **options).assert_outcomes(passed=3)
        assert project.starts == 1

    def test_has_the_command_for_its_name(self, project: Project) -> None:
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
    def test_may_be_given_by_a_fixture(self, project: Project, given: str) -> None:
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
    def test_has_to_be_one(self, project: Project, given: str, told: str) -> None:
        fixture = f"import pytest\n@pytest.fixture\ndef wsfsm_server(): return {given}"
        project.write(TESTS["server"], conftest=fixture)
        result = project.run(select="send.text")

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([told])
        result.stdout.no_fnmatch_line("*another exception*")


class TestItsName:
    def test_may_be_told(self, project: Project) -> None:
        options = {"server": command(), "server_name": "mine", "select": "send.text"}
        project.baseline("[[known]]\ncase = 'send.text'\nreason = ''\ntarget = 'mine'")
        result = project.play("server", baseline="known.toml", **options)

        result.stdout.fnmatch_lines(["fixed: remove it from known.toml (on mine)"])

    def test_is_not_that_of_what_a_fixture_gives(self, project: Project) -> None:
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


class TestAServerThatDoesNotStart:
    def test_is_started_once(self, project: Project) -> None:
        project.play("server", server=NEVER, select=CASES).assert_outcomes(errors=3)

        assert project.starts == 1

    def test_is_told_in_full_once(self, project: Project) -> None:
        result = project.play("server", server=NEVER, select=CASES)
        text = result.stdout.str()

        assert text.count("and never will be") == 1
        assert text.count("(see the first of these tests)") >= 2

    def test_shows_no_code(self, project: Project) -> None:
        result = project.play("server", server=NEVER, select="send.text")

        result.stdout.fnmatch_lines(["it is not my day"])
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_that_is_no_program_is_told_in_a_line(self, project: Project) -> None:
        result = project.play("server", server=NO_PROGRAM, select=CASES)

        assert result.stdout.str().count("\nno-such-program {port} cannot be started: ") == 3
        result.stdout.no_fnmatch_line("*first of these tests*")

    def test_is_told_once_though_several_are_started(self, project: Project) -> None:
        alone = "shutdown"
        result = project.play("server", server=NO_PROGRAM, select=alone)
        errors = result.parseoutcomes()["errors"]

        assert (
            result.stdout.str().count("\nno-such-program {port} cannot be started: ") == errors > 1
        )

    def test_once_more_fails_what_was_not_played_before(self, project: Project) -> None:
        options = {"server": command(1), "select": "send.text shutdown.open shutdown.connecting"}
        result = project.play("server", **options)

        result.assert_outcomes(passed=1, failed=2)
        result.stdout.fnmatch_lines("crash: the server ran before, and can no longer be started: *")

    def test_in_any_other_way_is_told_with_the_code(self, project: Project) -> None:
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


class TestWhatIsPlayedTogether:
    def test_is_what_a_test_asks_for(self, project: Project) -> None:
        project.write(TESTS["server"] + "\n" + TESTS["server"].replace("test_it", "test_more"))

        project.run(server=command(), select=CASES).assert_outcomes(passed=6)
        assert project.starts == 2

    def test_has_the_same_parameters(self, project: Project) -> None:
        project.write(parametrized(TESTS["server"]))

        project.run(select=CASES).assert_outcomes(passed=3, errors=3)
        assert project.starts == 2

    def test_is_what_is_selected(self, project: Project) -> None:
        options = {"server": command(), "select": CASES}
        outcomes = project.play("server", "-k", "send.bytes", **options).parseoutcomes()

        assert outcomes["passed"] == 1
        assert project.starts == 1

    def test_may_be_named_by_the_test(self, project: Project) -> None:
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

    def test_is_told_apart_in_a_folder_with_brackets(self, project: Project) -> None:
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
    def test_a_server_is_started_once(self, project: Project, how: str) -> None:
        options = {"server": command(), "select": CASES}
        result = project.play("server", "-n2", f"--dist={how}", apart=True, **options)

        result.assert_outcomes(passed=3)
        assert project.starts == 1

    @pytest.mark.long
    def test_one_that_does_not_start_neither(self, project: Project) -> None:
        options = {"server": NEVER, "select": CASES}
        result = project.play("server", "-n2", "--dist=load", apart=True, **options)

        result.assert_outcomes(errors=3)
        assert project.starts == 1

    @pytest.mark.long
    def test_facades_are_spread(self, project: Project) -> None:
        options = {"facade": "facades:Good", "select": "send accept"}
        result = project.play("facade", "-n2", "--dist=loadgroup", "-v", apart=True, **options)

        assert result.ret == 0
        result.stdout.fnmatch_lines_random(["[[]gw0]*PASSED*", "[[]gw1]*PASSED*"])

    @pytest.mark.parametrize(("kind", "groups"), [("server", 1), ("facade", 0)])
    def test_cases_of_a_server_are_a_group(self, project: Project, kind: str, groups: int) -> None:
        project.write(f"""
            def test_it(request, wsfsm_{kind}_case):
                wsfsm_{kind}_case.check()
                assert len([*request.node.iter_markers("xdist_group")]) == {groups}
        """)

        options: dict[str, Any] = {kind: "wsfsm", "select": "send.text"}

        project.run(**options).assert_outcomes(passed=1)

    def test_it_is_not_needed(self, project: Project) -> None:
        options = {"server": command(), "select": CASES}
        strict = ("-pno:xdist", "--strict-markers", "-Werror::pytest.PytestUnknownMarkWarning")

        project.play("server", *strict, **options).assert_outcomes(passed=3)

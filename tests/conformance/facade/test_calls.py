"""Facades with other signatures: how their methods are called, and the reports about those that cannot be."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.facade_cases import ACCEPT, CONNECT, OPENS, play

from wsfsm import WebSocket
from wsfsm.conformance.cases import Level, load_folder, select
from wsfsm.conformance.facade._calls import bind_call, signature_of
from wsfsm.conformance.facade.adapters import FacadeError, FacadeTarget, class_target
from wsfsm.conformance.facade.frameworks import facade_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Verdict

DEMANDED = select(load_folder("facade"), levels=[Level.MUST, Level.SHOULD])


def called(name: str, operation: Callable[..., Any], /, **given: Any) -> Any:
    """Return the arguments of the call of an operation, or None."""
    call = bind_call(name, operation, given)
    return None if call is None else call()


class Other:
    """A class with the methods of ours, by other names of their arguments, and no coroutines."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inner = WebSocket[Any](scope, receive, send)

    async def accept(self, protocol: Any = None, extra: Any = None) -> None:
        await self.inner.accept(protocol, extra)

    async def send_text(self, text: str, /) -> None:
        await self.inner.send_text(text)

    def send_bytes(self, *parts: bytes) -> Any:
        return self.inner.send_bytes(b"".join(parts))

    async def close(self, status: int = 1000, why: str | None = None) -> None:
        await self.inner.close(status, why)

    async def send_json(self, value: Any, *, mode: str = "text") -> None:
        await self.inner.send_json(value, mode)

    def send_denial_response(self, response: Any) -> Any:
        return self.inner.send_denial_response(response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def other(scope: Any, receive: Any, send: Any) -> Other:
    return Other(scope, receive, send)


class TestArgumentNames:
    @pytest.mark.parametrize("make", [Other, other])
    def test_verdicts_do_not_depend_on_the_names_of_arguments(self, make: Any) -> None:
        def verdicts(target: FacadeTarget) -> Mapping[str, Verdict]:
            results = check_facade(target, DEMANDED).results
            return {result.case.id: result.verdict for result in results}

        assert verdicts(class_target("other", make, {})) == verdicts(facade_target("wsfsm"))

    @pytest.mark.parametrize(
        ("operation", "takes"),
        [
            (lambda code=1, reason=2: (code, reason), True),
            (lambda reason=2, code=1: (code, reason), True),
            (lambda status=1, why=2: (status, why), True),
            (lambda status=1, /, why=2: (status, why), True),
            (lambda status=1, *rest: (status, *rest), True),
            (lambda *rest: rest, True),
            (lambda *rest, **more: (more["code"], more["reason"], *rest), True),
            (lambda status, **more: (status, more["reason"]), True),
            (lambda *, reason, code: (code, reason), True),
            (lambda *, status, why: (status, why), False),
            (lambda reason: reason, False),
            (lambda status: status, False),
            (lambda status, why, who: (status, why, who), False),
        ],
    )
    def test_argument_is_passed_by_name_or_at_the_position_of_starlettes(
        self, operation: Callable[..., Any], takes: bool
    ) -> None:
        expected = (4000, "bye") if takes else None

        assert called("close", operation, reason="bye", code=4000) == expected

    def test_parameter_before_a_positional_argument_keeps_its_default(self) -> None:
        assert called("close", lambda status=1, why="", /: (status, why), reason="a") == (1, "a")

    def test_data_is_passed_by_position_to_a_signature_of_args_and_kwargs(self) -> None:
        assert called("send_text", lambda *rest, **more: (rest, more), data="a") == (("a",), {})

    def test_mode_and_message_are_passed_only_by_name(self) -> None:
        assert called("send_json", lambda data, indent: (data, indent), data=1, mode="text") is None
        assert called("send", lambda text: text, message={}) is None

    def test_builtin_without_a_signature_is_passed_arguments_by_name(self) -> None:
        assert called("close", dict, code=1) == {"code": 1}

    def test_abort_method_of_the_class_is_preferred_to_an_exception_of_its_framework(self) -> None:
        class Aborting(WebSocket[Any]):
            def abort(self, code: int) -> None:
                raise NotImplementedError

        target = class_target("aborting", Aborting, {})
        result = play(OPENS, CONNECT, {"call": "abort", "status": 404}, target=target)

        assert (result.verdict, result.reason) == (
            Verdict.UNSUPPORTED,
            "aborting has no abort()",
        )


class TestUnsupportedOperations:
    def test_unsupported_result_names_the_operation_and_its_signature(self) -> None:
        class Closing(WebSocket[Any]):
            async def close(self, *, after: float = 5) -> None:  # type: ignore[override]
                raise NotImplementedError

        target = class_target("closing", Closing, {})
        result = play(OPENS, CONNECT, {"call": "close", "code": 4000}, target=target)

        assert result.verdict is Verdict.UNSUPPORTED
        assert result.reason == (
            "closing has close(*, after: float = 5) -> None, which does not take {code: 4000}"
        )

    def test_unsupported_result_names_the_method_that_the_class_lacks(self) -> None:
        class Bare:
            def __init__(self, *_: Any) -> None:
                pass

        deny = {"call": "deny", "status": 404, "headers": [], "body": []}
        result = play(OPENS, CONNECT, deny, target=class_target("bare", Bare, {}))

        assert result.reason == "bare has no send_denial_response"

    def test_signature_with_an_unprintable_default_is_abbreviated(self) -> None:
        class Unshown:
            def __repr__(self) -> str:
                raise ValueError("no")

        odd, plain = Unshown(), object()

        assert signature_of("close", lambda code=odd: code) == "close(...)"
        assert signature_of("close", lambda code=plain: code).endswith(" at 0x...>)")


class TestMeaninglessCases:
    @pytest.mark.parametrize(
        ("steps", "wrong"),
        [
            ([{"call": "result"}], "made.up: no operation was started"),
            ([{"call": "cancel", "of": "x"}], "made.up: no operation was started as 'x'"),
            ([{"call": "result", "of": "x"}], "made.up: no operation was started as 'x'"),
            (
                [ACCEPT | {"headers": [["€", "1"]]}],
                "expected pairs of texts in latin-1 for headers",
            ),
            ([ACCEPT | {"headers": [[1, 2]]}], "expected pairs of texts in latin-1 for headers"),
            ([{"server": "gives"}], "expected a table for a message, not 'nothing'"),
            ([{"call": "send", "message": 5}], "expected a table for a message, not 5"),
            ([ACCEPT | {"headers": 5}], "expected pairs of texts in latin-1 for headers"),
            ([ACCEPT | {"subprotocol": {"hex": "6"}}], "expected a value, for example"),
        ],
    )
    def test_step_without_a_meaning_raises_case_error_instead_of_failing_the_class(
        self, steps: Any, wrong: str
    ) -> None:
        with pytest.raises(CaseError, match=wrong):
            play(OPENS, CONNECT, *steps)


class TestTargets:
    @pytest.mark.parametrize("error", [RuntimeError("no"), KeyError("no")], ids=repr)
    def test_framework_that_fails_to_make_an_application_is_reported_by_name(
        self, error: Exception
    ) -> None:
        def application(session: Any) -> Any:
            raise error

        target = FacadeTarget(name="mine", versions={}, application=application)
        told = rf"(?m)mine cannot make an application: {type(error).__name__}\('?no'?\)$"
        with pytest.raises(FacadeError, match=told):
            play(OPENS, target=target)

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("raise ValueError('odd')", "ValueError: odd"),
            ("raise SystemExit(0)", "SystemExit: 0"),
            ("def", "SyntaxError: "),
            ("import a_module_that_nobody_has", "is broken_facade installed"),
        ],
    )
    def test_module_that_cannot_be_imported_is_reported_with_its_error(
        self, line: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "broken_facade.py").write_text(line, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "broken_facade", raising=False)

        with pytest.raises(FacadeError, match=f"^broken_facade cannot be imported.*{told}"):
            facade_target("broken_facade:WebSocket")

    def test_state_property_that_raises_is_observed_as_an_exception(self) -> None:
        class Odd(WebSocket[Any]):
            @property  # type: ignore[misc]
            def client_state(self) -> Any:
                raise RuntimeError("no state")

        expected = {"raises": {"has": ["RuntimeError"]}}
        look = {"look": "state", "expect": expected}
        result = play(OPENS, CONNECT, look, target=class_target("odd", Odd, {}))

        assert result.verdict is Verdict.PASS, result

"""Reports as JSON, and back."""

import json
from typing import Any

import pytest
from helpers.sample_reports import CASES, REPORTS

from wsfsm.conformance.reports.json import FORMAT, from_json, to_json
from wsfsm.conformance.values import CaseError


def written() -> Any:
    return json.loads(to_json(REPORTS))


def refused(data: object) -> str:
    with pytest.raises(CaseError) as caught:
        from_json(json.dumps(data), CASES)
    return str(caught.value)


class TestWriting:
    def test_it_is_ascii_and_says_what_it_is(self) -> None:
        assert to_json(REPORTS).isascii()
        assert (written()["suite"], written()["format"]) == ("wsfsm conformance", FORMAT)

    def test_a_report_has_its_counts(self) -> None:
        assert written()["reports"][0]["counts"] == {
            "pass": 3,
            "non-strict": 1,
            "informational": 1,
        }

    def test_a_result_tells_what_its_case_is(self) -> None:
        assert written()["reports"][1]["results"][0]["case"] == {
            "id": "close.code",
            "kind": "server",
            "level": "must",
            "section": "ASGI WebSocket 2.5, Close",
            "requirement": "What close.code demands.",
        }

    def test_bytes_travel_as_base64(self) -> None:
        saw = written()["reports"][1]["results"][0]["trace"][-1]["observation"]

        assert saw["bytes"]["bytes"].startswith("/wD/AP8A")


class TestReading:
    def test_what_was_written_comes_back(self) -> None:
        assert from_json(to_json(REPORTS), CASES) == REPORTS

    @pytest.mark.parametrize("text", ["", "{", "\ud800", "[" * 100_000])
    def test_what_is_no_json_is_refused(self, text: str) -> None:
        with pytest.raises(CaseError, match="not JSON"):
            from_json(text, CASES)

    @pytest.mark.parametrize(
        ("data", "wrong"),
        [
            ([], "the file should be a table, not []"),
            ({}, "the file lacks the key suite, format, reports"),
            ({**written(), "suite": "x"}, "suite should be \"wsfsm conformance\", not 'x'"),
            ({**written(), "format": 2}, "format should be 1, not 2"),
        ],
    )
    def test_another_file_is_refused(self, data: object, wrong: str) -> None:
        assert refused(data) == f"not a report that can be read, because {wrong}"

    def test_a_case_that_does_not_exist_is_named(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["case"]["id"] = "close.gone"

        assert "there is no server case 'close.gone' in this version" in refused(data)

    def test_a_missing_key_is_named(self) -> None:
        data = written()
        del data["reports"][0]["results"][0]["verdict"]

        assert "reports[0].results[0] lacks the key verdict" in refused(data)

    @pytest.mark.parametrize("value", [1, None, ["pass"], "passed"])
    def test_a_wrong_verdict_is_refused(self, value: object) -> None:
        data = written()
        data["reports"][0]["results"][0]["verdict"] = value

        assert "reports[0].results[0].verdict should be pass or non-strict or" in refused(data)

    def test_a_wrong_text_is_refused(self) -> None:
        data = written()
        data["reports"][0]["target"] = 7

        assert "reports[0].target should be a text, not 7" in refused(data)

    def test_a_wrong_value_is_refused(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["trace"][0]["observation"] = {"x": {"bytes": 1}}

        assert "because of a value" in refused(data)

    def test_values_that_are_nested_without_end_are_refused(self) -> None:
        data = written()
        depth = 5000
        text = json.dumps(data).replace(
            '"observation": {',
            '"observation": {"x": ' + '{"list": [' * depth + "]}" * depth + ", ",
            1,
        )

        with pytest.raises(CaseError, match="not a report"):
            from_json(text, CASES)

    def test_keys_that_are_not_known_are_passed_over(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["more"] = data["more"] = 1

        assert from_json(json.dumps(data), CASES) == REPORTS

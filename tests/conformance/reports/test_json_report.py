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
    def test_json_is_ascii_with_the_name_of_the_suite_and_the_format(self) -> None:
        assert to_json(REPORTS).isascii()
        assert (written()["suite"], written()["format"]) == ("wsfsm conformance", FORMAT)

    def test_a_report_has_its_counts(self) -> None:
        assert written()["reports"][0]["counts"] == {
            "pass": 3,
            "non-strict": 1,
            "informational": 1,
        }

    def test_result_has_the_fields_of_its_case(self) -> None:
        assert written()["reports"][1]["results"][0]["case"] == {
            "id": "close.code",
            "kind": "server",
            "level": "must",
            "section": "ASGI WebSocket 2.5, Close",
            "requirement": "What close.code demands.",
        }

    def test_bytes_are_written_as_base64(self) -> None:
        saw = written()["reports"][1]["results"][0]["trace"][-1]["observation"]

        assert saw["bytes"]["bytes"].startswith("/wD/AP8A")


class TestReading:
    def test_reports_survive_the_round_trip(self) -> None:
        assert from_json(to_json(REPORTS), CASES) == REPORTS

    @pytest.mark.parametrize("text", ["", "{", "\ud800", "[" * 100_000])
    def test_text_that_is_not_json_is_refused(self, text: str) -> None:
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
    def test_json_of_another_format_is_refused(self, data: object, wrong: str) -> None:
        assert refused(data) == f"not a report that can be read, because {wrong}"

    def test_unknown_case_is_named_in_the_error(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["case"]["id"] = "close.gone"

        assert "there is no server case 'close.gone' in this version" in refused(data)

    def test_missing_key_is_named_in_the_error(self) -> None:
        data = written()
        del data["reports"][0]["results"][0]["verdict"]

        assert "reports[0].results[0] lacks the key verdict" in refused(data)

    @pytest.mark.parametrize("value", [1, None, ["pass"], "passed"])
    def test_wrong_verdict_is_refused(self, value: object) -> None:
        data = written()
        data["reports"][0]["results"][0]["verdict"] = value

        assert "reports[0].results[0].verdict should be pass or non-strict or" in refused(data)

    def test_value_that_should_be_text_is_refused(self) -> None:
        data = written()
        data["reports"][0]["target"] = 7

        assert "reports[0].target should be a text, not 7" in refused(data)

    def test_wrong_observation_is_refused(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["trace"][0]["observation"] = {"x": {"bytes": 1}}

        assert "because of a value" in refused(data)

    def test_values_nested_too_deeply_are_refused(self) -> None:
        data = written()
        depth = 5000
        text = json.dumps(data).replace(
            '"observation": {',
            '"observation": {"x": ' + '{"list": [' * depth + "]}" * depth + ", ",
            1,
        )

        with pytest.raises(CaseError, match="not a report"):
            from_json(text, CASES)

    def test_unknown_keys_are_ignored(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["more"] = data["more"] = 1

        assert from_json(json.dumps(data), CASES) == REPORTS

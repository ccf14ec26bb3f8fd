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
        saw = written()["reports"][1]["results"][0]["trace"][-1]["saw"]

        assert saw["bytes"]["bytes"].startswith("/wD/AP8A")


class TestReading:
    def test_what_was_written_comes_back(self) -> None:
        assert from_json(to_json(REPORTS), CASES) == REPORTS

    @pytest.mark.parametrize("text", ["", "{", "\ud800", "[" * 100_000])
    def test_what_is_no_json_is_refused(self, text: str) -> None:
        with pytest.raises(CaseError, match="not JSON"):
            from_json(text, CASES)

    @pytest.mark.parametrize("data", [[], 1, {}, {"suite": "another"}])
    def test_what_is_another_file_is_refused(self, data: object) -> None:
        assert 'no "suite"' in refused(data)

    def test_another_format_is_refused(self) -> None:
        assert refused(written() | {"format": 2}) == (
            "a report of format 2, and only format 1 is understood"
        )

    def test_a_case_that_is_not_there_is_named(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["case"]["id"] = "close.gone"

        assert "the server case 'close.gone', which is not there" in refused(data)

    def test_a_key_that_is_missing_is_named(self) -> None:
        data = written()
        del data["reports"][0]["results"][0]["verdict"]

        assert "'verdict' is missing" in refused(data)

    @pytest.mark.parametrize("value", [1, None, ["pass"], "passed"])
    def test_a_value_of_another_kind_is_refused(self, value: object) -> None:
        data = written()
        data["reports"][0]["results"][0]["verdict"] = value

        assert refused(data).startswith("no report of conformance: ")

    def test_a_text_that_is_none_is_refused(self) -> None:
        data = written()
        data["reports"][0]["target"] = 7

        assert refused(data) == "no report of conformance: 7 is not a text"

    def test_values_that_are_nested_without_end_are_refused(self) -> None:
        data = written()
        depth = 5000
        text = json.dumps(data).replace(
            '"saw": {', '"saw": {"x": ' + '{"list": [' * depth + "]}" * depth + ", ", 1
        )

        with pytest.raises(CaseError, match="no report of conformance: "):
            from_json(text, CASES)

    def test_keys_that_are_not_known_are_passed_over(self) -> None:
        data = written()
        data["reports"][0]["results"][0]["more"] = data["more"] = 1

        assert from_json(json.dumps(data), CASES) == REPORTS

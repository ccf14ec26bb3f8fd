"""The codes and reasons that a Close frame can carry: RFC 6455 5.5 and 7.4."""

import pytest

from wsfsm._closing import REASON_SIZE, code_fault, reason_fault, truncate_reason


class TestCodes:
    @pytest.mark.parametrize(
        "code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999]
    )
    def test_those_that_are_defined_or_registered_are_good(self, code: int) -> None:
        assert code_fault(code) is None

    @pytest.mark.parametrize(
        "code",
        [-1000, 0, 401, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65536, 70000],
    )
    def test_all_others_are_told_with_what_is_good(self, code: int) -> None:
        assert code_fault(code) == f"must be 1000-1003, 1007-1014 or 3000-4999, got int {code}"

    def test_no_number_is_too_long_to_be_told(self) -> None:
        assert str(code_fault(10**5000)).startswith("must be 1000-1003")


class TestReasons:
    @pytest.mark.parametrize("reason", ["", "bye", "x" * 123, "é" * 61, "€" * 41, "😀" * 30])
    def test_those_of_at_most_123_bytes_are_good(self, reason: str) -> None:
        assert reason_fault(reason) is None
        assert truncate_reason(reason) is reason or truncate_reason(reason) == reason

    @pytest.mark.parametrize(
        ("reason", "size"),
        [("x" * 124, 124), ("é" * 62, 124), ("😀" * 31, 124), ("x" * 10**6, 10**6)],
    )
    def test_longer_ones_are_told_with_their_size(self, reason: str, size: int) -> None:
        assert reason_fault(reason) == f"must have at most 123 bytes in UTF-8, got {size}"

    def test_a_lone_surrogate_has_no_form_in_utf_8(self) -> None:
        assert reason_fault("a\ud800") == "must be encodable as UTF-8, got str 'a\\ud800'"


class TestTruncation:
    @pytest.mark.parametrize(
        ("reason", "cut"),
        [
            ("x" * 124, "x" * 123),
            ("é" * 62, "é" * 61),
            ("€" * 42, "€" * 41),
            ("😀" * 31, "😀" * 30),
            ("x" * 122 + "😀", "x" * 122),
            ("x" * 10**6, "x" * 123),
        ],
    )
    def test_it_cuts_between_two_characters(self, reason: str, cut: str) -> None:
        assert truncate_reason(reason) == cut
        assert reason_fault(cut) is None
        assert len(cut.encode()) <= REASON_SIZE

    def test_what_has_no_form_in_utf_8_is_left_to_be_refused(self) -> None:
        assert truncate_reason("\ud800" * 200) == "\ud800" * 200

"""The codes and reasons that a Close frame can carry: RFC 6455 5.5 and 7.4."""

import pytest

from wsfsm._closing import REASON_SIZE, code_fault, reason_fault, truncate_reason


class TestCodes:
    @pytest.mark.parametrize(
        "code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999]
    )
    def test_defined_or_registered_code_is_valid(self, code: int) -> None:
        assert code_fault(code) is None

    @pytest.mark.parametrize(
        "code",
        [-1000, 0, 401, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65536, 70000],
    )
    def test_other_code_is_invalid_with_the_valid_ranges_in_the_text(self, code: int) -> None:
        assert code_fault(code) == f"must be 1000-1003, 1007-1014 or 3000-4999, got int {code}"

    def test_code_with_thousands_of_digits_is_reported(self) -> None:
        assert str(code_fault(10**5000)).startswith("must be 1000-1003")


class TestReasons:
    @pytest.mark.parametrize("reason", ["", "bye", "x" * 123, "é" * 61, "€" * 41, "😀" * 30])
    def test_reason_of_at_most_123_bytes_is_valid(self, reason: str) -> None:
        assert reason_fault(reason) is None
        assert truncate_reason(reason) is reason or truncate_reason(reason) == reason

    @pytest.mark.parametrize(
        ("reason", "size"),
        [("x" * 124, 124), ("é" * 62, 124), ("😀" * 31, 124), ("x" * 10**6, 10**6)],
    )
    def test_longer_reason_is_invalid_with_its_size_in_the_text(
        self, reason: str, size: int
    ) -> None:
        assert reason_fault(reason) == f"must have at most 123 bytes in UTF-8, got {size}"

    def test_reason_with_a_lone_surrogate_is_invalid(self) -> None:
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
    def test_reason_is_truncated_between_two_characters(self, reason: str, cut: str) -> None:
        assert truncate_reason(reason) == cut
        assert reason_fault(cut) is None
        assert len(cut.encode()) <= REASON_SIZE

    def test_reason_with_lone_surrogates_is_not_truncated(self) -> None:
        assert truncate_reason("\ud800" * 200) == "\ud800" * 200

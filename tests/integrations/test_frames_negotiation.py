"""Agreeing on permessage-deflate (RFC 7692 5.1, 7.1)."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from helpers.frame_streams import Deflater, read
from helpers.wire import BINARY, frame
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from wsfsm.integrations import _deflate as deflate
from wsfsm.integrations.frames import data_frame, negotiate
from wsfsm.server import BadHandshake

PLAIN = "permessage-deflate; server_max_window_bits=12"
WHOLE = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"

ACCEPTED: dict[str, str] = {
    "permessage-deflate": PLAIN,
    "permessage-deflate; client_max_window_bits": WHOLE,
    "permessage-deflate;client_max_window_bits": WHOLE,
    "permessage-deflate ; client_max_window_bits": WHOLE,
    "permessage-deflate; client_max_window_bits=15": WHOLE,
    'permessage-deflate; client_max_window_bits="15"': WHOLE,
    "permessage-deflate; client_max_window_bits=12": WHOLE,
    "permessage-deflate; client_max_window_bits=9": WHOLE.replace("client_max_window_bits=12", "client_max_window_bits=9"),
    "permessage-deflate; client_max_window_bits=8": WHOLE.replace("client_max_window_bits=12", "client_max_window_bits=8"),
    "permessage-deflate; server_max_window_bits=15": PLAIN,
    "permessage-deflate; server_max_window_bits=9": PLAIN.replace("12", "9"),
    "permessage-deflate; server_no_context_takeover": "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
    "permessage-deflate; client_no_context_takeover": "permessage-deflate; client_no_context_takeover; server_max_window_bits=12",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover": "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    # RFC 7692 5.1: other extensions, and offers that are declined, are passed over
    "foo, permessage-deflate; client_max_window_bits": WHOLE,
    "foo; bar=1; permessage-deflate, permessage-deflate": PLAIN,
    "x-webkit-deflate-frame, permessage-deflate": PLAIN,
    "permessage-deflate; server_max_window_bits=8, permessage-deflate": PLAIN,
    "permessage-deflate; unknown, permessage-deflate; client_max_window_bits": WHOLE,
    # the first that can be served, and one only: both would claim RSV1
    "permessage-deflate; client_max_window_bits, permessage-deflate": WHOLE,
    "permessage-deflate, permessage-deflate; client_max_window_bits": PLAIN,
}  # fmt: skip
"""Offers, and the answers to them."""

DECLINED: list[str] = [
    "foo",
    "Permessage-Deflate2",
    "permessage-bzip2",
    # RFC 7692 7.1.2.1: zlib cannot, and need not
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; server_max_window_bits=8; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
    # RFC 7692 7.1: parameters that are unknown, twice there, or without a legal value
    "permessage-deflate; foo",
    "permessage-deflate; foo=1",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover=0",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; client_max_window_bits; client_max_window_bits",
    "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
    "permessage-deflate; server_max_window_bits",
    *(
        f"permessage-deflate; {side}_max_window_bits={value}"
        for side in ("server", "client")
        for value in ("0", "7", "16", "08", "010", "1", "+9", "-9", "9.0", "0x9", "15a", "255")
    ),
    'permessage-deflate; client_max_window_bits="7"',
]

MALFORMED: list[bytes] = [
    b"permessage-deflate; =",
    b"permessage-deflate;",
    b"permessage-deflate; client_max_window_bits=",
    b'permessage-deflate; client_max_window_bits="',
    b'permessage-deflate; client_max_window_bits=""',
    b'permessage-deflate; client_max_window_bits="1 5"',
    b"permessage-deflate client_max_window_bits",
    b"permessage deflate",
    b"foo;;bar",
    b"foo, ;bar",
    b"=",
    b";",
    b"f\xc3\xb6\xc3\xb6",
    b"foo\x00",
    b"foo(bar)",
]


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    deflate._answer.cache_clear()
    deflate._factory.cache_clear()
    yield
    deflate._answer.cache_clear()
    deflate._factory.cache_clear()


@pytest.mark.parametrize("offer", ACCEPTED)
class TestAcceptedOffers:
    def test_supported_offer_is_answered(self, offer: str) -> None:
        header, extensions = negotiate([offer.encode()])

        assert header == ACCEPTED[offer]
        assert len(extensions) == 1

    def test_both_sides_can_compress_after_the_answer(self, offer: str) -> None:
        header, extensions = negotiate([offer.encode()])
        assert header is not None
        takeover = "client_no_context_takeover" not in header
        deflater = Deflater(
            takeover=takeover, bits=12 if "client_max_window_bits" in header else 15
        )
        messages = [b"hello" * 50, b"hello" * 60]
        if "client_max_window_bits=8" not in header and "client_max_window_bits=9" not in header:
            frames = [frame(BINARY, deflater.message(message), rsv=4) for message in messages]
            assert read(*frames, extensions=extensions) == messages
        assert all(len(data_frame(message, False, extensions)) < 60 for message in messages)

    def test_connections_do_not_share_a_context(self, offer: str) -> None:
        (header, [first]), (again, [second]) = (negotiate([offer.encode()]) for _ in range(2))

        assert header == again
        assert data_frame(b"hello" * 9, True, [first]) == data_frame(b"hello" * 9, True, [second])
        if "server_no_context_takeover" not in offer:
            assert len(data_frame(b"hello" * 9, True, [first])) < 9


@pytest.mark.parametrize("offer", DECLINED)
class TestDeclinedOffers:
    def test_unsupported_offer_is_declined(self, offer: str) -> None:
        assert negotiate([offer.encode()]) == (None, ())

    def test_offer_after_a_declined_one_is_considered(self, offer: str) -> None:
        offers = [offer.encode(), b"permessage-deflate; client_max_window_bits"]

        assert negotiate([b", ".join(offers)])[0] == WHOLE
        assert negotiate(offers)[0] == WHOLE


@pytest.mark.parametrize("value", MALFORMED)
class TestMalformedHeaders:
    """RFC 6455 9.1: the connection fails."""

    def test_malformed_extensions_header_is_refused(self, value: bytes) -> None:
        with pytest.raises(BadHandshake) as caught:
            negotiate([value])

        assert caught.value.status == 400

    def test_malformed_extensions_header_after_a_good_offer_is_refused(self, value: bytes) -> None:
        for offers in ([b"permessage-deflate", value], [b"permessage-deflate, " + value]):
            with pytest.raises(BadHandshake):
                negotiate(offers)


@pytest.mark.parametrize(
    "offers", [[], [b""], [b" ,\t,"], [b"", b"foo"], [b", foo ,, bar ,"], [b" foo\t"]]
)
def test_empty_list_elements_are_ignored(offers: list[bytes]) -> None:
    assert negotiate(offers) == (None, ())


class TestLongOffers:
    def test_offers_of_4096_bytes_are_read(self) -> None:
        offer = b"permessage-deflate"
        values = [b"foo, " * 500, b"a" * (4096 - 2500 - len(offer)), offer]

        assert negotiate(values)[0] == PLAIN

    @pytest.mark.parametrize(
        "offers",
        [
            [b"a" * 4097],
            [b"a;b," * 1024 + b"c"],
            [b"permessage-deflate"] * 228,
            [b"permessage-deflate" + b";a" * 2**20],
        ],
    )
    def test_offers_above_4096_bytes_are_refused(self, offers: list[bytes]) -> None:
        with pytest.raises(BadHandshake) as caught:
            negotiate(offers)

        assert caught.value.status == 431

    def test_longest_offers_are_parsed_quickly(self) -> None:
        worst = [
            b"a" + b";a" * 2047,
            b"a," * 2047 + b"a",
            b"," * 4095 + b"a",
            b"permessage-deflate" + b";a" * 2038,
            b"permessage-deflate;a," * 195,
            b"permessage-deflate;server_max_window_bits=8," * 93,
            b'a;a="' + b"\\a" * 2045 + b'"',
        ]
        for offer in worst:
            assert len(offer) > 4000
            begin = time.thread_time()
            assert negotiate([offer])[0] is None
            assert time.thread_time() - begin < 0.25


class TestVersionsOfLibraries:
    """Versions of the library agree on parameters which zlib then refuses, early or late."""

    @pytest.mark.parametrize("error", [ValueError, AssertionError, TypeError, RuntimeError])
    def test_exception_in_the_negotiation_declines_the_offer(
        self, error: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = ServerPerMessageDeflateFactory.process_request_params

        def picky(self: Any, params: Sequence[Any], accepted: Sequence[Any]) -> Any:
            if params:
                raise error("Invalid initialization option")
            return process(self, params, accepted)

        monkeypatch.setattr(ServerPerMessageDeflateFactory, "process_request_params", picky)

        assert negotiate([b"permessage-deflate; client_max_window_bits"]) == (None, ())
        offers = b"permessage-deflate; client_max_window_bits, permessage-deflate"
        assert negotiate([offers])[0] == PLAIN

    def test_offer_whose_codecs_fail_is_declined(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Broken(PerMessageDeflate):
            def encode(self, frame: Any) -> Any:
                if self.local_no_context_takeover:
                    raise ValueError("Invalid initialization option")
                return super().encode(frame)

        def late(self: Any, params: Sequence[Any], accepted: Sequence[Any]) -> Any:
            return [], Broken(False, bool(params), 15, 12)

        monkeypatch.setattr(ServerPerMessageDeflateFactory, "process_request_params", late)

        assert negotiate([b"permessage-deflate; server_no_context_takeover"]) == (None, ())
        assert negotiate([b"permessage-deflate; x, permessage-deflate"])[0] == "permessage-deflate"

    def test_known_offer_is_answered_without_another_trial_of_the_codecs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer = [b"permessage-deflate; client_max_window_bits"]
        header, _ = negotiate(offer)
        monkeypatch.setattr(deflate, "parse_extension", None)
        monkeypatch.setattr(deflate, "_try_out", None)

        assert negotiate(offer)[0] == header


NAMES = st.sampled_from(
    ["server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits",
     "client_max_window_bits", "foo"]
)  # fmt: skip
VALUES = st.sampled_from(["", "=8", "=9", "=12", "=15", "=16", '="10"', "=", "=x", " = 9"])
OFFERS = st.lists(st.tuples(NAMES, VALUES).map("".join), max_size=4).map(
    lambda parameters: "; ".join(["permessage-deflate", *parameters])
)


@given(offers=st.lists(OFFERS | st.text('a;,=" \\\xe4', max_size=12), max_size=4))
def test_any_list_of_offers_is_answered_like_its_first_supported_offer_or_refused(
    offers: list[str],
) -> None:
    try:
        header, extensions = negotiate([offer.encode("latin-1") for offer in offers])
    except BadHandshake as error:
        assert error.status == 400  # noqa: PT017 - or it is none
        return
    alone = (negotiate([offer.encode("latin-1")])[0] for offer in offers)
    assert header == next((answer for answer in alone if answer), None)
    assert len(extensions) == bool(header)
    assert all(data_frame(b"x", True, [extension]) for extension in extensions)

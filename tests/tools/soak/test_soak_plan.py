"""Conversations of the soak are data, the same for the same numbers."""

import subprocess
import sys
from collections import Counter

import pytest
from helpers.asgi import ROOT
from helpers.soak_conversations import conversation

from tools.soak.messages import NOTHING, Batch, digest
from tools.soak.plan import TARGETS, Application, Ping, Pong, Rest, Say, Settle
from tools.soak.planning import KINDS, plan

pytestmark = pytest.mark.unmeasured

SOME = [plan(5, target, number) for target in TARGETS for number in range(400)]
TOLD = """
import sys; sys.path.append(sys.argv[1])
from tools.soak.planning import plan
print([plan(5, "uvloop-tls", number) for number in range(50)])
"""


def test_same_numbers_make_the_same_conversation() -> None:
    assert [plan(5, each.target, each.number) for each in SOME] == SOME


@pytest.mark.parametrize("hashing", ["1", "2"])
def test_another_process_makes_the_same_conversations(hashing: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", TOLD, str(ROOT)],
        env={"PYTHONHASHSEED": hashing},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.strip() == str([plan(5, "uvloop-tls", number) for number in range(50)])


def test_other_numbers_make_other_conversations() -> None:
    assert plan(5, "asyncio-tcp", 1) != plan(5, "asyncio-tcp", 2)
    assert plan(5, "asyncio-tcp", 1).client != plan(6, "asyncio-tcp", 1).client
    assert plan(5, "asyncio-tcp", 1).client != plan(5, "uvloop-tcp", 1).client


def test_kinds_are_played_about_as_often_as_their_weight() -> None:
    counts = Counter(each.kind for each in SOME)
    total = sum(weight for weight, _ in KINDS.values())

    assert set(counts) == set(KINDS)
    for kind, (weight, _) in KINDS.items():
        assert 0.4 < counts[kind] / (len(SOME) * weight / total) < 2


def test_first_conversation_is_always_the_same() -> None:
    first = plan(5, "asyncio-tcp", -1)

    assert (first.kind, first.client.offer) == ("talk", "permessage-deflate")
    assert plan(6, "asyncio-tcp", -1, "rude").client == first.client


def test_kind_can_be_chosen() -> None:
    assert {plan(5, "asyncio-tls", 1, kind).kind for kind in KINDS} == set(KINDS)
    # and it changes nothing where it would have been drawn
    assert [plan(5, each.target, each.number, each.kind) for each in SOME] == SOME


def test_plans_cover_every_variation_of_a_conversation() -> None:
    clients = [each.client for each in SOME]
    applications = [each.application for each in SOME]
    steps = [step for client in clients for step in client.steps]
    says = [step for step in steps if isinstance(step, Say)]

    assert {type(step) for step in steps} == {Say, Ping, Pong, Rest, Settle}
    assert {bool(say.cuts) for say in says} == {True, False}
    assert {(say.compressed, say.final) for say in says} == {(0, 0), (1, 0), (1, 1)}
    assert any(say.between for say in says)
    assert {client.end for client in clients} == {
        "wait", "deaf", "close", "close and leave", "half-close", "leave", "reset", "silence",
        "bad opcode", "bad text", "bad size", "bomb", "no mask", "bad close",
    }  # fmt: skip
    assert {client.writes for client in clients} == {"whole", "frames", "pieces", "bytes", "drip"}
    assert {client.request for client in clients} == {
        "good", "partial", "gone", "version 12", "no key", "POST",
    }  # fmt: skip
    assert {each.answer for each in applications} == {
        "accept", "close", "deny", "raise", "return", "wait",
    }  # fmt: skip
    assert {each.end for each in applications} == {
        "disconnect", "close", "return", "raise", "probe",
    }  # fmt: skip
    for field in ("pause", "impatient", "echo", "gap", "patience", "stubborn", "propagates"):
        assert {bool(getattr(each, field)) for each in applications} == {True, False}
    assert max(each.voices for each in applications) > 1


@pytest.mark.parametrize("target", TARGETS)
def test_plans_for_a_target_fit_its_transport_and_pings(target: str) -> None:
    plans = [each for each in SOME if each.target == target]

    if TARGETS[target].transport == "tls":
        assert all(each.client.end != "half-close" for each in plans)
    if not TARGETS[target].pings:
        assert all(each.application.end != "probe" for each in plans)
        assert all(each.application.patience for each in plans if each.client.end == "silence")


def test_query_holds_the_side_of_the_application() -> None:
    for each in SOME:
        query = each.application.query(each.name)

        assert Application.from_query(query) == (each.name, each.application)


def test_query_without_an_application_is_refused() -> None:
    with pytest.raises(KeyError):
        Application.from_query("name=a")


def test_conversation_is_named_by_target_and_number() -> None:
    assert conversation().name == "asyncio-tcp.0"


@pytest.mark.parametrize("sizes", ["tiny", "usual", "large", "huge", "vast", "edges"])
def test_messages_of_a_batch_are_always_the_same(sizes: str) -> None:
    batch = Batch(3, 8, sizes)

    assert list(batch) == list(batch)
    assert list(batch) != list(Batch(4, 8, sizes))
    assert len(list(batch)) == 8


def test_messages_have_the_sizes_at_which_heads_change() -> None:
    messages = Batch(3, 300, "edges")
    sizes = {len(m.encode() if isinstance(m, str) else m) for m in messages}

    assert {0, 125, 126, 65_535, 65_536} <= sizes
    assert {type(message) for message in messages} == {str, bytes}


def test_texts_hold_characters_of_every_length() -> None:
    texts = "".join(message for message in Batch(3, 200, "usual") if isinstance(message, str))

    assert {len(character.encode()) for character in texts} == {1, 2, 3, 4}


def test_empty_batch_has_no_messages() -> None:
    assert list(NOTHING) == []


def test_digest_differs_if_a_byte_or_the_type_differs() -> None:
    assert digest("abc") == digest("abc")
    assert len({digest("abc"), digest("abd"), digest(b"abc"), digest("abcd")}) == 4

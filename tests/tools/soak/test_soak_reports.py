"""The soak reads a server's log, compares what it holds, and prints what was found."""

import asyncio
import json
import logging
import sys
import time

import attrs
import pytest
from helpers.soak_conversations import conversation

from tools.soak import report
from tools.soak.holdings import Turns, holdings
from tools.soak.logs import Entry, Formatter, complaints, parse
from tools.soak.outcome import Failure, Outcome, grown, leaked
from tools.soak.reading import Seen

TRACEBACK = "Traceback (most recent call last):\n  File\n"
DELIBERATE = f"Exception in ASGI application\n{TRACEBACK}tools.soak.application.Deliberate: a.1"
HELD = {
    "memory": 50 * 2**20,
    "tasks": ["serve", "live"],
    "timers": ["tick"],
    "descriptors": ["socket", "pipe"],
    "objects": {"wsfsm.a": 1, "asyncio.b": 2},
    "longest turn": 0.01,
    "slowest turn": 0.02,
    "cpu": 1.0,
}


def outcome(**after: object) -> Outcome:
    return Outcome(
        "asyncio-tcp",
        kinds={"talk": 90, "rude": 10},
        before=HELD,
        after={**HELD, "cpu": 2.0, **after},
        gaps=[0.001, 0.002, 0.05],
    )


# The log


def test_log_is_parsed_entry_by_entry() -> None:
    record = logging.LogRecord("a", logging.WARNING, "", 1, "two\nlines %s", (1,), None)
    line = Formatter().format(record)

    assert "\n" not in line
    entry, *others = parse(f"{line}\nsomething else\n\n[1]\n7\n")
    assert attrs.evolve(entry, at=0) == Entry("WARNING", "a", "two\nlines 1")
    assert 0 < entry.at <= time.monotonic()
    assert others == [Entry("", "", text) for text in ("something else", "[1]", "7")]


@pytest.mark.parametrize(
    "entry",
    [
        Entry("INFO", "uvicorn.error", "connection open"),
        Entry("DEBUG", "asyncio", "Using selector"),
        Entry("WARNING", "uvicorn.error", "Invalid HTTP request received."),
        Entry("ERROR", "uvicorn.error", DELIBERATE),
        Entry(
            "ERROR", "uvicorn.error", "ASGI application returned without completing its response"
        ),
    ],
)
def test_expected_log_entry_is_not_a_complaint(entry: Entry) -> None:
    assert complaints([entry]) == []


@pytest.mark.parametrize(
    "entry",
    [
        Entry("", "", "socket.send() raised exception."),
        Entry("WARNING", "asyncio", "socket.send() raised exception."),
        Entry("WARNING", "uvicorn.error", f"Something\n{TRACEBACK}ValueError"),
        Entry("ERROR", "uvicorn.error", f"Exception in ASGI application\n{TRACEBACK}ValueError"),
        Entry("ERROR", "uvicorn.error", f"{DELIBERATE}\nDuring ...\n{TRACEBACK}ValueError"),
        Entry("ERROR", "asyncio", "Task was destroyed but it is pending!"),
        Entry("CRITICAL", "uvicorn.error", DELIBERATE),
    ],
)
def test_other_log_entry_is_a_complaint(entry: Entry) -> None:
    later = attrs.evolve(entry, at=7.0)

    assert complaints([later, entry]) == [(f"2 times in the log: {entry.text}", 7.0)]


def test_complaints_that_differ_in_addresses_are_counted_as_one() -> None:
    entries = [Entry("ERROR", "asyncio", f"in <a at 0x7f{number}>") for number in range(3)]

    assert complaints(entries) == [("3 times in the log: in <a at 0x...>", 0)]


# Holdings


def test_equal_or_fewer_objects_are_not_a_leak() -> None:
    assert leaked({}, HELD) == []
    assert leaked(HELD, HELD) == []
    assert leaked(HELD, {**HELD, "tasks": ["serve"], "objects": {}}) == []
    # one that is replaced by another is none that is left
    assert leaked(HELD, {**HELD, "tasks": ["serve", "other"]}) == []
    assert grown(outcome()) == []


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("tasks", ["serve", "live", "live"], "tasks are left: {'live': 1}"),
        ("timers", ["tick", "fire", "fire"], "timers are left: {'fire': 2}"),
        ("descriptors", ["socket"] * 3 + ["pipe"], "descriptors are left: {'socket': 2}"),
        (
            "objects",
            {"wsfsm.a": 3, "asyncio.b": 1, "wsfsm.c": 4},
            "objects are left: 2 of wsfsm.a, 4 of wsfsm.c",
        ),
        ("memory", 70 * 2**20, "the server has grown by 20.0 MiB"),
        ("longest turn", 0.5, "one turn of the event loop took 50% of all CPU time"),
    ],
)
def test_growth_is_a_fault(key: str, value: object, told: str) -> None:
    assert grown(outcome(**{key: value})) == [told]


def test_neighbour_waits_no_longer_than_turns_explain() -> None:
    waiting = attrs.evolve(outcome(), gaps=[0.01, 2.0], lag=0.1)

    assert grown(waiting) == [
        "a neighbour waited for 2.00 s, although no turn took longer than 0.12 s"
    ]
    assert grown(attrs.evolve(waiting, lag=0.5)) == []


def test_few_conversations_are_not_averaged() -> None:
    few = attrs.evolve(outcome(**{"longest turn": 0.9}), kinds={"talk": 99}, gaps=[9.0])

    assert grown(few) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_process_holds_objects() -> None:
    turns = Turns()
    turns.longest, turns.slowest = 7.0, 8.0
    turns.stop()  # which has not begun

    async def main() -> dict[str, object]:
        handle = asyncio.get_running_loop().call_later(60, print)
        seen = holdings(turns)
        handle.cancel()
        assert len(holdings(turns)["timers"]) == len(seen["timers"]) - 1
        return seen

    seen = asyncio.run(main())

    assert json.loads(json.dumps(seen)) == seen
    assert seen["tasks"] == ["test_process_holds_objects.<locals>.main"]
    assert "socket" in seen["descriptors"]  # type: ignore[operator]
    assert (seen["longest turn"], seen["slowest turn"]) == (7.0, 8.0)
    assert turns.longest == 0


def test_complaint_names_the_conversations_at_that_time() -> None:
    played = attrs.evolve(outcome(), spans=[(1.0, 2.0, 7), (1.5, 9.0, 8), (4.0, 5.0, -1)])

    assert [played.during(at) for at in (0.5, 1.0, 2.2, 3.0, 4.5)] == [
        "",
        "7",
        "7, 8",
        "8",
        "8, -1",
    ]


# Reports


def test_phase_is_reported_in_a_few_lines() -> None:
    done = attrs.evolve(outcome(), stopping=1.25, doubtful=2, lag=0.01, faults=["bad"], messages=7)

    assert list(report.outcome(done)) == [
        "asyncio-tcp: 100 conversations, 7 messages (10 rude, 90 talk)",
        "  memory: 50.0 MiB before, 50.0 after; 2 tasks, 1 timers, 2 descriptors before, 2 tasks, 1 timers, 2 descriptors after",
        "  a neighbour waited 2.0 ms for an echo (median), at most 0.05 s; the longest turn of the loop took 0.010 s of CPU time, the slowest 0.02 s; the soak itself was delayed by at most 0.01 s",
        "  2 conversations failed while the soak was delayed, and do not count",
        "  stopped in 1.2 s",
        "  FAULT: bad",
    ]


def test_phase_of_one_conversation_is_reported_without_comparison() -> None:
    assert list(report.outcome(Outcome("a", kinds={"talk": 1}))) == [
        "a: 1 conversations, 0 messages (1 talk)",
        "  stopped in 0.0 s",
    ]


def test_failure_is_reported_with_a_trace_of_both_sides_in_time_order() -> None:
    seen = Seen(events=[(5.0, "asks"), (5.5, "gets 101")])
    events = [[5.25, "websocket.connect", {}], [6.0, "returned", None]]
    found = Failure(conversation(), ["all of it"], seen, {"done": True, "events": events})

    lines = list(report.failure(found))

    assert lines[:3] == [
        "FAILURE in asyncio-tcp.0 (talk)",
        "  all of it",
        '  repeat: make soak SEED=1 ARGS="--target asyncio-tcp --only 0 --kind talk"',
    ]
    assert lines[3].startswith("  client: batch=Batch(seed=7, count=6, sizes='usual'), 6 steps, ")
    assert lines[4:] == [
        "  application: echo=True",
        "     0.000 client       asks",
        "     0.250 application  websocket.connect {}",
        "     0.500 client       gets 101",
        "     1.000 application  returned ",
    ]


def test_long_trace_is_shortened() -> None:
    seen = Seen(events=[(float(number), f"event {number}") for number in range(1000)])

    lines = list(report.failure(Failure(conversation(), [], seen, {})))

    assert "  ... 940 more ..." in lines
    assert lines[-1].endswith("event 999")
    assert len(lines) < 70

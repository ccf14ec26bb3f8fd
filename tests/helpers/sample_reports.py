"""Reports of conformance made by hand, with every verdict and with texts that break files."""

from typing import Any

from wsfsm.conformance.cases import Case, Kind, Level
from wsfsm.conformance.verdicts import Report, Result, TraceEntry, Verdict

WEIRD = "]]> </script><!-- & \x1b[31m \x00 \ud800 \u202e é 漢 `|*_ \"' \\ \x7f line\r\n  break"
"""A text that no format takes as it is."""


def case(name: str, level: Level = Level.MUST, kind: Kind = "server", **more: Any) -> Case:
    told = {"section": "ASGI WebSocket 2.5, Close", "requirement": f"What {name} demands."}
    return Case(id=name, kind=kind, level=level, steps=(), **{**told, **more})


CODE = case("close.code", note="Some say 1006.")
REASON = case("close.reason", Level.SHOULD)
ORDER = case("close.order", Level.MAY)
STATUS = case("deny.status", section="ASGI extensions, Denial Response")
WILD = case("deny.wild", Level.SHOULD, section="RFC 6455 <7.4>", requirement=WEIRD, note=WEIRD)
DEAD = case("deny.dead", Level.MAY, section="RFC 6455 <7.4>")
FACADE = case("facade.send", kind="facade")
CASES = (CODE, REASON, ORDER, STATUS, WILD, DEAD, FACADE)

BEGINNING = (
    TraceEntry(
        side="client", step="client request", observation={}, states="CONNECTING/CONNECTING"
    ),
    TraceEntry(
        side="app",
        step="app receive",
        observation={"message": {"type": "websocket.connect"}, "done": True},
        states="CONNECTED/CONNECTING",
    ),
    TraceEntry(side="wait", step="wait 0.1 s", observation={}, states="CONNECTED/CONNECTED"),
)
ENDING = TraceEntry(
    side="app",
    step="app receive",
    observation={
        "message": {"type": "websocket.disconnect", "code": 1006},
        "bytes": b"\xff\x00" * 200,
    },
    states="DISCONNECTED/CONNECTED",
    mismatch="message code: expected 1000, got 1006",
)


def result(case: Case, verdict: Verdict = Verdict.PASS, **more: Any) -> Result:
    return Result(case=case, verdict=verdict, **more)


def failed(case: Case, verdict: Verdict = Verdict.FAIL) -> Result:
    return result(
        case,
        verdict,
        reason="app receive: message code: expected 1000, got 1006",
        expected="message {code: 1000}",
        observed="message {code: 1006}",
        trace=(*BEGINNING, ENDING),
    )


def report(target: str, *results: Result, kind: str = "server") -> Report:
    return Report(target=target, kind=kind, versions={target: "1.0"}, results=results)


GOOD = report(
    "good",
    result(CODE, trace=BEGINNING),
    result(REASON),
    result(ORDER, Verdict.INFORMATIONAL, reason="nothing is demanded", observed="code 1006"),
    result(STATUS),
    result(WILD, Verdict.NON_STRICT, reason=WEIRD, trace=(*BEGINNING, ENDING)),
)
BAD = report(
    "bad",
    failed(CODE),
    result(REASON, Verdict.UNSUPPORTED, reason="close has no reason here", trace=BEGINNING),
    failed(ORDER),
    result(STATUS, Verdict.TIMEOUT, reason="nothing came in time"),
    result(
        WILD,
        Verdict.FAIL,
        reason=WEIRD,
        expected=WEIRD,
        observed=WEIRD,
        trace=(
            TraceEntry(
                side="server", step=WEIRD, observation={"text": WEIRD}, states=WEIRD, mismatch=WEIRD
            ),
        ),
    ),
    result(DEAD, Verdict.CRASH, reason="the server is gone", trace=BEGINNING),
)
EXTERNAL = report("facade", failed(FACADE), kind="facade")
REPORTS = (GOOD, BAD, EXTERNAL)

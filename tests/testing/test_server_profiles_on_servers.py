"""The profiles agree with the servers that are installed: the conformance cases show the same."""

from collections.abc import Mapping
from typing import Any, Final

import attrs
import pytest
from helpers.asgi import spec
from helpers.known_servers import INSTALLED, command
from helpers.server_targets import cases

from wsfsm.conformance import Report, check_server
from wsfsm.conformance.cases import load
from wsfsm.testing import SERVERS, ServerProfile

pytestmark = [pytest.mark.long, pytest.mark.one_python]

# questions that the suite does not ask, because the specification leaves them open
MORE: Final = """
[[case]]
id = "more.own-code"
level = "may"
section = "ASGI WebSocket 2.5, Disconnect"
requirement = "The application may receive the code of its own close."
note = "ASGI leaves it open."
given = "open"
steps = [
    { app = "send", message = { type = "websocket.close", code = 4000 }, within = 0.3 },
    { client = "frame", need = { opcode = "close" } },
    { client = "send", frames = [{ close = 4000 }] },
    { client = "end" },
    { wait = 0.2 },
    { app = "receive", expect = { message = { code = 4000 } } },
]

[[case]]
id = "more.lost-send"
level = "may"
section = "ASGI WebSocket 2.5, Disconnected Client"
requirement = "A send may raise after the loss of the transport, before the disconnect is received."
note = "ASGI leaves it open."
given = "open"
steps = [
    { client = "reset" },
    { wait = 0.3 },
    { app = "send", message = { type = "websocket.send", text = "late" } },
    { app = "send", message = { type = "websocket.send", text = "late" }, expect = { returns = true } },
]

[[case]]
id = "more.left-send"
level = "may"
section = "ASGI WebSocket 2.5, Disconnected Client"
requirement = "A send may raise after the client's Close."
note = "ASGI leaves it open."
given = "open"
steps = [
    { client = "send", frames = [{ close = 1001 }] },
    { app = "receive", need = { message = { type = "websocket.disconnect" } } },
    { wait = 0.2 },
    { app = "send", message = { type = "websocket.send", text = "late" }, expect = { returns = true } },
]

[[case]]
id = "more.left-close"
level = "may"
section = "ASGI WebSocket 2.5, Disconnected Client"
requirement = "A close may raise after the client's Close."
note = "ASGI leaves it open."
given = "open"
steps = [
    { client = "send", frames = [{ close = 1001 }] },
    { app = "receive", need = { message = { type = "websocket.disconnect" } } },
    { wait = 0.2 },
    { app = "send", message = { type = "websocket.close" }, expect = { returns = true } },
]

[[case]]
id = "more.left-again"
level = "may"
section = "ASGI WebSocket 2.5, Disconnect"
requirement = "A second disconnect may have any code."
note = "ASGI leaves it open."
given = "open"
steps = [
    { client = "send", frames = [{ close = 4000 }] },
    { app = "receive", need = { message = { type = "websocket.disconnect" } } },
    { wait = 0.2 },
    { app = "receive", expect = { waits = true } },
]

[[case]]
id = "more.reset-accept"
level = "may"
section = "ASGI WebSocket 2.5, Disconnected Client"
requirement = "An accept may raise after the loss of the transport."
note = "ASGI leaves it open."
given = "connecting"
steps = [
    { client = "reset" },
    { wait = 0.3 },
    { app = "receive", within = 0.5 },
    { app = "send", message = { type = "websocket.accept" }, expect = { returns = true } },
]

[[case]]
id = "more.rejected"
level = "may"
section = "ASGI WebSocket 2.5, Disconnect"
requirement = "A disconnect may follow a close before the accept."
note = "ASGI leaves it open."
given = "connecting"
steps = [
    { app = "send", message = { type = "websocket.close" }, need = { returns = true } },
    { wait = 0.2 },
    { client = "reset" },
    { app = "receive", within = 1.0, expect = { message = { code = 1006 } } },
]

[[case]]
id = "more.denied"
level = "may"
section = "ASGI WebSocket 2.5, Disconnect"
requirement = "A disconnect may follow a denial response."
note = "ASGI leaves it open."
given = "connecting"
steps = [
    { app = "send", message = { type = "websocket.http.response.start", status = 404, headers = [] } },
    { app = "send", message = { type = "websocket.http.response.body", body = { bytes = "x" } } },
    { wait = 0.2 },
    { client = "reset" },
    { app = "receive", within = 1.0, expect = { message = { code = 1006 } } },
]
"""
ASKED: Final = [
    "scope.spec-version",
    "scope.denial-offered",
    "receive.text",
    "disconnect.code-4000",
    "disconnect.no-code",
    "disconnect.reset-code",
    "disconnect.fin-code",
    "disconnect.no-reason",
    "connect.reset",
    "exit.return-open-code",
    "exit.raise-open",
]


@pytest.fixture(scope="module", params=INSTALLED)
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ServerProfile, Report]:
    path = tmp_path_factory.mktemp("cases") / "more.toml"
    path.write_text(MORE, encoding="utf-8")
    more = load(path, "server", spec("conformance/server/setups")["setup"])
    report = check_server(command(request.param), (*cases(*ASKED), *more), jobs=4)
    return SERVERS[request.param], report


def observations(report: Report) -> dict[str, Mapping[str, Any]]:
    """The last observation of each case."""
    return {result.case.id: result.trace[-1].observation for result in report.results}


def raised(saw: Mapping[str, Any]) -> type[Exception] | None:
    """The kind of exception, as far as a profile has it."""
    if saw.get("returns"):
        return None
    kinds = {"OSError": OSError, "RuntimeError": RuntimeError}
    return next(kinds[name] for name in saw["raises"] if name in kinds)


def text(saw: Mapping[str, Any]) -> str:
    """The text of an exception that is not an OSError, with a placeholder for the message."""
    if raised(saw) in {None, OSError}:
        return ""
    found: str = saw["text"]
    return found.replace("websocket.send", "{type}")


def code(saw: Mapping[str, Any]) -> Any:
    """The code of a disconnect; None without a disconnect, or without a code in it."""
    return None if saw.get("waits") else saw["message"]["code"]


def closed(saw: Mapping[str, Any]) -> int | None:
    """The code with which a client sees the connection end."""
    if saw.get("waits"):
        return None
    return 1006 if saw.get("ends") else saw["code"]


def test_a_server_is_what_its_profile_says(played: tuple[ServerProfile, Report]) -> None:
    expected, report = played
    saw = observations(report)
    scope = saw["scope.spec-version"]["scope"]
    again, own = code(saw["more.left-again"]), code(saw["more.own-code"])
    denial = "websocket.http.response" in scope.get("extensions", {})

    assert (
        ServerProfile(
            name=expected.name,
            spec_version=scope["asgi"].get("spec_version"),
            denial=denial,
            both_keys="bytes" in saw["receive.text"]["message"],
            keeps_code=code(saw["disconnect.code-4000"]) == 4000,
            code_without=code(saw["disconnect.no-code"]),
            code_lost=code(saw["disconnect.reset-code"]),
            code_closed=None if own == 4000 else own,
            code_rejected=code(saw["more.rejected"]),
            code_denied=code(saw["more.denied"]) if denial else expected.code_denied,
            keeps_reason="reason" in saw["disconnect.no-reason"]["message"],
            repeats=again is not None,
            code_repeated=None if again == 4000 else again,
            send_when_lost=raised(saw["more.lost-send"]),
            send_after=raised(saw["more.left-send"]),
            close_after=raised(saw["more.left-close"]),
            text_after=text(saw["more.left-send"]),
            accept_when_lost=raised(saw["more.reset-accept"]),
            code_returned=closed(saw["exit.return-open-code"]),
            code_raised=closed(saw["exit.raise-open"]),
            reports_early_loss=not saw["connect.reset"].get("waits"),
        )
        == expected
    )


def test_each_attribute_names_cases_of_the_suite() -> None:
    named = [
        name for field in attrs.fields(ServerProfile) for name in field.metadata.get("cases", ())
    ]

    assert len(named) > 20
    assert {case.id for case in cases(*named)} >= {*named}

"""Situations of open connections, of their ends, and of what comes after."""

from typing import Any

import pytest
from helpers.socket_scenarios import (
    CONNECT,
    FIN,
    GONE,
    HEAD,
    OVER,
    RAISE,
    RAISE_AGAIN,
    RAISED,
    RECEIVE,
    RST,
    Situation,
    accept,
    body,
    close,
    left,
    play,
    send,
    start,
)
from helpers.wire import BINARY, CLOSE, CONT, PING, TEXT, close_payload, frame

pytestmark = pytest.mark.unmeasured

ASGI = "ASGI 2.5: "
BYE = frame(CLOSE, close_payload(1001, "bye"))
ENDED = ("CLOSE 1000", "FIN")
FAREWELL = (101, "CLOSE 1001 bye", "FIN")
LIMITED = {"ws_max_size": 65_536}


def text(data: str) -> dict[str, str]:
    """The message that a Text frame is delivered as."""
    return {"type": "websocket.receive", "text": data}


def bad_send(name: str, title: str, section: str, **keys: object) -> Situation:
    """Data that must be refused; the connection lives on."""
    return Situation(
        id=name,
        title=title,
        section=section,
        app=[accept(), send(**keys), send("after")],
        saw=["ok", "RuntimeError", "ok"],
        wire=(101, "TEXT after", *ENDED),
    )


def bad_close(name: str, title: str, section: str, **keys: object) -> Situation:
    """A close that must be refused; a right one is still possible."""
    return Situation(
        id=name,
        title=title,
        section=section,
        app=[accept(), close(**keys), close()],
        saw=["ok", "RuntimeError", "ok"],
        wire=(101, *ENDED),
    )


def broken(
    name: str, title: str, section: str, data: bytes, answer: tuple[int, str], **more: Any
) -> Situation:
    """What is no WebSocket: a Close tells the peer, the disconnect tells the application."""
    return Situation(
        id=name,
        title=title,
        section=section,
        client=[HEAD, data],
        app=[RECEIVE, accept(), RECEIVE, RECEIVE],
        saw=[CONNECT, "ok", left(*answer), left(*answer)],
        wire=(101, f"CLOSE {answer[0]} {answer[1]}", "FIN"),
        **more,
    )


def over(
    name: str, title: str, section: str, *after: object, saw: tuple[object, ...], **more: Any
) -> Situation:
    """What an application does after the disconnect of a peer that has said goodbye."""
    return Situation(
        id=name,
        title=title,
        section=section,
        client=[HEAD, BYE],
        app=[RECEIVE, accept(), RECEIVE, *after],
        saw=[CONNECT, "ok", left(1001, "bye"), *saw],
        wire=FAREWELL,
        **more,
    )


# Tables are aligned by hand.
# fmt: off
SENDS = [
    bad_send("C03", "text and bytes are None", ASGI + "Send: exactly one", text=None, bytes=None),
    Situation(id="C04", title="neither text nor bytes", section=ASGI + "Send: exactly one", app=[accept(), {"type": "websocket.send"}, send("after")], saw=["ok", "RuntimeError", "ok"], wire=(101, "TEXT after", *ENDED)),
    bad_send("C05", "text and bytes", ASGI + "Send: exactly one", text="T", bytes=b"B"),
    Situation(id="C06", title="an empty text", section=ASGI + "Send", app=[accept(), send(text="", bytes=None), send("after")], saw=["ok"] * 3, wire=(101, "TEXT", "TEXT after", *ENDED)),
    Situation(id="C07", title="empty bytes", section=ASGI + "Send", app=[accept(), send(bytes=b""), send("after")], saw=["ok"] * 3, wire=(101, "BINARY", "TEXT after", *ENDED)),
    Situation(id="C08", title="bytes are a bytearray or a memoryview", section="as uvicorn's own classes", app=[accept(), send(bytes=bytearray(b"ba")), send(bytes=memoryview(b"mv"))], saw=["ok"] * 3, wire=(101, "BINARY ba", "BINARY mv", *ENDED)),
    bad_send("C10", "text is an int", ASGI + "Send", text=5),
    bad_send("C11", "bytes are a str", ASGI + "Send", bytes="str"),
    bad_send("C11b", "text is bytes", ASGI + "Send", text=b"bytes"),
    bad_send("C23", "a lone surrogate", "RFC 6455 5.6: UTF-8", text="\ud800"),
    Situation(id="C25", title="1 MiB; the limit is on what comes", section="", app=[accept(), send(bytes=b"x" * 2**20)], saw=["ok", "ok"], wire=(101, "BINARY " + "x" * 2**20, *ENDED), options=LIMITED),
]

OTHERS = [
    Situation(id="C12", title="a second accept", section=ASGI + "Accept", app=[accept(), accept(), send()], saw=["ok", "RuntimeError", "ok"], wire=(101, "TEXT x", *ENDED)),
    Situation(id="C13", title="a denial after the accept", section="ASGI extension: Websocket Denial Response", app=[accept(), start(), body(), send()], saw=["ok", "RuntimeError", "RuntimeError", "ok"], wire=(101, "TEXT x", *ENDED)),
    Situation(id="C14", title="an unknown type", section="ASGI: Error Handling", app=[accept(), {"type": "foo"}, send()], saw=["ok", "RuntimeError", "ok"], wire=(101, "TEXT x", *ENDED)),
    Situation(id="C15", title="close", section=ASGI + "Close; Disconnect", app=[RECEIVE, accept(), close(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", "ok", left(1000, ""), left(1000, "")], wire=(101, *ENDED)),
    Situation(id="C16", title="close with code and reason", section=ASGI + "Close; Disconnect", app=[RECEIVE, accept(), close(code=1001, reason="bye"), RECEIVE], saw=[CONNECT, "ok", "ok", left(1001, "bye")], wire=FAREWELL),
    *(bad_close(f"C17/{code}", f"code {code}", "RFC 6455 7.4", code=code) for code in (999, 1005, 1006, 1015, 5000, 65536)),
    *(Situation(id=f"C17/{code}", title=f"code {code}", section="RFC 6455 7.4.2", app=[RECEIVE, accept(), close(code=code), RECEIVE], saw=[CONNECT, "ok", "ok", left(code, "")], wire=(101, f"CLOSE {code}", "FIN")) for code in (1012, 3000)),
    Situation(id="C18", title="code None, as if it were not there", section=ASGI + "Close: optional", app=[accept(), close(code=None)], saw=["ok", "ok"], wire=(101, *ENDED)),
    bad_close("C18b", "a code that is a str", ASGI + "Close: an int", code="1001"),
    bad_close("C19b", "a reason of 124 bytes", "RFC 6455 5.5", reason="r" * 124),
    Situation(id="C19e", title="a reason without a code", section=ASGI + "Close", app=[accept(), close(reason="why")], saw=["ok", "ok"], wire=(101, "CLOSE 1000 why", "FIN")),
    Situation(id="C20", title="the application returns", section="RFC 6455 7.1.1", app=[accept()], saw=["ok"], wire=(101, *ENDED)),
    Situation(id="C21", title="the application returns what is not None", section="", app=[accept()], gives=5, saw=["ok"], wire=(101, *ENDED), logs="ASGI callable should return None, but returned '5'."),
    Situation(id="C22", title="the application raises", section="ASGI: Error Handling; RFC 6455 7.4.1", app=[accept(), RAISE], saw=["ok"], wire=(101, "CLOSE 1011", "FIN"), logs=RAISED),
]

CLOSING = [
    Situation(id="D01", title="close, then data", section=ASGI + "Disconnected Client", app=[accept(), close(), send(), RAISE_AGAIN], saw=["ok", "ok", "OSError"], wire=(101, *ENDED)),
    Situation(id="D02", title="close, then close", section=ASGI + "Disconnected Client", app=[accept(), close(), close(code=1001)], saw=["ok", "ok", "ok"], wire=(101, *ENDED)),
    Situation(id="D10", title="close, then accept", section=ASGI + "Disconnected Client", app=[accept(), close(), accept()], saw=["ok", "ok", "OSError"], wire=(101, *ENDED)),
    Situation(id="D03", title="receive before the peer's Close", section=ASGI + "Disconnect", client=[HEAD, 6, frame(CLOSE, close_payload(1000))], silent=True, app=[RECEIVE, accept(), close(), RECEIVE, RECEIVE, RECEIVE], saw=[CONNECT, "ok", "ok", *[left(1000, "")] * 3], wire=(101, *ENDED)),
    Situation(id="D04", title="the peer answers with another code", section=ASGI + "Disconnect", client=[HEAD, 3, frame(CLOSE, close_payload(1000))], silent=True, app=[RECEIVE, accept(), close(code=1001), RECEIVE, 0.2, RECEIVE], saw=[CONNECT, "ok", "ok", left(1001, ""), left(1001, "")], wire=(101, "CLOSE 1001", "FIN")),
    Situation(id="D05", title="the peer answers late", section="RFC 6455 7.1.1", client=[HEAD, 2, 0.25, frame(CLOSE, close_payload(1000))], silent=True, app=[accept(), close()], saw=["ok", "ok"], wire=(101, *ENDED)),
    Situation(id="D06", title="data before the peer's Close", section="RFC 6455 1.4", client=[HEAD, 3, frame(TEXT, b"late"), frame(CLOSE, close_payload(1000))], silent=True, app=[RECEIVE, accept(), close(), 0.2, RECEIVE, RECEIVE], saw=[CONNECT, "ok", "ok", left(1000, ""), left(1000, "")], wire=(101, *ENDED)),
    Situation(id="D07", title="the peer drops the transport", section=ASGI + "Disconnect", client=[HEAD, 3, RST], app=[RECEIVE, accept(), close(), GONE, RECEIVE, RECEIVE], saw=[CONNECT, "ok", "ok", left(1000, ""), left(1000, "")], wire=(101,)),
    Situation(id="D08", title="the peer never answers", section="RFC 6455 7.1.1", silent=True, app=[accept(), close()], saw=["ok", "ok"], wire=(101, "CLOSE 1000", "FIN")),
    Situation(id="D09", title="the peer never answers a waiting application", section="RFC 6455 7.1.1", silent=True, app=[RECEIVE, accept(), close(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", "ok", left(1000, ""), left(1000, "")], wire=(101, "CLOSE 1000", "FIN")),
    Situation(id="D14", title="a Ping before the peer's Close", section="RFC 6455 5.5.2", client=[HEAD, 2, frame(PING, b"p"), frame(CLOSE, close_payload(1000))], silent=True, app=[accept(), close()], saw=["ok", "ok"], wire=(101, "CLOSE 1000", "PONG p", "FIN")),
]

FRAMES = [
    Situation(id="E01", title="a text", section=ASGI + "Receive", client=[HEAD, frame(TEXT, "hé".encode()), frame(CLOSE, close_payload(1000))], app=[RECEIVE, accept(), RECEIVE, RECEIVE, RECEIVE], saw=[CONNECT, "ok", text("hé"), left(1000, ""), left(1000, "")], wire=(101, *ENDED)),
    Situation(id="E03", title="empty messages", section=ASGI + "Receive", client=[HEAD, frame(TEXT), frame(BINARY), frame(CLOSE, close_payload(1000))], app=[RECEIVE, accept(), RECEIVE, RECEIVE, RECEIVE], saw=[CONNECT, "ok", text(""), {"type": "websocket.receive", "bytes": b""}, left(1000, "")], wire=(101, *ENDED)),
    Situation(id="E04", title="a Ping between fragments", section="RFC 6455 5.4", client=[HEAD, frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(CONT, b"b", fin=False), frame(CONT, b"c"), frame(CLOSE, close_payload(1000))], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", text("abc"), left(1000, "")], wire=(101, "PONG p", *ENDED)),
    Situation(id="E07", title="a Close without a code", section="RFC 6455 7.1.5: 1005", client=[HEAD, frame(CLOSE)], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", left(1005, ""), left(1005, "")], wire=(101, "CLOSE 1005", "FIN")),
    Situation(id="E09", title="a Close with code and reason", section="RFC 6455 5.5.1", client=[HEAD, BYE], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", left(1001, "bye"), left(1001, "bye")], wire=FAREWELL),
    Situation(id="E10", title="a Close with a private code", section="RFC 6455 7.4.2", client=[HEAD, frame(CLOSE, close_payload(4000))], app=[RECEIVE, accept(), RECEIVE], saw=[CONNECT, "ok", left(4000, "")], wire=(101, "CLOSE 4000", "FIN")),
    broken("E11", "a Close with code 1005", "RFC 6455 7.4.1", frame(CLOSE, close_payload(1005)), (1002, "invalid status code")),
    broken("E11c", "a Close of one byte", "RFC 6455 5.5.1", frame(CLOSE, b"\x03"), (1002, "close frame too short")),
    broken("E11d", "a Close whose reason is not UTF-8", "RFC 6455 5.5.1, 8.1", frame(CLOSE, b"\x03\xe8\xff"), (1007, "invalid start byte")),
    Situation(id="E12", title="FIN without a Close", section="RFC 6455 7.1.5: 1006", client=[HEAD, FIN], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", left(), left()], wire=(101, "FIN")),
    Situation(id="E13", title="RST", section="RFC 6455 7.1.5: 1006", client=[HEAD, RST], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", left(), left()], wire=(101,)),
    broken("E14", "a frame that is not masked", "RFC 6455 5.1", frame(TEXT, b"x", masked=False), (1002, "incorrect masking")),
    broken("E15", "a reserved opcode", "RFC 6455 5.2", frame(3, b"x"), (1002, "invalid opcode")),
    broken("E17", "a text that is not UTF-8", "RFC 6455 8.1", frame(TEXT, b"\xff"), (1007, "invalid start byte")),
    broken("E18", "a continuation of nothing", "RFC 6455 5.4", frame(CONT, b"x"), (1002, "continuation frame without a message to continue")),
    broken("E20", "a frame that is too big", "RFC 6455 7.4.1: 1009", frame(BINARY, b"x" * 70_000), (1009, "message too big, the limit is 65536 bytes"), options=LIMITED),
    broken("E20b", "fragments that are too big together", "RFC 6455 7.4.1: 1009", frame(BINARY, b"x" * 30_000, fin=False) + frame(CONT, b"x" * 30_000, fin=False) * 3, (1009, "message too big, the limit is 65536 bytes"), options=LIMITED),
    broken("E20d", "a text that is too big in bytes", "RFC 6455 7.4.1: 1009", frame(TEXT, "é".encode() * 40_000), (1009, "message too big, the limit is 65536 bytes"), options=LIMITED),
    Situation(id="E24", title="data after the Close", section="RFC 6455 5.5.1, 1.4", client=[HEAD, frame(CLOSE, close_payload(1000)) + frame(TEXT, b"late")], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", left(1000, ""), left(1000, "")], wire=(101, *ENDED)),
    Situation(id="E25", title="messages and Close in one segment", section=ASGI + "Receive; Disconnect", client=[HEAD, frame(TEXT, b"1") + frame(TEXT, b"2") + frame(TEXT, b"3") + frame(CLOSE, close_payload(1001, "x"))], app=[RECEIVE, accept(), OVER, *[RECEIVE] * 5], saw=[CONNECT, "ok", text("1"), text("2"), text("3"), left(1001, "x"), left(1001, "x")], wire=(101, "CLOSE 1001 x", "FIN")),
    Situation(id="E27", title="a Close between fragments", section="RFC 6455 5.4", client=[HEAD, frame(TEXT, b"a", fin=False) + frame(CLOSE, close_payload(1000))], app=[RECEIVE, accept(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", left(1000, ""), left(1000, "")], wire=(101, *ENDED)),
    broken("E28", "a length in more bytes than it needs", "RFC 6455 5.2", frame(TEXT, b"x", length_bytes=2), (1002, "length not minimally encoded")),
]

AFTER = [
    over("F01", "receive", ASGI + "Disconnect: the last one", RECEIVE, RECEIVE, saw=(left(1001, "bye"), left(1001, "bye"))),
    over("F02b", "data", ASGI + "Disconnected Client", send(), saw=("OSError",)),
    over("F03b", "close", ASGI + "Disconnected Client", close(), saw=("ok",)),
    over("F03", "close, somewhat later", ASGI + "Disconnected Client", 0.2, close(), saw=("ok",)),
    over("F06", "data, and the exception is let through", ASGI + "Disconnected Client: not logged", send(), RAISE_AGAIN, saw=("OSError",)),
    over("F07", "an unknown type", "ASGI: Error Handling", {"type": "foo"}, saw=("OSError",)),
    Situation(id="F08", title="data after RST", section=ASGI + "Disconnected Client", client=[HEAD, RST], app=[RECEIVE, accept(), RECEIVE, send(), RECEIVE], saw=[CONNECT, "ok", left(), "OSError", left()], wire=(101,)),
    Situation(id="S02", title="the application ignores the disconnect", section="", client=[HEAD, BYE], app=[RECEIVE, accept(), RECEIVE, 1.0, RECEIVE], saw=[CONNECT, "ok", left(1001, "bye"), left(1001, "bye")], wire=FAREWELL),
]

UNREAD = [
    Situation(id="G01", title="the peer has closed: data, then receive", section=ASGI + "Disconnected Client", client=[HEAD, BYE], app=[RECEIVE, accept(), OVER, send(), send(), RECEIVE], saw=[CONNECT, "ok", "OSError", "OSError", left(1001, "bye")], wire=FAREWELL),
    Situation(id="G02", title="the peer has closed: close, then receive", section=ASGI + "Disconnected Client", client=[HEAD, BYE], app=[RECEIVE, accept(), OVER, close(), RECEIVE], saw=[CONNECT, "ok", "ok", left(1001, "bye")], wire=FAREWELL),
    Situation(id="G05", title="FIN was seen: data, then receive", section=ASGI + "Disconnected Client", client=[HEAD, FIN], app=[RECEIVE, accept(), OVER, send(), send(), RECEIVE], saw=[CONNECT, "ok", "OSError", "OSError", left()], wire=(101, "FIN")),
    Situation(id="G06", title="the peer has closed, a message is unread", section=ASGI + "Disconnected Client", client=[HEAD, frame(TEXT, b"1") + BYE], app=[RECEIVE, accept(), OVER, send(), RECEIVE, RECEIVE], saw=[CONNECT, "ok", "OSError", text("1"), left(1001, "bye")], wire=FAREWELL),
    # the application goes on only when the client has seen the answer to its Close
    Situation(id="G09", title="the peer closes while the application is busy", section="RFC 6455 5.5.1", client=[HEAD, BYE], app=[RECEIVE, accept(), 0.5, RECEIVE], saw=[CONNECT, "ok", left(1001, "bye")], wire=FAREWELL),
]
# fmt: on

SITUATIONS = [*SENDS, *OTHERS, *CLOSING, *FRAMES, *AFTER, *UNREAD]


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_scenario_has_the_specified_outcome_after_the_accept(
    situation: Situation, caplog: pytest.LogCaptureFixture
) -> None:
    seen, right = play(situation, caplog)

    assert seen == right

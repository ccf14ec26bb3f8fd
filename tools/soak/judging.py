"""Compares the records of both sides with the plan of a conversation."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from tools.soak.messages import digest
from tools.soak.plan import PING_INTERVAL, TARGETS, Application, Conversation, Ping, Say
from tools.soak.reading import Seen

__all__ = ["judge"]

_STATUS: Final = {
    "accept": 101,
    "close": 403,  # ASGI WebSocket 2.5, Close
    "raise": 500,
    "return": 500,
    "version 12": 426,  # RFC 6455 4.4
    "no key": 400,
    "POST": 405,
}
_WRONG: Final = {
    "bad opcode": 1002,
    "no mask": 1002,
    "bad close": 1002,
    "bad text": 1007,
    "bad size": 1009,
    "bomb": 1009,
}
_RETURNED: Final = (1000, "")
_RAISED: Final = (1011, "")
_KEEPALIVE: Final = (1011, None)
_LOST: Final = (1006, "")
_PROBE: Final = digest("are you still there?")
_END: Final = "websocket.disconnect"

_SURE: Final = 0.8  # part of the interval in which the server certainly does not send a Ping

_Code = tuple[int, str | None]  # a reason of None allows any


@attrs.define
class _Account:
    """The record of an application.

    Attributes:
        events: Kind and details of each event.
        seconds: Time from the first event to the last one.
    """

    events: list[tuple[str, Any]]
    seconds: float

    @classmethod
    def of(cls, report: dict[str, Any]) -> "_Account":
        times = [at for at, _, _ in report["events"]]
        return cls([(what, detail) for _, what, detail in report["events"]], times[-1] - times[0])

    def every(self, what: str) -> list[Any]:
        return [detail for event, detail in self.events if event == what]

    @property
    def ends(self) -> set[tuple[int, str]]:
        return {(end["code"], end.get("reason") or "") for end in self.every(_END)}


def judge(conversation: Conversation, seen: Seen, report: dict[str, Any]) -> list[str]:
    """Find all faults of a conversation.

    Args:
        conversation: The plan.
        seen: Record of the client.
        report: Record of the application; {} if it was never called.

    Returns:
        A sentence for each fault.
    """
    faults = list(seen.problems)
    client = conversation.client
    if client.request in {"partial", "gone"}:
        if client.request == "partial" and report:
            faults.append("the application was called for an incomplete request")
    elif client.request in _STATUS:
        faults += _differs("status", seen.status, {_STATUS[client.request]})
        if report:
            faults.append("the application was called for a bad request")
        return faults
    else:
        faults += _judge_response(conversation, seen)
        if seen.status == 101:
            faults += _judge_client(conversation, seen)
        if not report:
            faults.append("the application was never called")
    if report:
        account = _Account.of(report)
        if not report["done"]:
            faults.append("the application has not ended")
        faults += _judge_application(conversation, account)
    return faults


def _differs(what: str, got: object, allowed: Iterable[object]) -> list[str]:
    if got in allowed:
        return []
    return [f"{what}: {got!r} instead of {' or '.join(map(repr, allowed))}"]


def _judge_response(conversation: Conversation, seen: Seen) -> list[str]:
    client, application = conversation.client, conversation.application
    status = _STATUS.get(application.answer, 0) or application.status
    faults = _differs("status", seen.status, {status})
    if seen.status == 101:
        protocol = [application.subprotocol] if application.subprotocol else []
        faults += _differs(
            "subprotocol", seen.headers.get("sec-websocket-protocol", []), [protocol]
        )
        agreed = "sec-websocket-extensions" in seen.headers
        faults += _differs("compression", agreed, {"permessage-deflate" in client.offer})
    elif seen.status and not seen.complete:
        faults.append("the body of the response is not complete")
    if application.answer in {"deny", "close"}:
        size = sum(application.body) if application.answer == "deny" else 0
        faults += _differs("size of the body", len(seen.body), {size})
        faults += _differs("end of the transport", seen.ends, {"FIN"})
    return faults


# The client's side


def _judge_client(conversation: Conversation, seen: Seen) -> list[str]:
    client, application = conversation.client, conversation.application
    faults = _judge_order(conversation, seen.messages, complete=_is_whole(conversation, seen))
    if client.settled and not seen.settled and application.end == "disconnect":
        faults.append("the server has not sent all that it owed before it closed")
    if not _is_within(seen.pongs, seen.pings):
        faults.append(f"the Pongs {seen.pongs} do not answer the Pings {seen.pings}")
    if client.end in _WRONG:
        faults += _differs("code of the Close", seen.close and seen.close[0], {_WRONG[client.end]})
    elif client.end != "silence":
        faults += _differs("Close", seen.close, _closes(conversation))
    if client.end in {"wait", "close", "half-close"}:
        faults += _differs("end of the transport", seen.ends, {"FIN"})
    return faults


def _closes(conversation: Conversation) -> list[_Code | None]:
    """Return the Close frames that the client may get."""
    client, application = conversation.client, conversation.application
    echo = (client.code, client.reason)
    match client.end:
        case "wait" | "deaf":
            return [_own(conversation)]
        case "close" if application.end != "disconnect":
            return [echo, _own(conversation)]
        case "close":
            return [echo]
        case "close and leave":
            return [echo, None]
        case _:
            return [None]


def _own(conversation: Conversation) -> tuple[int, str] | None:
    """Return the Close with which an application ends the connection, or None."""
    application = conversation.application
    if application.end == "close":
        return application.code, application.reason
    if TARGETS[conversation.target].compat:
        return None
    return {"return": _RETURNED, "raise": _RAISED}[application.end]


def _is_whole(conversation: Conversation, seen: Seen) -> bool:
    """Check whether the client must have got all messages of the application."""
    return seen.settled or conversation.client.end in {"wait", "deaf"}


def _judge_order(conversation: Conversation, got: list[str], *, complete: bool) -> list[str]:
    """Compare messages with those that the application should send, for each of its voices."""
    application = conversation.application
    sent = [digest(payload) for payload in application.batch]
    if application.echo:
        heard = [digest(payload) for payload in conversation.client.batch]
        sent += heard if application.end == "disconnect" else heard[: application.after]
    voices = application.voices
    if voices == 1:
        return _compare("the client", got, sent, complete=complete)
    rests = [sent[voice::voices] for voice in range(voices)]
    for number, message in enumerate(got):
        rest = next((rest for rest in rests if rest[:1] == [message]), None)
        if rest is None:
            return [f"the client got message {number} out of order: {message}"]
        rest.pop(0)
    left = sum(map(len, rests))
    return [f"the client got {len(got)} of {len(sent)} messages"] if complete and left else []


def _compare(who: str, got: Sequence[str], sent: Sequence[str], *, complete: bool) -> list[str]:
    for number, (mine, theirs) in enumerate(zip(got, sent, strict=False)):
        if mine != theirs:
            return [f"{who} got {mine} as message {number} instead of {theirs}"]
    if len(got) > len(sent) or (complete and len(got) < len(sent)):
        return [f"{who} got {len(got)} of {len(sent)} messages"]
    return []


def _is_within(some: Sequence[bytes], every: Iterable[bytes]) -> bool:
    """Check whether some items are among others, in the same order (RFC 6455 5.5.3)."""
    rest = iter(every)
    return all(one in rest for one in some)


# The application's side


def _judge_application(conversation: Conversation, account: _Account) -> list[str]:
    application = conversation.application
    faults = []
    connects = len(account.every("websocket.connect"))
    if connects != 1 or account.events[0][0] != "websocket.connect":
        faults.append(f"the application got {connects} messages of type websocket.connect")
    sent = [digest(payload) for payload in conversation.client.batch]
    complete = _is_heard(conversation, account)
    faults += _compare("the application", account.every("received"), sent, complete=complete)
    faults += _judge_end(conversation, account)
    for error in account.every("raised"):
        if error == "Deliberate" and "raise" in {application.answer, application.end}:
            continue
        if application.propagates and error in {"ClientDisconnected", "ExceptionGroup"}:
            continue
        faults.append(f"the application was stopped by {error}")
    if account.every("refused") and not _may_be_refused(conversation):
        faults.append(f"send() has raised: {account.every('refused')[0]}")
    return faults


def _judge_end(conversation: Conversation, account: _Account) -> list[str]:
    application = conversation.application
    faults = []
    happened = [what for what, _ in account.events]
    count = happened.count(_END)
    if count:
        after = happened[happened.index(_END) :]
        if "received" in after:
            faults.append("the application got a message after the disconnect")
        if "sent" in after:
            faults.append("send() did not raise after the disconnect")
        allowed = _disconnects(conversation, account)
        for code, reason in account.ends:
            if not {(code, reason), (code, None)} & set(allowed):
                faults += _differs("disconnect of the application", (code, reason), allowed)
        if len(account.ends) > 1:
            faults.append(f"the disconnects differ: {sorted(account.ends)}")
        if count > 1 and not application.stubborn:
            faults.append(f"the application got {count} disconnects")
    elif happened[-1] == "returned" and application.lingers and _hears_of_the_end(application):
        faults.append("the application did not get a disconnect")
    if _PROBE in account.every("sent"):
        faults.append("the server has not noticed that the client is gone")
    return faults


def _hears_of_the_end(application: Application) -> bool:
    return application.answer != "return" and application.end != "return"


def _is_heard(conversation: Conversation, account: _Account) -> bool:
    """Check whether the application must have got all messages of the client."""
    client, application = conversation.client, conversation.application
    talks = client.request == "good" and application.answer == "accept"
    if not talks or application.end != "disconnect":
        return False
    ends_early = application.propagates or not application.lingers
    if ends_early and (application.echo or application.batch.count):
        return False  # because a send() may have raised
    if client.end == "reset":
        return client.settled and application.echo
    if client.end == "leave":
        return (client.settled and application.echo) or _is_undisturbed(conversation, account)
    if client.end == "close and leave":
        return _is_undisturbed(conversation, account)
    return client.end != "silence"


def _is_undisturbed(conversation: Conversation, account: _Account) -> bool:
    """Check whether the server has written nothing to a client that is gone.

    Otherwise the client's system resets the connection, and data on its way to the server is lost.
    """
    application, steps = conversation.application, conversation.client.steps
    between = (control for step in steps if isinstance(step, Say) for control in step.between)
    asked = any(isinstance(step, Ping) for step in (*steps, *between))
    pinged = TARGETS[conversation.target].pings and account.seconds > PING_INTERVAL * _SURE
    return not (asked or pinged or application.echo or application.batch.count)


def _disconnects(conversation: Conversation, account: _Account) -> list[_Code]:
    """Return the codes and reasons that the application may get."""
    client, application = conversation.client, conversation.application
    if client.request in {"partial", "gone"} or application.answer != "accept":
        return [_LOST]
    ends: list[_Code] = []
    if application.end not in {"disconnect", "probe"}:
        ends.append(_own(conversation) or _LOST)
    closed = (client.code, client.reason)
    match client.end:
        case "close":
            ends += [closed]
        case "close and leave":
            ends += [closed] if _is_undisturbed(conversation, account) else [closed, _LOST]
        case "silence":
            ends += [_KEEPALIVE, _LOST]
        case "half-close" | "leave" | "reset":
            # if the application does not receive, the keep-alive may notice the end first
            ends += [_LOST] if application.reads else [_LOST, _KEEPALIVE]
        case "wait" | "deaf":
            pass
        case wrong:
            ends += [(_WRONG[wrong], None)]
    return ends


def _may_be_refused(conversation: Conversation) -> bool:
    """Check whether send() may raise, because the connection can end before the application ends it."""
    client, application = conversation.client, conversation.application
    return client.end not in {"wait", "deaf"} or client.request == "gone" or application.stubborn

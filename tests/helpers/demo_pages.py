"""The demo's page in a browser, with a server or without one, and machines that are stepped beside it."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import attrs
from playwright.sync_api import Page

from helpers.uvicorn_server import serving
from wsfsm.demo import application
from wsfsm.demo.server import protocol
from wsfsm.fsm import Event, Node
from wsfsm.tables import AFTER_DISCONNECT, AFTER_TRANSPORT_LOSS, APPLICATION, CLIENT
from wsfsm.tables.events import LOST
from wsfsm.tables.states import WebSocketState

READY: Final = "html[data-ready] main[aria-busy=false]"

# Presses a control, waits until the page is idle, and looks at it
_PRESS: Final = """async ([place, from]) => {
    const one = (place) => document.querySelector(place);
    const text = (place, within) => within.querySelector(place)?.textContent ?? "";
    const all = (place) => [...document.querySelectorAll(place)];
    if (place) one(place).click();
    const started = performance.now();
    while (one("main").ariaBusy === "true" && performance.now() - started < 20000) {
        await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const log = all("#log li");
    return {
        took: performance.now() - started,
        lit: Object.fromEntries(["client", "application"].map((m) => [m, all(`#${m}-diagram .lit`).map((e) => e.id)])),
        refused: all(".state.refused").map((e) => e.id),
        callouts: all(".callout:not([hidden])").map((e) => e.textContent),
        idle: all(".diagram.idle").length,
        shown: Object.fromEntries(["browser", "server", "client", "application"].map((m) => [m, text(`#${m}-state`, document)])),
        legal: all("[data-event]:not(.illegal)").map((e) => e.dataset.event),
        waiting: text("#waiting", document),
        reading: one("#reading").checked,
        echo: one("#echo").checked,
        problem: text("#problem", document),
        entries: log.slice(from).map((li) => ({
            side: li.classList[0],
            refused: li.classList.contains("refused"),
            number: Number(text(".number", li)),
            event: text(".event", li),
            detail: text(".detail", li),
            because: Number(text(".spoken", li).match(/\\d+/) ?? 0),
            error: text(".error", li),
        })),
        length: log.length,
    };
}"""

NONE: Final = "\N{EN DASH}"
"""The text for the state of a machine of which there is no connection."""

CONTROLS: Final = "button:not(#copy), input[type=checkbox], #scenarios a"


def controls(page: Page) -> list[str]:
    """Selectors of everything that can be pressed, but for the clipboard."""
    names: list[str] = page.evaluate(
        """(places) => [...document.querySelectorAll(places)].map(
            (e) => e.id ? `#${e.id}` : e.dataset.do ? `[data-do="${e.dataset.do}"]` : `a[href="${e.getAttribute("href")}"]`)""",
        CONTROLS,
    )
    return names


def press(page: Page, place: str | None, first: int = 0) -> dict[str, Any]:
    """Press a control, and return all that the page shows then; of the log, the entries from `first` on."""
    seen: dict[str, Any] = page.evaluate(_PRESS, [place, first])
    return seen


def lines(seen: dict[str, Any]) -> list[str]:
    """Return the events of the log, with their data."""
    return [f"{entry['event']} {entry['detail']}".strip() for entry in seen["entries"]]


@contextlib.contextmanager
def live() -> Iterator[tuple[str, list[str]]]:
    """Serve the demo from a thread; gives its address, and the warnings that it would print."""
    warnings: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    loop = asyncio.new_event_loop()
    started: list[str] = []
    ready = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(application, ws=protocol(), log_level="warning", log_config=None) as at:
            started.append(f"http://{at}")
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    logging.getLogger("uvicorn.error").addHandler(handler)
    try:
        assert ready.wait(20)
        yield started[0], warnings
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
        logging.getLogger("uvicorn.error").removeHandler(handler)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def published(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, and nothing else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


_EVENTS: Final = {
    machine.name: {str(event): event for event in machine.table.events}
    for machine in (CLIENT, APPLICATION)
}


@attrs.define
class Watcher:
    """The two machines, stepped by the entries of the page's log."""

    log: list[dict[str, Any]] = attrs.field(factory=list)
    nodes: dict[str, Node[WebSocketState]] = attrs.field(factory=dict)

    def read(self, seen: dict[str, Any]) -> list[dict[str, Any]]:
        """Step the machines by the new entries, and compare them with all that the page shows."""
        entries: list[dict[str, Any]] = seen["entries"]
        if seen["length"] < len(self.log) or (entries and entries[0]["number"] == 1):
            self.log, self.nodes = [], {}
        for entry in entries:
            self.log.append(entry)
            assert entry["number"] == len(self.log)
            self._step(entry)
            self._check_cause(entry)
        self._compare(seen)
        return entries

    def _step(self, entry: dict[str, Any]) -> None:
        side, event = entry["side"], entry["event"]
        if (side, event) == ("browser", "connecting"):
            self.nodes = {"client": CLIENT.initial, "application": APPLICATION.initial}
        if side not in self.nodes:
            return
        node = self.nodes[side]
        if entry["refused"]:
            assert (
                not node.moves if event == "receive()" else _EVENTS[side][event] not in node.moves
            )
            return
        taken = _EVENTS[side][event]
        self.nodes[side] = node.step(taken)
        if (side, taken) == (AFTER_DISCONNECT.machine, AFTER_DISCONNECT.event):
            bound = APPLICATION.after(AFTER_DISCONNECT)
            self.nodes["application"] = bound[self.nodes["application"]]
        if taken == LOST:
            bound = CLIENT.after(AFTER_TRANSPORT_LOSS)
            self.nodes["client"] = bound[self.nodes["client"]]

    def _check_cause(self, entry: dict[str, Any]) -> None:
        """An effect is behind its cause, and has the same data."""
        side, event, because = entry["side"], entry["event"], entry["because"]
        assert because < entry["number"]
        expected = {
            ("browser", "open"): "websocket.accept",
            ("browser", "message"): "websocket.send",
            ("client", "websocket.connect"): "connecting",
            ("client", "websocket.receive"): "send",
        }.get((side, event))
        if expected is not None:
            cause = self.log[because - 1]
            assert (cause["event"], cause["detail"]) == (expected, entry["detail"])
        if (side, event) in {("browser", "closed"), ("client", "websocket.disconnect")}:
            assert because, entry

    def _compare(self, seen: dict[str, Any]) -> None:
        states = {name: node.state.name for name, node in self.nodes.items()}
        lit = {name: [f"{name}-{state}"] for name, state in states.items()}
        assert seen["lit"] == (lit or {"client": [], "application": []})
        assert seen["idle"] == (0 if states else 2)
        for name in ("client", "application"):
            assert seen["shown"][name] == states.get(name, NONE)
        if self.nodes:
            node = self.nodes["application"]
            allowed = [str(e) for e in node.events if not isinstance(e, Event) or e.is_message]
            assert sorted(seen["legal"]) == sorted(allowed)

// @ts-check
/** The page: its buttons, its links, and the view of both machines. */
import { check, format, parse } from "./actions.js";
import { Diagram } from "./diagram.js";
import * as log from "./log.js";
import { Ends } from "./page.js";
import { simulate } from "./simulation.js";

/** @typedef {import("./actions.js").Action} Action */

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id));
const query = new URLSearchParams(location.search);
const pace = Number(query.get("pace") ?? 450); // ms between the steps of a scenario

const tables = await (await fetch("machines.json")).json();
const live = tables.live && !query.has("simulated");
const machines = /** @type {Record<string, Diagram>} */ ({});
for (const name of ["client", "application"]) machines[name] = new Diagram(name, tables.machines[name]);

const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
const ends = new Ends(live ? WebSocket : simulate(tables), live ? address : "", tables.server.final, { entry, changed, problem });
element("mode").textContent = live ? "live server" : "simulated server";
if (tables.home) element("home").setAttribute("href", tables.home);

/** @param {string} text @param {boolean} [isNote] whether it is good news */
function problem(text, isNote = false) {
  element("problem").textContent = text;
  element("problem").classList.toggle("note", isNote);
}

/** @param {import("./causes.js").Entry} shown */
function entry(shown) {
  log.write(shown);
  const { side, event, error, before, edge } = shown;
  const machine = machines[side];
  if (!machine) return;
  if (error && before && !edge) machine.refuse(before[/** @type {"client"} */ (side)], event, `${error.type}: ${error.text}`);
  else machine.take(edge ?? null);
}

function changed() {
  const { now, readyState } = ends;
  const connected = now.connection > 0;
  for (const [name, machine] of Object.entries(machines)) {
    const state = connected ? now[/** @type {"client"} */ (name)] : null;
    machine.light(state);
    element(`${name}-state`).textContent = state ?? "–";
  }
  element("browser-state").textContent = readyState === "none" ? "–" : readyState;
  element("server-state").textContent = connected ? now.server : "–";
  element("waiting").textContent = String(now.waiting ?? 0);
  input("reading").checked = now.reading;
  input("echo").checked = now.echo;
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-event]"))) {
    const legal = connected && now.allowed.includes(button.dataset.event ?? "");
    const refused = connected && !legal;
    button.classList.toggle("illegal", refused);
    button.title = refused ? "The table refuses this message now. Press the button to see the error." : "";
  }
}

// Actions

/** @type {Record<string, (...values: string[]) => unknown>} */
const DO = {
  "client.connect": () => ends.connect(),
  "client.text": (text) => ends.sendText(text),
  "client.binary": (text) => ends.sendBinary(text),
  "client.close": (code, reason) => ends.close(Number(code), reason),
  "transport.drop": () => ends.command("drop"),
  "application.accept": () => ends.command("accept"),
  "application.send": (text) => ends.command("send", { text }),
  "application.close": (code, reason) => ends.command("close", { code: Number(code), reason }),
  "application.start": (status) => ends.command("start", { status: Number(status) }),
  "application.more": (text) => ends.command("more", { text }),
  "application.body": (text) => ends.command("body", { text }),
  "application.receive": () => ends.command("receive"),
  "application.reading": (on) => ends.command("reading", { on: on === "on" }),
  "application.echo": (on) => ends.command("echo", { on: on === "on" }),
};

/** What was done since the last reset, for a link. @type {Action[]} */
let done = [];
/** @type {(() => Promise<void>)[]} */
let steps = [];
let working = false;
let replaying = false;

/** Do steps, one after the other. They take the place of those that wait. @param {(() => Promise<void>)[]} next */
async function work(next) {
  steps = next;
  if (working) return;
  working = true;
  element("main").setAttribute("aria-busy", "true");
  await ends.opened;
  for (let step = steps.shift(); step; step = steps.shift()) {
    try {
      await step();
    } catch (error) {
      problem(String(error));
    }
  }
  working = false;
  element("main").setAttribute("aria-busy", "false");
}

/** @param {Action} action */
async function act({ name, values }) {
  problem("");
  for (const machine of Object.values(machines)) machine.calm();
  done.push({ name, values });
  await DO[name](...values);
  await ends.settle();
}

async function reset() {
  problem("");
  await ends.reset();
  log.clear();
  done = [];
  for (const machine of Object.values(machines)) machine.calm();
}

/** Replay the actions of a link. @param {string} text */
function replay(text) {
  let actions;
  try {
    actions = parse(text);
  } catch (error) {
    problem(`The link does not work. ${error instanceof Error ? error.message : error}`);
    return;
  }
  const wait = () => new Promise((/** @type {(value?: undefined) => void} */ resolve) => setTimeout(resolve, pace));
  replaying = true;
  work([reset, ...actions.flatMap((action) => [() => act(action), wait])]);
}

/** @param {HTMLElement} button */
function press(button) {
  const ids = button.dataset.values?.split(" ") ?? [];
  const fields = ids.map(input);
  if (!fields.every((field) => field.reportValidity())) return;
  const action = { name: button.dataset.do ?? "", values: fields.map((field) => (field.type === "checkbox" ? (field.checked ? "on" : "off") : field.value)) };
  try {
    check(action);
  } catch (error) {
    problem(error instanceof Error ? error.message : String(error));
    return;
  }
  const before = replaying ? [] : steps; // presses that wait, but not a replay
  replaying = false;
  work([...before, () => act(action)]);
}

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-do]"))) {
  button.addEventListener(button instanceof HTMLInputElement ? "change" : "click", () => press(button));
}
element("reset").addEventListener("click", () => {
  history.replaceState(null, "", location.pathname + location.search);
  replaying = false;
  work([reset]);
});
element("copy").addEventListener("click", async () => {
  history.replaceState(null, "", `#${format(done)}`);
  try {
    await navigator.clipboard.writeText(location.href);
    problem("The link to your actions is copied.", true);
  } catch {
    problem("The link to your actions is in the address bar.", true);
  }
});
for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("#scenarios a"))) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    replay(link.hash.slice(1));
  });
}
addEventListener("hashchange", () => replay(location.hash.slice(1)));

problem("");
await ends.opened;
changed();
if (location.hash.length > 1) replay(location.hash.slice(1));
document.documentElement.dataset.ready = "";

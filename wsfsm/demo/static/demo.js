// @ts-check
import { Diagram } from "./diagram.js";
import { clear, write } from "./log.js";

/** @typedef {{connection: number, client: string, application: string, allowed: string[]}} State */

const PATIENCE = 3000; // ms to wait for a step of a scenario
const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
const machines = { client: new Diagram("client"), application: new Diagram("application") };
const browserState = /** @type {HTMLOutputElement} */ (document.getElementById("browser-state"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));

/** @type {State} */
let state = { connection: 0, client: "CONNECTING", application: "CONNECTING", allowed: [] };
/** @type {WebSocket | null} */
let client = null;
let session = "";
/** @type {Set<() => void>} */
const watchers = new Set();

// The control channel

const control = new WebSocket(`${address}/control`);
control.onclose = () => complain("The demo's server has stopped. Start it again and reload this page.");
control.onmessage = (message) => {
  const update = JSON.parse(message.data);
  if (update.session) session = update.session;
  if (update.error) complain(update.error);
  if (update.entry) show(update.entry);
  if (update.state) showState(update.state);
  for (const watcher of [...watchers]) watcher();
};

/** @param {string} action @param {object} [values] */
function command(action, values = {}) {
  complain("");
  control.send(JSON.stringify({ do: action, ...values }));
}

/** @param {string} text */
function complain(text) {
  problem.textContent = text;
}

/** @param {import("./log.js").Entry} entry */
function show(entry) {
  write(entry);
  for (const machine of Object.values(machines)) {
    machine.take(entry.side === machine.machine ? entry.edge ?? null : null);
  }
}

/** @param {State} now */
function showState(now) {
  state = now;
  machines.client.light(now.client);
  machines.application.light(now.application);
  for (const form of document.querySelectorAll("form[data-event]")) {
    const event = /** @type {HTMLElement} */ (form).dataset.event ?? "";
    // the name of an event with a guard begins with the type of the message
    const legal = now.allowed.some((name) => name === event || name.startsWith(`${event} [`));
    form.classList.toggle("illegal", !legal);
    const button = form.querySelector("button");
    if (button) button.title = legal ? "" : "The table refuses this message now. Press the button to see the error.";
  }
}

// The client: this browser's own WebSocket

/** @param {string[]} subprotocols */
function connect(subprotocols) {
  client?.close();
  let opened;
  try {
    opened = new WebSocket(`${address}/connection/${session}`, subprotocols);
  } catch (error) {
    complain(String(error));
    return;
  }
  client = opened;
  client.binaryType = "arraybuffer";
  note("connecting", "");
  client.onopen = () => opened === client && note("open", opened.protocol && `subprotocol=${opened.protocol}`);
  client.onmessage = ({ data }) => {
    if (opened !== client) return;
    note("message", typeof data === "string" ? `text='${data}'` : `bytes=${hex(data)}`);
  };
  client.onclose = ({ code, reason }) => {
    if (opened === client) note("closed", `code=${code}${reason && `, reason='${reason}'`}`);
  };
}

/** @param {string} event @param {string} detail */
function note(event, detail) {
  const names = ["connecting", "open", "closing", "closed"];
  browserState.value = client ? names[client.readyState] : "no connection";
  write({ side: "browser", event, detail });
  for (const watcher of [...watchers]) watcher();
}

/** @param {(socket: WebSocket) => void} action */
function withClient(action) {
  complain("");
  if (!client) return complain("There is no connection. Press Connect first.");
  if (client.readyState !== WebSocket.OPEN) {
    complain(`The browser cannot send, because its WebSocket is ${browserState.value}.`);
    return;
  }
  try {
    action(client);
  } catch (error) {
    complain(String(error));
  }
}

/** @param {ArrayBuffer} data */
function hex(data) {
  return [...new Uint8Array(data)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

// Forms

/** @param {string} id @param {(values: FormData) => void} action */
function onSubmit(id, action) {
  const form = /** @type {HTMLFormElement} */ (document.getElementById(id));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    action(new FormData(form));
  });
}

const text = (/** @type {FormData} */ values, /** @type {string} */ key) => String(values.get(key));
const number = (/** @type {FormData} */ values, /** @type {string} */ key) => Number(values.get(key));
const offered = (/** @type {string} */ names) => names.split(",").map((name) => name.trim()).filter(Boolean);

onSubmit("connect", (values) => {
  complain("");
  connect(offered(text(values, "subprotocols")));
});
onSubmit("client-text", (values) => withClient((socket) => socket.send(text(values, "text"))));
onSubmit("client-binary", (values) => {
  const bytes = text(values, "hex").match(/[0-9a-fA-F]{2}/g) ?? [];
  withClient((socket) => socket.send(Uint8Array.from(bytes, (byte) => parseInt(byte, 16))));
});
onSubmit("client-close", (values) => {
  complain("");
  if (!client) return complain("There is no connection. Press Connect first.");
  try {
    client.close(number(values, "code"), text(values, "reason"));
  } catch (error) {
    complain(String(error)); // a browser accepts only the codes 1000 and 3000 to 4999
  }
});
onSubmit("client-drop", () => command("drop"));
onSubmit("accept", (values) => command("accept", { subprotocol: text(values, "subprotocol") }));
onSubmit("send", (values) => command("text", { text: text(values, "text") }));
onSubmit("close", (values) => {
  command("close", { code: number(values, "code"), reason: text(values, "reason") });
});
onSubmit("start", (values) => command("start", { status: number(values, "status") }));
onSubmit("body", (values) => {
  command("body", { text: text(values, "text"), more_body: values.has("more_body") });
});
onSubmit("receive", () => command("receive"));
for (const name of ["reading", "echo"]) {
  const box = /** @type {HTMLInputElement} */ (document.getElementById(name));
  box.addEventListener("change", () => command(name, { on: box.checked }));
}
document.getElementById("clear")?.addEventListener("click", clear);

// Scenarios

/** @param {() => boolean} holds */
function until(holds) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      watchers.delete(watch);
      reject(new Error("the next step did not happen within 3 seconds"));
    }, PATIENCE);
    const watch = () => {
      if (!holds()) return;
      clearTimeout(timer);
      watchers.delete(watch);
      resolve(undefined);
    };
    watchers.add(watch);
    watch();
  });
}

const browserIs = (/** @type {number} */ readyState) => until(() => client?.readyState === readyState);
const stateIs = (/** @type {string} */ name, /** @type {string} */ value) =>
  until(() => state[/** @type {"client" | "application"} */ (name)] === value);

async function fresh() {
  for (const name of ["reading", "echo"]) {
    /** @type {HTMLInputElement} */ (document.getElementById(name)).checked = true;
    command(name, { on: true });
  }
  const before = state.connection;
  connect(["chat", "superchat"]);
  await until(() => state.connection !== before && state.client === "CONNECTED");
}

/** @type {Record<string, () => Promise<unknown>>} */
const scenarios = {
  async echo() {
    command("accept", { subprotocol: "chat" });
    await browserIs(WebSocket.OPEN);
    client?.send("hello");
  },
  async early() {
    command("text", { text: "too early" });
  },
  async deny() {
    command("start", { status: 401 });
    await stateIs("application", "RESPONSE");
    command("body", { text: "not you" });
    await browserIs(WebSocket.CLOSED);
  },
  async drop() {
    command("accept", { subprotocol: "chat" });
    await browserIs(WebSocket.OPEN);
    command("drop");
    await browserIs(WebSocket.CLOSED);
  },
  async over() {
    command("accept", { subprotocol: "chat" });
    await browserIs(WebSocket.OPEN);
    command("close", { code: 4000, reason: "done" });
    await stateIs("application", "DISCONNECTED");
    command("text", { text: "too late" });
  },
};

for (const button of document.querySelectorAll("[data-scenario]")) {
  button.addEventListener("click", async () => {
    const name = /** @type {HTMLElement} */ (button).dataset.scenario ?? "";
    try {
      await fresh();
      await scenarios[name]();
    } catch (error) {
      complain(String(error));
    }
  });
}

await Promise.all(Object.values(machines).map((machine) => machine.load()));
showState(state);
document.documentElement.dataset.ready = "";

// @ts-check
/** The two ends of a connection that a page has: its own WebSocket, and the channel to the application. */
import { Causes } from "./causes.js";

/**
 * @typedef {object} Now the application's side, see `Session.now`
 * @property {number} connection 0 if there is none
 * @property {string} client
 * @property {string} application
 * @property {string} server
 * @property {string[]} allowed
 * @property {number} waiting
 * @property {number} arrived
 * @property {number} sent
 * @property {boolean} dropped
 * @property {boolean} over
 * @property {boolean} reading
 * @property {boolean} echo
 */

export const READY_STATES = ["connecting", "open", "closing", "closed"];
const [CONNECTING, OPEN, , CLOSED] = [0, 1, 2, 3];
/** The state of the browser in each state of the server that lasts. After all others, it is CLOSED. */
const STABLE = /** @type {Record<string, number>} */ ({ CONNECTING, DENIAL_HELD: CONNECTING, OPEN });
// Chromium delays a connection by up to 5 s after many failed ones
const PATIENCE = 12_000; // ms for both sides to agree
const STOPPED = "The page has lost the demo’s server. If that has stopped, start it again; then reload the page.";
const NONE = "There is no connection. Press Connect first.";
const PAUSE = 5; // ms between two questions whether they do

/** @param {Uint8Array} bytes */
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

export class Ends {
  /**
   * @param {typeof WebSocket} Socket the browser's class, or the simulation of it
   * @param {string} address without a path
   * @param {string[]} final the final states of the server machine
   * @param {{entry: (entry: import("./causes.js").Entry) => void, changed: () => void, problem: (text: string) => void}} page
   */
  constructor(Socket, address, final, page) {
    this.Socket = Socket;
    this.address = address;
    this.final = final;
    this.page = page;
    this.causes = new Causes(page.entry);
    /** @type {WebSocket | null} */
    this.socket = null;
    this.connection = 0; // the number of the socket
    this.sent = 0; // data messages of the socket
    this.received = 0;
    this.token = 0;
    this.synced = 0;
    this.stopped = false;
    /** @type {Now} */
    this.now = /** @type {any} */ ({ connection: 0, reading: true, echo: true });
    /** @type {Set<() => void>} */
    this.watchers = new Set();
    this.control = new Socket(`${address}/control`);
    this.opened = new Promise((resolve) => {
      this.control.onmessage = ({ data }) => {
        this.update(JSON.parse(data));
        resolve(undefined);
      };
      this.control.onclose = () => {
        this.stopped = true;
        this.causes.flush();
        this.page.problem(STOPPED);
        this.notify();
        resolve(undefined);
      };
    });
  }

  /** @param {any} update */
  update(update) {
    this.now = update.now;
    if (update.session) this.session = update.session;
    if (update.synced) this.synced = update.synced;
    if (update.error) this.page.problem(update.error);
    if (update.entry) this.causes.add(update.entry);
    if (this.now.over) this.causes.over(this.now.connection);
    this.notify();
  }

  notify() {
    this.page.changed();
    for (const watcher of [...this.watchers]) watcher();
  }

  get readyState() {
    return this.socket ? READY_STATES[this.socket.readyState] : "none";
  }

  // Actions

  /** @param {string} name @param {object} [values] */
  command(name, values = {}) {
    if (this.stopped) this.page.problem(STOPPED);
    else this.control.send(JSON.stringify({ do: name, ...values }));
  }

  /** Connect, after the end of an earlier connection. */
  async connect() {
    if (this.stopped) return this.command("connect");
    this.command("leave");
    await this.settle();
    const socket = new this.Socket(`${this.address}/connection/${this.session}`);
    this.connection += 1;
    this.sent = this.received = 0;
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    this.note("connecting", {});
    const current = () => socket === this.socket;
    socket.onopen = () => current() && this.note("open", {});
    socket.onmessage = ({ data }) => {
      if (!current()) return;
      this.received += 1;
      this.note("message", typeof data === "string" ? { text: data } : { bytes: hex(new Uint8Array(data)) });
    };
    socket.onclose = ({ code, reason }) => {
      if (current()) this.note("closed", reason ? { code, reason } : { code });
    };
  }

  /** @param {string} text */
  sendText(text) {
    this.sendData(text, { text });
  }

  /** @param {string} text */
  sendBinary(text) {
    const bytes = new TextEncoder().encode(text);
    this.sendData(bytes, { bytes: hex(bytes) });
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data @param {Record<string, unknown>} message */
  sendData(data, message) {
    if (!this.socket) return this.page.problem(NONE);
    if (this.socket.readyState !== OPEN) return this.refuse("send", message);
    this.sent += 1;
    this.note("send", message);
    this.socket.send(data);
  }

  /** @param {number} code @param {string} reason */
  close(code, reason) {
    if (!this.socket) return this.page.problem(NONE);
    const message = reason ? { code, reason } : { code };
    if (this.socket.readyState === CLOSED) return this.refuse("close", message);
    this.note("close", message);
    this.socket.close(code, reason);
  }

  /** End everything, as on a fresh page. */
  async reset() {
    this.command("leave");
    await this.settle();
    this.socket = null;
    this.command("forget");
    await this.settle();
    this.connection = this.now.connection = 0;
    this.causes.restart();
    this.page.changed();
  }

  /** @param {string} event @param {Record<string, unknown>} message @param {{type: string, text: string} | null} [error] */
  note(event, message, error = null) {
    this.causes.add({ side: "browser", event, message, connection: this.connection, error });
    this.notify();
  }

  /** @param {string} event @param {Record<string, unknown>} message */
  refuse(event, message) {
    const effect = event === "send" && this.readyState === "connecting" ? "throws an error" : "does nothing";
    const text = `${event}() ${effect}, because the browser’s WebSocket is ${this.readyState}.`;
    this.note(event, message, { type: "Browser", text });
  }

  // Agreement

  /** Wait until all effects of the last action have happened on both sides, and are in the log. */
  async settle() {
    const end = performance.now() + PATIENCE;
    while (!this.stopped) {
      const token = ++this.token;
      this.command("sync", { token });
      await this.until(() => this.synced >= token, end - performance.now());
      if (this.agree()) break;
      if (performance.now() > end) {
        this.page.problem("The browser and the server still do not agree. Press Reset.");
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    this.causes.flush();
  }

  /** Whether both sides have seen everything that the other one has done. */
  agree() {
    const { socket, now } = this;
    if (!socket) return true;
    if (now.connection !== this.connection) return false;
    const expected = now.dropped ? CLOSED : STABLE[now.server] ?? CLOSED;
    if (socket.readyState !== expected || this.causes.waiting) return false;
    if (expected === CLOSED) return now.over && this.final.includes(now.server);
    return now.arrived === this.sent && now.sent === this.received;
  }

  /** @param {() => boolean} holds @param {number} patience */
  until(holds, patience) {
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.watchers.delete(watch);
        resolve();
      };
      const watch = () => (holds() || this.stopped) && done();
      const timer = setTimeout(done, patience);
      this.watchers.add(watch);
      watch();
    });
  }
}

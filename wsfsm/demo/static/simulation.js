// @ts-check
/**
 * A server, a Python application and a network in the browser, for a page without a server.
 *
 * `simulate` returns a class with the API of `WebSocket`. The order of events is decided by the exported
 * tables alone: the server machine is stepped with its outputs, and the two machines of the application
 * with their couplings. Here are the outputs, and the session of `wsfsm/demo/session.py`.
 */

/** The loss of the transport, as a server reports it in `send`. */
class Lost extends Error {}

const NOTHING = Symbol("nothing has arrived");

/** Everything happens in one order, later than the call that causes it. */
class Network {
  /** @type {(() => void)[]} */
  queue = [];

  /** @param {() => void} happen */
  post(happen) {
    this.queue.push(happen);
    if (this.queue.length === 1) setTimeout(() => this.run());
  }

  run() {
    while (this.queue.length) {
      try {
        this.queue[0]();
      } finally {
        this.queue.shift();
      }
    }
  }
}

/** The core of a server, and the transport below it. */
class Server {
  /** @param {any} table @param {Network} network @param {Socket} socket @param {Session} session */
  constructor(table, network, socket, session) {
    this.table = table;
    this.network = network;
    this.socket = socket;
    this.session = session;
    this.state = table.initial;
    this.ending = { code: 1006, reason: "" };
    this.isCut = false;
    /** @type {Connection | undefined} */
    this.connection = undefined;
  }

  /** @param {string} event @param {any} [data] */
  step(event, data) {
    const row = this.table.states[this.state][event];
    if (!row) throw new Error(`the server machine refuses ${event} in ${this.state}`);
    this.state = row.target;
    for (const output of row.outputs) this.act(output, data);
  }

  /** @param {string} output @param {any} data */
  act(output, data) {
    const { network, session, socket } = this;
    const deliver = (/** @type {any} */ message) => network.post(() => session.deliver(this.connection, message));
    switch (output) {
      case "start application": this.connection = session.start(this); break;
      case "deliver connect": deliver({ type: "websocket.connect" }); break;
      case "deliver receive": deliver({ type: "websocket.receive", ...data }); break;
      case "deliver disconnect": deliver({ type: "websocket.disconnect", ...this.ending }); break;
      case "raise ClientDisconnected": throw new Lost();
      case "send 101": network.post(() => socket.open()); break;
      case "send 403":
      case "send denial whole":
      case "send denial head": network.post(() => socket.fail()); break; // a browser does not read the body
      case "send data": network.post(() => socket.take(data)); break;
      case "send close of application":
        this.ending = data;
        network.post(() => socket.takeClose(this.ending));
        break;
      case "send close of peer":
        this.ending = data;
        network.post(() => socket.takeClose(this.ending));
        break;
      case "close transport":
      case "abort transport": this.cut(); break;
      default: break; // timers, which do not fire here, and logs
    }
  }

  /** End the transport. */
  cut() {
    if (this.isCut) return;
    this.isCut = true;
    this.network.post(() => this.socket.end());
    this.network.post(() => this.step("transport lost"));
  }

  /** @param {string} event @param {any} message */
  send(event, message) {
    const guarded = event === "websocket.http.response.start" ? `${event} [${this.table.denial}]` : event;
    this.step(guarded, message);
  }
}

/** The two machines of the application, as `wsfsm.WebSocket` has them. */
class Machines {
  /** @param {any} tables @param {Server} server */
  constructor(tables, server) {
    this.tables = tables;
    this.server = server;
    this.joint = tables.joints[0];
    /** @type {{code: number, reason: string, by: string} | null} */
    this.end = null;
    /** @type {any[]} */
    this.inbox = [];
  }

  get states() {
    return { client: this.joint.client, application: this.joint.application };
  }

  /** @param {number} error index of the error */
  refusal(error) {
    const { type, text } = this.tables.errors[error];
    if (!this.end) return { type, text };
    const values = { ...this.end, reason: this.end.reason && ` '${this.end.reason}'` };
    return { type, text: text + this.tables.ended.replace(/\{(\w+)\}/g, (/** @type {any} */ _, /** @type {keyof typeof values} */ key) => values[key]) };
  }

  /** Send; return the error, if there is one. @param {string} event @param {any} message */
  send(event, message) {
    const before = this.joint;
    if (!(event in before.send)) return this.refusal(before.refused[event]);
    const after = this.tables.joints[before.send[event]];
    if (after.over && !before.over) {
      const { code = 1006, reason = "" } = message;
      this.end = { code, reason, by: "application" };
    }
    this.joint = after;
    if (!before.forwards) return null;
    try {
      this.server.send(event, message);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      if (!after.over) this.end = { code: 1006, reason: "", by: "transport" };
      this.joint = this.tables.joints[after.lost];
      return event === "websocket.close" ? null : { lost: true, ...this.tables.errors[this.tables.lost] };
    }
    return null;
  }

  /** Receive; return the message, `NOTHING` or the error. */
  receive() {
    const before = this.joint;
    if (before.no_more !== null) return { error: this.refusal(before.no_more) };
    if (!this.inbox.length) return NOTHING;
    const message = this.inbox.shift();
    this.joint = this.tables.joints[before.receive[message.type]];
    if (message.type === "websocket.disconnect" && this.joint.over) {
      const { code, reason } = message;
      if (!this.end || (this.end.by === "transport" && this.end.code !== code)) {
        this.end = { code, reason, by: "client" };
      }
    }
    return message;
  }
}

/** @typedef {{number: number, server: Server, machines: Machines, arrived: number, sent: number, dropped: boolean, over: boolean}} Connection */

/** The application's side of the connections of a page: `wsfsm.demo.session.Session` in short. */
class Session {
  /** @param {any} tables @param {(update: any) => void} update */
  constructor(tables, update) {
    this.tables = tables;
    this.update = update;
    this.number = 0;
    this.reading = this.echo = true;
    /** @type {Connection | null} */
    this.connection = null;
  }

  get now() {
    const { reading, echo, connection } = this;
    if (!connection) return { connection: 0, reading, echo };
    const { number, server, machines, arrived, sent, dropped, over } = connection;
    const { allowed } = machines.joint;
    return { connection: number, ...machines.states, server: server.state, allowed, waiting: machines.inbox.length, arrived, sent, dropped, over, reading, echo };
  }

  /** @param {object} update */
  report(update) {
    this.update({ ...update, now: this.now });
  }

  /** @param {Server} server @returns {Connection} */
  start(server) {
    this.leave();
    this.number += 1;
    const machines = new Machines(this.tables, server);
    this.connection = { number: this.number, server, machines, arrived: 0, sent: 0, dropped: false, over: false };
    return this.connection;
  }

  /** @param {Connection | undefined} connection @param {any} message */
  deliver(connection, message) {
    if (!connection || connection !== this.connection) return;
    connection.machines.inbox.push(message);
    connection.arrived += message.type === "websocket.receive" ? 1 : 0;
    connection.over = message.type === "websocket.disconnect";
    this.takeAll();
    this.report({});
  }

  takeAll() {
    while (this.reading && this.connection?.machines.inbox.length) this.take(this.connection);
  }

  /** @param {Connection} connection */
  take(connection) {
    const { machines } = connection;
    const before = machines.states;
    const taken = machines.receive();
    if (taken === NOTHING) return false;
    const { type: event = "websocket.receive", error = null, ...message } = taken;
    this.reportEvent(connection, "client", event, before, message, error);
    if (this.echo && event === "websocket.receive" && !error && "websocket.send" in machines.joint.send) {
      this.send("websocket.send", message, true);
    }
    return true;
  }

  /** @param {string} event @param {any} message @param {boolean} [echo] */
  send(event, message, echo = false) {
    const { connection } = this;
    if (!connection) return this.report({ error: "There is no connection to send on. Press Connect first." });
    const before = connection.machines.states;
    const error = connection.machines.send(event, message);
    if (!error && event === "websocket.send") connection.sent += 1;
    this.reportEvent(connection, "application", error && "lost" in error ? "transport lost" : event, before, message, error, echo);
  }

  leave() {
    if (!this.connection || this.connection.over) return;
    const { allowed } = this.connection.machines.joint;
    if (allowed.includes("websocket.close")) this.send("websocket.close", { code: 1001 });
    else if (allowed.includes(LAST)) this.send(LAST, {});
  }

  /**
   * @param {Connection} connection @param {"client" | "application"} side @param {string} event
   * @param {{client: string, application: string}} before @param {any} message @param {any} error
   */
  reportEvent(connection, side, event, before, message, error, echo = false) {
    const kept = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== "" && value !== null));
    const row = this.tables.machines[side].rows.find((/** @type {any} */ r) => r.source === before[side] && r.event === event);
    this.report({
      entry: {
        side, event, message: kept, connection: connection.number, before, after: connection.machines.states,
        edge: row && (!error || error.lost) ? row.id : null,
        error: error && { type: error.type, text: error.text },
        echo,
      },
    });
  }

  /** @param {any} command */
  perform({ do: name, text, code, reason, status, on, token }) {
    const { connection } = this;
    switch (name) {
      case "accept": return this.send("websocket.accept", {});
      case "send": return this.send("websocket.send", { text });
      case "close": return this.send("websocket.close", { code, reason });
      case "start": return this.send("websocket.http.response.start", { status });
      case "more": return this.send(MORE, { body: text, more_body: true });
      case "body": return this.send(LAST, { body: text });
      case "receive":
        if (!connection) return this.report({ error: "There is no connection to receive from. Press Connect first." });
        if (!this.take(connection)) this.report({ error: "Nothing has arrived, so receive() would wait." });
        return undefined;
      case "reading":
        this.reading = on;
        this.takeAll();
        return this.report({});
      case "echo":
        this.echo = on;
        return this.report({});
      case "drop":
        if (!connection || connection.over) return this.report({ error: "There is no connection to drop. Press Connect first." });
        connection.dropped = true;
        connection.server.cut();
        return this.report({ entry: { side: "transport", event: "aborted", connection: connection.number } });
      case "forget":
        this.connection = null;
        this.number = 0;
        this.reading = this.echo = true;
        return this.report({});
      case "leave":
        this.leave();
        return this.report({});
      default: return this.report({ synced: token });
    }
  }
}

const MORE = "websocket.http.response.body [more_body]";
const LAST = "websocket.http.response.body [not more_body]";

const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3];

/** The browser's end of a simulated connection, with the API of `WebSocket`. */
class Socket {
  readyState = CONNECTING;
  binaryType = "blob";
  ending = { code: 1006, reason: "" };
  /** @type {Server | null} */
  server = null;
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;

  /** @param {Network} network */
  constructor(network) {
    this.network = network;
  }

  /** @param {string} event @param {any} [data] */
  toServer(event, data) {
    this.network.post(() => this.server?.isCut || this.server?.step(event, data));
  }

  /** @param {string | Uint8Array} data */
  send(data) {
    this.toServer("data message", typeof data === "string" ? { text: data } : { bytes: [...data].map((b) => b.toString(16).padStart(2, "0")).join(" ") });
  }

  /** @param {number} code @param {string} reason */
  close(code, reason) {
    if (this.readyState === CONNECTING) return this.fail();
    this.readyState = CLOSING;
    this.toServer("close frame", { code, reason });
  }

  // The network calls these

  open() {
    if (this.readyState !== CONNECTING) return;
    this.readyState = OPEN;
    this.onopen?.({});
  }

  /** The handshake fails, and the browser closes the transport. */
  fail() {
    this.end();
    this.toServer("end of stream");
  }

  /** @param {any} message */
  take(message) {
    const bytes = () => Uint8Array.from(message.bytes.split(" ").filter(Boolean), (/** @type {string} */ byte) => parseInt(byte, 16)).buffer;
    this.onmessage?.({ data: message.text ?? bytes() });
  }

  /** @param {{code: number, reason: string}} frame */
  takeClose(frame) {
    this.ending = frame;
    if (this.readyState === OPEN) this.toServer("close frame", frame);
    this.readyState = CLOSING;
  }

  end() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    const { code, reason = "" } = this.ending;
    this.network.post(() => this.onclose?.({ code, reason }));
  }
}

/** Make a class with the API of `WebSocket`. @param {any} tables @returns {typeof WebSocket} */
export function simulate(tables) {
  const network = new Network();
  /** @type {Session} */
  let session;

  class Control {
    /** @type {((event: any) => void) | null} */
    onmessage = null;

    constructor() {
      session = new Session(tables, (update) => {
        const data = JSON.stringify(update);
        network.post(() => this.onmessage?.({ data }));
      });
      session.report({ session: "simulated" });
    }

    /** @param {string} data */
    send(data) {
      network.post(() => session.perform(JSON.parse(data)));
    }
  }

  /** @param {string} url */
  function make(url) {
    if (url.endsWith("/control")) return new Control();
    const socket = new Socket(network);
    socket.server = new Server(tables.server, network, socket, session);
    socket.toServer("handshake request");
    return socket;
  }
  return /** @type {any} */ (make);
}

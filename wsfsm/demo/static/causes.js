// @ts-check
/**
 * The merge of two views into one log, in the order of causes.
 *
 * The browser and the application report what they do over two TCP connections, so the reports of an effect
 * can overtake those of its cause. An event is held back until its cause is in the log. Messages of one
 * direction never overtake each other: the n-th message that one side receives is the n-th that the other
 * side has sent.
 */

/**
 * @typedef {object} Event
 * @property {string} side browser, client, application or transport
 * @property {string} event
 * @property {number} connection
 * @property {Record<string, unknown>} [message]
 * @property {{client: string, application: string}} [before]
 * @property {{client: string, application: string}} [after]
 * @property {string | null} [edge] id of the row of the transition
 * @property {{type: string, text: string} | null} [error]
 * @property {boolean} [echo]
 */
/** @typedef {Event & {number: number, because: number}} Entry */

/** What is in the log about a connection: the numbers of the entries, 0 if there is none. */
class Known {
  connecting = 0;
  accepted = 0;
  /** @type {number[]} */
  browserSends = [];
  /** @type {number[]} */
  applicationSends = [];
  receives = 0;
  messages = 0;
  lastReceive = 0;
  leaving = 0; // the browser closes
  denied = 0; // a part of a denial response was sent
  ended = 0; // the application or the transport ends the connection
  closed = 0; // the browser's WebSocket is closed
  over = false; // the disconnect has arrived in the server
  overInLog = false;
}

const OVER = "over"; // a marker that is not shown

export class Causes {
  number = 0; // of the last entry
  /** @type {Event[]} */
  fromServer = [];
  /** @type {Event[]} */
  fromBrowser = [];
  /** @type {Map<number, Known>} */
  connections = new Map();

  /** @param {(entry: Entry) => void} write */
  constructor(write) {
    this.write = write;
  }

  restart() {
    this.number = 0;
    this.fromServer = [];
    this.fromBrowser = [];
    this.connections.clear();
  }

  get waiting() {
    return this.fromServer.length + this.fromBrowser.length;
  }

  /** @param {Event} event */
  add(event) {
    (event.side === "browser" ? this.fromBrowser : this.fromServer).push(event);
    this.release();
  }

  /** Note that the server has delivered the disconnect. @param {number} connection */
  over(connection) {
    const known = this.known(connection);
    if (known.over) return;
    known.over = true;
    this.add({ side: "server", event: OVER, connection });
  }

  /** Write everything that is held back, for example because a side has stopped. */
  flush() {
    for (const event of [...this.fromServer.splice(0), ...this.fromBrowser.splice(0)]) this.put(event, 0);
  }

  release() {
    for (let found = true; found; ) {
      found = false;
      for (const queue of [this.fromServer, this.fromBrowser]) {
        while (queue.length) {
          const cause = this.cause(queue[0]);
          if (cause === null) break;
          found = true;
          this.put(/** @type {Event} */ (queue.shift()), cause);
        }
      }
    }
  }

  /** The number of the cause of an event, 0 if it is a user, or null if the cause is not in the log. @param {Event} event */
  cause(event) {
    const known = this.known(event.connection);
    const need = (/** @type {number | undefined} */ number) => number || null;
    const end = known.ended || known.leaving;
    switch (`${event.side} ${event.event}`) {
      case "browser open": return need(known.accepted);
      case "browser message": return need(known.applicationSends[known.messages]);
      case "browser closed":
        if (end) return known.overInLog ? end : null;
        return known.over ? known.denied : need(known.denied);
      case "client websocket.connect": return need(known.connecting);
      case "client websocket.receive":
        return event.error ? 0 : need(known.browserSends[known.receives]);
      case "client websocket.disconnect": return need(end || known.closed);
      case "application websocket.send": return event.echo ? known.lastReceive : 0;
      case "application transport lost": return end || known.closed;
      default: return 0;
    }
  }

  /** @param {Event} event @param {number} because */
  put(event, because) {
    const known = this.known(event.connection);
    if (event.event === OVER) {
      known.overInLog = true;
      return;
    }
    const number = ++this.number;
    if (!event.error) this.note(event, known, number);
    this.write({ ...event, number, because });
  }

  /** @param {Event} event @param {Known} known @param {number} number */
  note(event, known, number) {
    switch (`${event.side} ${event.event}`) {
      case "browser connecting": known.connecting = number; break;
      case "browser send": known.browserSends.push(number); break;
      case "browser message": known.messages += 1; break;
      case "browser close": known.leaving ||= number; break;
      case "browser closed": known.closed = number; break;
      case "client websocket.receive": known.receives += 1; known.lastReceive = number; break;
      case "application websocket.accept": known.accepted = number; break;
      case "application websocket.send": known.applicationSends.push(number); break;
      case "application websocket.http.response.body [more_body]": known.denied ||= number; break;
      case "application websocket.close":
      case "application websocket.http.response.body [not more_body]":
      case "transport aborted": known.ended ||= number; break;
      default: break;
    }
  }

  /** @param {number} connection */
  known(connection) {
    let known = this.connections.get(connection);
    if (!known) this.connections.set(connection, (known = new Known()));
    return known;
  }
}

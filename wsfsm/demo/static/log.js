// @ts-check
/** The log: what the browser and the application did, in the order of causes. */

const LENGTH = 300;
const list = /** @type {HTMLElement} */ (document.getElementById("log"));
const scroll = /** @type {HTMLElement} */ (document.getElementById("scroll"));

/** @param {string} name @param {string} text @param {string} [kind] */
function element(name, text, kind = "span") {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

/** @param {Record<string, unknown>} [message] */
function detail(message = {}) {
  const words = Object.entries(message).map(([key, value]) => {
    if (value === true) return key;
    if (key === "bytes") return `(${value})`;
    return typeof value === "number" ? `${value}` : `“${value}”`;
  });
  return words.join(" ");
}

/** @param {import("./causes.js").Entry} entry */
function title({ side, event, error }) {
  if (side === "transport") return `transport ${event}`;
  return side === "client" && error ? "receive()" : event;
}

/** @param {import("./causes.js").Entry} entry */
function change({ before, after }) {
  if (!before || !after) return "";
  const machines = /** @type {const} */ (["client", "application"]).filter((machine) => before[machine] !== after[machine]);
  return machines.map((machine) => `${machine} is ${after[machine]}`).join(", ");
}

/** @param {{type: string, text: string}} error */
function sentence({ type, text }) {
  if (type === "Browser") return text;
  return text.startsWith("(") ? `raises ${type}${text}` : `${type}: ${text}`;
}

/** The sides of the entries. @type {Map<number, boolean>} */
const ofBrowser = new Map();

/** @param {import("./causes.js").Entry} entry */
function because({ side, because: cause }) {
  const made = element("because", "");
  if (!cause) return made;
  const here = side === "browser";
  const text = ofBrowser.get(cause) === here ? `↳ ${cause}` : here ? `← ${cause}` : `${cause} →`;
  const arrow = element("arrow", text);
  arrow.setAttribute("aria-hidden", "true");
  made.append(arrow, element("spoken", `because of ${cause}`));
  return made;
}

/** @param {import("./causes.js").Entry} entry */
export function write(entry) {
  const { number, side, event, error } = entry;
  ofBrowser.set(number, side === "browser");
  const refused = error && event !== "transport lost";
  const item = document.createElement("li");
  item.className = `${side}${refused ? " refused" : ""}`;
  const what = element("what", "");
  what.append(element("number", String(number)), " ", element("event", title(entry)), " ", element("detail", detail(entry.message)));
  if (refused) what.append(" ", element("mark", "refused"));
  what.append(element("change", change(entry)));
  item.append(what, because(entry));
  if (error) item.append(element("error", sentence(error)));
  if (event === "connecting" && number > 1) item.classList.add("again");
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
  list.append(item);
  while (list.children.length > LENGTH) list.firstElementChild?.remove();
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

export function clear() {
  list.replaceChildren();
  ofBrowser.clear();
}

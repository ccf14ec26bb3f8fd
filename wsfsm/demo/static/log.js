// @ts-check
/**
 * @typedef {object} Entry
 * @property {string} side browser, client, application or transport
 * @property {string} event
 * @property {string} [detail]
 * @property {[string, string]} [before] states of client and application
 * @property {[string, string]} [after]
 * @property {string | null} [edge]
 * @property {{type: string, text: string} | null} [error]
 */

const LENGTH = 200;
const list = /** @type {HTMLOListElement} */ (document.getElementById("log"));

/** @param {string} name @param {string} text @param {string} [kind] */
function element(name, text, kind = "span") {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

/** @param {[string, string]} before @param {[string, string]} after */
function change(before, after) {
  const moved = before
    .map((state, i) => [["client", "application"][i], state, after[i]])
    .filter(([, from, to]) => from !== to)
    .map(([machine, from, to]) => `${machine} ${from} → ${to}`);
  return moved.join(", ") || `stays ${after.join(" / ")}`;
}

/** @param {Entry} entry */
export function write(entry) {
  const item = document.createElement("li");
  item.className = `${entry.side}${entry.error ? " refused" : ""}`;
  item.append(
    element("side", entry.side),
    element("event", entry.event),
    element("detail", entry.detail ?? ""),
    element("states", entry.before && entry.after ? change(entry.before, entry.after) : ""),
  );
  if (entry.error) {
    item.append(element("error", `${entry.error.type}: ${entry.error.text}`, "pre"));
  }
  list.prepend(item);
  while (list.children.length > LENGTH) list.lastElementChild?.remove();
}

export function clear() {
  list.replaceChildren();
}

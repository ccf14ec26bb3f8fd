// @ts-check
/** The page of a report: the matrix, its filters, and a panel that shows one result. */

const place = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const data = JSON.parse(place("data").textContent);
const verdicts = new Map(data.verdicts.map((/** @type {any} */ v) => [v.name, v]));
const levels = ["must", "should", "may"];

/** A new element; texts are texts, whatever they look like. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const mark = (verdict) =>
  make("span", { class: "mark", "data-verdict": verdict, "aria-hidden": "true" }, verdicts.get(verdict).mark);

const address = (id, target) => `#${new URLSearchParams({ case: id, target })}`;

// The matrix

/** @type {{section: any, head: HTMLElement, cases: {data: any, row: HTMLElement, text: string}[]}[]} */
const groups = [];

function counts(index) {
  const found = new Map(data.verdicts.map((v) => [v.name, 0]));
  for (const { cases } of data.sections) {
    for (const { results } of cases) {
      if (results[index]) found.set(results[index].verdict, found.get(results[index].verdict) + 1);
    }
  }
  return found;
}

const failures = (counted) =>
  [...counted].reduce((sum, [name, n]) => sum + (verdicts.get(name).failure ? n : 0), 0);

const all = (counted) => [...counted.values()].reduce((sum, n) => sum + n, 0);

function head(target, index) {
  const counted = counts(index);
  const told = [...counted].filter(([, n]) => n);
  const bar = make("span", { class: "bar", "aria-hidden": "true" });
  for (const [name, n] of told) {
    const part = make("span", { "data-verdict": name });
    part.style.flexGrow = String(n);
    bar.append(part);
  }
  const failed = failures(counted);
  return make(
    "th",
    { scope: "col", title: told.map(([name, n]) => `${n} ${name}`).join(", ") },
    make("span", { class: "name" }, target.name),
    bar,
    make("span", { class: failed ? "count failed" : "count" }, failed ? `${failed} failed` : "none failed"),
  );
}

function cell(item, result, index) {
  if (!result) return make("td", { class: "empty" }, make("span", { class: "hidden" }, "not checked"));
  const target = data.targets[index].name;
  const label = `${item.id}, ${target}: ${result.verdict}`;
  const link = make(
    "a",
    { href: address(item.id, target), tabindex: "-1", "aria-label": label, title: label },
    mark(result.verdict),
  );
  return make("td", {}, link);
}

function drawMatrix() {
  const table = place("matrix");
  const corner = make("th", { scope: "col", class: "corner" }, "Case");
  table.append(make("thead", {}, make("tr", {}, corner, ...data.targets.map(head))));
  for (const section of data.sections) {
    const body = make("tbody");
    const title = make("th", { scope: "rowgroup", colspan: data.targets.length + 1 }, make("span", {}, section.title));
    const group = { section, head: make("tr", { class: "section" }, title), cases: [] };
    body.append(group.head);
    for (const item of section.cases) {
      const at = chosen(item, null);
      const name = make("a", { href: address(item.id, data.targets[at].name), tabindex: "-1" }, item.id);
      const level = make("span", { class: `level ${item.level}` }, item.level);
      const text = make("span", { class: "requirement" }, item.requirement);
      const header = make("th", { scope: "row", title: item.requirement }, name, level, text);
      const row = make("tr", {}, header, ...item.results.map((result, index) => cell(item, result, index)));
      const sought = [item.id, section.name, item.requirement, item.note].join("\n").toLowerCase();
      group.cases.push({ data: item, row, text: sought });
      body.append(row);
    }
    groups.push(group);
    table.append(body);
  }
}

/** The target whose result is shown where none is named: the first that fails, or that has one. */
function chosen(item, name) {
  const has = (index) => Boolean(item.results[index]);
  const indexes = item.results.map((_, index) => index).filter(has);
  if (name !== null) return indexes.find((index) => data.targets[index].name === name) ?? -1;
  return indexes.find((index) => verdicts.get(item.results[index].verdict).failure) ?? indexes[0];
}

// Filters

function chip(value, ...content) {
  return make("label", { class: "chip" }, make("input", { type: "checkbox", value }), make("span", {}, ...content));
}

const checked = (id) =>
  new Set([...place(id).querySelectorAll("input:checked")].map((input) => input.value));

function filter() {
  const text = place("search").value.trim().toLowerCase();
  const wanted = { verdicts: checked("verdicts"), levels: checked("levels") };
  const differing = place("differences").checked;
  let shown = 0;
  for (const group of groups) {
    let any = false;
    for (const { data: item, row, text: own } of group.cases) {
      const seen = new Set(item.results.filter(Boolean).map((result) => result.verdict));
      const fits =
        own.includes(text) &&
        (!wanted.levels.size || wanted.levels.has(item.level)) &&
        (!wanted.verdicts.size || [...seen].some((verdict) => wanted.verdicts.has(verdict))) &&
        (!differing || seen.size > 1);
      row.hidden = !fits;
      any ||= fits;
      shown += Number(fits);
    }
    group.head.hidden = !any;
  }
  const total = groups.reduce((sum, group) => sum + group.cases.length, 0);
  place("shown").value = shown === total ? `${total} cases` : `${shown} of ${total} cases`;
  rove();
}

// The keyboard: one cell of the matrix is in the order of tabs, and arrows move it

const rows = () => [...place("matrix").querySelectorAll("tbody tr:not(.section):not([hidden])")];
const link = (row, column) => row.children[column]?.querySelector("a") ?? null;

function rove(to = null) {
  const before = place("matrix").querySelector("a[tabindex='0']");
  const next = to ?? (before?.closest("tr").hidden === false ? before : rows()[0]?.querySelector("a"));
  before?.setAttribute("tabindex", "-1");
  next?.setAttribute("tabindex", "0");
}

function move(event) {
  const from = event.target.closest?.("a");
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const step = steps[event.key];
  if (!from || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const visible = rows();
  let row = visible.indexOf(from.closest("tr"));
  let column = from.closest("th, td").cellIndex;
  do {
    row += step[0];
    column += step[1];
  } while (visible[row]?.children[column] && !link(visible[row], column));
  const found = visible[row] && link(visible[row], column);
  if (!found) return;
  rove(found);
  found.focus();
}

// The panel

/** The columns of a trace, by kind of case: the side on the left, and the sides on the right. */
const SIDES = {
  server: { left: "client", right: ["app"] },
  facade: { left: "server", right: ["call", "look"] },
};

function light(states, wrong) {
  const [client, application] = states.split("/");
  for (const [machine, state] of Object.entries({ client, application })) {
    for (const old of place(`${machine}-diagram`).querySelectorAll(".lit")) old.classList.remove("lit", "wrong");
    place(`picture:${machine}-${state}`)?.classList.add("lit", ...(wrong ? ["wrong"] : []));
    place(`${machine}-state`).value = state ?? "";
  }
}

/** Scroll to the lit states if a diagram is wider than its frame. */
function reveal() {
  for (const lit of place("machines").querySelectorAll(".lit")) {
    const frame = lit.closest(".diagram");
    const [inner, outer] = [lit.getBoundingClientRect(), frame.getBoundingClientRect()];
    frame.scrollLeft += inner.x + inner.width / 2 - outer.x - outer.width / 2;
  }
}

function show(entry, button, title, wrong) {
  for (const old of place("trace").querySelectorAll("[aria-pressed=true]")) old.setAttribute("aria-pressed", "false");
  button?.setAttribute("aria-pressed", "true");
  place("state-title").textContent = title;
  light(entry?.states ?? "", wrong);
}

function step(entry, number, here, sides, before) {
  const what = make("div", { class: "step" }, make("span", { class: "action" }, entry.step));
  if (entry.observation) what.append(make("span", { class: "observation" }, `→ ${entry.observation}`));
  if (entry.mismatch) what.append(make("span", { class: "wrong" }, entry.mismatch));
  const cells =
    entry.side === sides.left
      ? [make("td", {}, what), make("td")]
      : sides.right.includes(entry.side)
        ? [make("td"), make("td", {}, what)]
        : [make("td", { colspan: "2", class: "other" }, what)];
  const label = `Show the states after step ${number}: ${entry.states}`;
  const changed = entry.states === before ? "state" : "state changed";
  const parts = entry.states.split("/").map((name, n) => make("span", {}, n ? `/ ${name}` : name));
  const button = make("button", { type: "button", class: changed, "aria-pressed": "false", "aria-label": label }, ...parts);
  button.addEventListener("click", () => {
    show(entry, button, `The states after step ${number}`, here);
    place("machines").scrollIntoView({ block: "nearest" });
    reveal();
  });
  const first = make("th", { scope: "row" }, here ? `▶ ${number}` : String(number));
  if (here) first.append(make("span", { class: "hidden" }, " (here)"));
  return make("tr", { class: here ? "here" : null }, first, ...cells, make("td", {}, button));
}

function drawTrace(item, result) {
  const sides = SIDES[item.kind];
  const names = ["", sides.left, "application", "states after it"];
  const body = make("tbody");
  result.trace.forEach((entry, index) => {
    const before = result.trace[index - 1]?.states;
    body.append(step(entry, index + 1, index === result.deciding_step, sides, before));
  });
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  place("trace").replaceChildren(make("thead", {}, head), body);
  if (!result.trace.length) body.append(make("tr", {}, make("td", { colspan: "4" }, "nothing")));
  const at = result.deciding_step ?? result.trace.length - 1;
  const title = result.deciding_step === null ? "Where it ended" : `Where it went wrong: step ${at + 1}`;
  show(result.trace[at], body.rows[at]?.querySelector("button"), title, result.deciding_step !== null);
}

function draw(section, item, index) {
  const result = item.results[index];
  const target = data.targets[index];
  place("panel").dataset.verdict = result.verdict;
  place("panel-id").textContent = item.id;
  const level = make("span", { class: `level ${item.level}` }, item.level);
  place("panel-section").replaceChildren(level, section.name);
  place("panel-requirement").textContent = item.requirement;
  place("panel-note").textContent = item.note;
  place("panel-targets").replaceChildren(
    ...item.results.map((other, at) => {
      if (!other) return "";
      const href = address(item.id, data.targets[at].name);
      const current = at === index ? "true" : null;
      const label = make("span", { class: "hidden" }, `: ${other.verdict}`);
      return make("a", { href, "aria-current": current }, mark(other.verdict), data.targets[at].name, label);
    }),
  );
  place("panel-verdict").replaceChildren(
    mark(result.verdict),
    make("strong", {}, `${result.verdict} on ${target.name}`),
    result.reason && `: ${result.reason}`,
  );
  place("panel-difference").hidden = !result.expected && !result.observed;
  place("panel-expected").textContent = result.expected || "–";
  place("panel-observed").textContent = result.observed || "–";
  for (const name of ["concurrent_failure", "output"]) {
    const part = place(`panel-${name}`);
    part.hidden = !result[name];
    part.lastElementChild.textContent = result[name];
  }
  drawTrace(item, result);
}

/** Open the case that the address names, or close the panel. */
function follow() {
  const named = new URLSearchParams(location.hash.slice(1));
  for (const { section, cases } of groups) {
    for (const { data: item, row } of cases) {
      if (item.id !== named.get("case")) continue;
      const index = chosen(item, named.get("target"));
      if (index < 0) continue;
      draw(section, item, index);
      if (!row.hidden) rove(link(row, index + 1));
      if (!place("panel").open) place("panel").showModal();
      place("panel-body").scrollTop = 0;
      reveal();
      return;
    }
  }
  place("panel").close();
}

function closed() {
  if (location.hash) history.pushState(null, "", location.pathname + location.search);
  place("matrix").querySelector("a[tabindex='0']")?.focus();
}

// Below the matrix

function drawTargets() {
  const titles = ["target", "kind", "cases", ...data.verdicts.map((v) => v.name), "versions"];
  const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
  const body = data.targets.map((target, index) => {
    const counted = counts(index);
    const numbers = [all(counted), ...counted.values()].map((n) => make("td", { class: "number" }, n ? String(n) : ""));
    const name = make("th", { scope: "row" }, target.name);
    return make("tr", {}, name, make("td", {}, target.kind), ...numbers, make("td", {}, target.versions));
  });
  place("targets").append(make("thead", {}, head), make("tbody", {}, ...body));
}

function start() {
  const many = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const total = data.sections.reduce((sum, section) => sum + section.cases.length, 0);
  const facts = [many(data.targets.length, "target"), many(total, "case"), data.date];
  place("about").textContent = facts.filter(Boolean).join(", ");
  for (const { name, meaning } of data.verdicts) {
    place("legend").append(make("div", {}, make("dt", {}, mark(name), name), make("dd", {}, meaning)));
    const used = data.sections.some((s) => s.cases.some((c) => c.results.some((r) => r?.verdict === name)));
    if (used) place("verdicts").append(chip(name, mark(name), name));
  }
  for (const level of levels) place("levels").append(chip(level, level));
  drawMatrix();
  drawTargets();
  filter();
  place("filters").addEventListener("input", filter);
  place("filters").addEventListener("submit", (event) => event.preventDefault());
  place("matrix").addEventListener("keydown", move);
  place("matrix").addEventListener("focusin", (event) => event.target.matches("a") && rove(event.target));
  place("panel").addEventListener("close", closed);
  place("panel").addEventListener("click", (event) => event.target === place("panel") && place("panel").close());
  place("panel-close").addEventListener("click", () => place("panel").close());
  addEventListener("hashchange", follow);
  follow();
  document.documentElement.dataset.ready = "";
}

start();

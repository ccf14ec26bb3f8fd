// @ts-check
/** The picture of a machine, drawn from its table: its state, its last transition, and the event that it refused. */
import { layout } from "./layout.js";

const SVG = "http://www.w3.org/2000/svg";
const NARROW = matchMedia("(max-width: 70rem)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {string} name @param {Record<string, string | number>} attributes @param {(Element | string)[]} children */
function make(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

export class Diagram {
  /** @param {string} name of the machine @param {import("./layout.js").Machine} machine */
  constructor(name, machine) {
    this.name = name;
    this.machine = machine;
    this.place = /** @type {HTMLElement} */ (document.getElementById(`${name}-diagram`));
    this.callout = document.createElement("p");
    this.callout.className = "callout";
    this.callout.title = "Click to hide";
    this.callout.addEventListener("click", () => this.calm());
    addEventListener("keydown", ({ key }) => key === "Escape" && this.refusal && this.calm());
    /** @type {string | null} */
    this.state = null;
    /** @type {string | null} */
    this.edge = null;
    /** @type {{state: string, event: string, text: string} | null} */
    this.refusal = null;
    new ResizeObserver(() => this.draw()).observe(this.place);
    NARROW.addEventListener("change", () => this.draw());
  }

  draw() {
    const width = this.place.clientWidth;
    const height = this.place.clientHeight;
    if (!width || !height) return;
    const across = NARROW.matches && this.machine.states.length < 4;
    const characters = this.machine.states.length < 4 ? 20 : 38.5; // side by side
    const font = across ? width / 40 : Math.max(9, Math.min(13.5, width / characters, height / 22));
    const drawn = layout(this.machine, { width, height, font, across });
    this.boxes = drawn.boxes;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "font-size": font });
    const tip = make("marker", { id: `${this.name}-tip`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, make("path", { d: "M0 0L8 4L0 8z" }));
    svg.append(make("defs", {}, tip));
    svg.append(make("g", { class: "start" }, make("circle", { cx: drawn.dot[0], cy: drawn.dot[1], r: 3.5 }), this.line(drawn.start)));
    for (const { rows, path, labels } of drawn.arrows) {
      svg.append(make("g", { class: "arrow", "data-rows": rows.map(({ id }) => id).join(" ") }, this.line(path)));
      for (const label of labels) svg.append(this.label(label, drawn.line, ""));
    }
    for (const box of drawn.boxes.values()) svg.append(this.box(box, drawn.line));
    this.place.replaceChildren(svg, this.callout);
    this.svg = svg;
    this.paint();
  }

  /** @param {string} path */
  line(path) {
    return make("path", { d: path, class: "line", "marker-end": `url(#${this.name}-tip)` });
  }

  /** @param {import("./layout.js").Label} label @param {number} line @param {string} mark */
  label({ row, lines, x, y, width, height }, line, mark) {
    const first = y - ((lines.length - 1) * line) / 2;
    const text = lines.map((each, i) => make("text", { x, y: first + i * line, class: i ? "guard" : "" }, (i ? "" : mark) + each));
    const paper = make("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 4 });
    return make("g", { id: row.id, class: `row ${row.kind}` }, make("title", {}, row.note), paper, ...text);
  }

  /** @param {import("./layout.js").Box} box @param {number} line */
  box({ name, final, x, y, width, height, loops }, line) {
    const frame = (/** @type {number} */ more, /** @type {string} */ kind) =>
      make("rect", { x: x - width / 2 - more, y: y - height / 2 - more, width: width + 2 * more, height: height + 2 * more, rx: 8 + more, class: kind });
    const top = loops.length ? loops[0].y - loops[0].height / 2 - line / 2 : y;
    const state = make("g", { id: `${this.name}-${name}`, class: "state" }, ...(final ? [frame(3, "outer")] : []), frame(0, "inner"), make("text", { x, y: top, class: "name" }, name));
    state.append(...loops.map((loop) => this.label(loop, line, "↻ ")));
    return state;
  }

  /** Show the state, or none if there is no connection. @param {string | null} state */
  light(state) {
    if (state === this.state) return;
    this.state = state;
    this.paint();
  }

  /** Show the last transition. @param {string | null} edge id of its row */
  take(edge) {
    this.edge = edge;
    this.refusal = null;
    this.paint();
    if (edge) this.travel();
  }

  /** Flash the state that has refused an event, with the error. @param {string} state @param {string} event @param {string} text */
  refuse(state, event, text) {
    this.edge = null;
    this.refusal = { state, event, text };
    this.paint();
    const box = this.find(`${this.name}-${state}`);
    if (box && !STILL.matches) {
      box.animate({ transform: ["none", "translateX(-5px)", "translateX(5px)", "translateX(-3px)", "translateX(3px)", "none"] }, { duration: 400 });
      this.callout.animate({ opacity: [0, 1] }, { duration: 150 });
    }
  }

  calm() {
    this.take(null);
  }

  /** @param {string} id */
  find(id) {
    return this.svg?.querySelector(`#${CSS.escape(id)}`);
  }

  paint() {
    const { svg, state, edge, refusal, place, callout } = this;
    if (!svg) return;
    place.classList.toggle("idle", state === null);
    svg.setAttribute("aria-label", `The ${this.name} machine${state === null ? "" : ` in state ${state}`}`);
    for (const marked of svg.querySelectorAll(".lit, .taken, .refused")) marked.classList.remove("lit", "taken", "refused");
    if (state !== null) this.find(`${this.name}-${state}`)?.classList.add("lit");
    if (edge) this.find(edge)?.classList.add("taken");
    for (const arrow of svg.querySelectorAll(".arrow")) {
      arrow.classList.toggle("taken", edge !== null && arrow.getAttribute("data-rows")?.split(" ").includes(edge));
    }
    callout.hidden = !refusal;
    const box = refusal && this.boxes?.get(refusal.state);
    if (!refusal || !box) return;
    this.find(`${this.name}-${refusal.state}`)?.classList.add("refused");
    const title = document.createElement("strong");
    title.textContent = `✗ ${refusal.state} refuses ${refusal.event}`;
    callout.replaceChildren(title, ` ${refusal.text}`);
    const { clientWidth: width, clientHeight: height } = place;
    const left = Math.max(2, Math.min(width - callout.offsetWidth - 2, box.x - callout.offsetWidth / 2));
    const below = box.y + box.height / 2 + 8;
    const above = box.y - box.height / 2 - 8 - callout.offsetHeight;
    callout.style.left = `${left}px`;
    // the state itself stays visible, even if the callout is higher than the picture
    callout.style.top = `${below + callout.offsetHeight <= height || above < 0 ? below : above}px`;
  }

  /** Let a dot travel along the arrow of a transition. */
  travel() {
    const arrow = [...(this.svg?.querySelectorAll(".arrow.taken .line") ?? [])][0];
    if (!arrow || STILL.matches) return;
    const dot = make("circle", { r: 5, class: "dot" });
    /** @type {SVGElement} */ (dot).style.offsetPath = `path("${arrow.getAttribute("d")}")`;
    this.svg?.append(dot);
    dot.animate({ offsetDistance: ["0%", "100%"] }, { duration: 450, easing: "ease-in-out" }).onfinish = () => dot.remove();
  }
}

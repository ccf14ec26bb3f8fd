// @ts-check
/** A diagram of one machine, whose present state is lit up. */
export class Diagram {
  /** @param {string} machine name of the machine, which begins the ids of its states */
  constructor(machine) {
    this.machine = machine;
    this.place = /** @type {HTMLElement} */ (document.getElementById(`${machine}-diagram`));
    this.label = /** @type {HTMLOutputElement} */ (document.getElementById(`${machine}-state`));
  }

  /** Put the picture into the page, where styles reach it. */
  async load() {
    const response = await fetch(`${this.machine}.svg`);
    const picture = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
    const svg = /** @type {SVGSVGElement} */ (document.importNode(picture.documentElement, true));
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `diagram of the ${this.machine} machine`);
    for (const title of svg.querySelectorAll("title")) title.remove();
    this.place.replaceChildren(svg);
  }

  /** @param {string} state */
  light(state) {
    for (const lit of this.place.querySelectorAll(".lit")) lit.classList.remove("lit");
    document.getElementById(`${this.machine}-${state}`)?.classList.add("lit");
    this.label.value = state;
  }

  /** @param {string | null} edge id of the row that was just taken */
  take(edge) {
    for (const taken of this.place.querySelectorAll(".taken")) taken.classList.remove("taken");
    if (edge) document.getElementById(edge)?.classList.add("taken");
  }
}

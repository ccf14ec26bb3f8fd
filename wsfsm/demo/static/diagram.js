// @ts-check
/** A diagram of one machine, in which the current state is lit up. */
export class Diagram {
  /** @param {string} machine name of the machine, with which the ids of its states begin */
  constructor(machine) {
    this.machine = machine;
    this.place = /** @type {HTMLElement} */ (document.getElementById(`${machine}-diagram`));
    this.label = /** @type {HTMLOutputElement} */ (document.getElementById(`${machine}-state`));
  }

  /** Insert the picture into the page, so that styles apply to it. */
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

  /** @param {string | null} edge id of the row of the last transition */
  take(edge) {
    for (const taken of this.place.querySelectorAll(".taken")) taken.classList.remove("taken");
    if (edge) document.getElementById(edge)?.classList.add("taken");
  }
}

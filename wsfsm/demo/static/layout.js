// @ts-check
/**
 * The geometry of a machine: where its states, arrows and labels are.
 *
 * The states are in ranks by their distance from the initial one, and the final ones are in the last rank.
 * Ranks lie below each other, or beside each other. An event that does not change the state is a line inside
 * of it, and all others are labels on arrows.
 *
 * @typedef {{id: string, source: string, event: string, target: string, kind: string, note: string}} Row
 * @typedef {{states: string[], initial: string, final: string[], rows: Row[]}} Machine
 * @typedef {{row: Row, lines: string[], x: number, y: number, width: number, height: number}} Label
 * @typedef {{name: string, final: boolean, x: number, y: number, width: number, height: number, loops: Label[]}} Box
 * @typedef {{rows: Row[], path: string, labels: Label[]}} Arrow
 * @typedef {{boxes: Map<string, Box>, arrows: Arrow[], start: string, dot: [number, number], line: number}} Layout
 */

const PREFIX = "websocket.";
const LOOP = "↻ ";
const CHARACTER = 0.602; // width of a monospaced character, in its size

/** @param {string} event */
export function linesOf(event) {
  const [name, guard] = event.split(" [");
  const short = name.replace(PREFIX, "");
  return guard ? [short, `[${guard}`] : [short];
}

/** @param {Machine} machine @returns {string[][]} */
function ranks(machine) {
  const found = [[machine.initial]];
  const seen = new Set([machine.initial, ...machine.final]);
  for (let rank = found[0]; rank.length; ) {
    const sources = rank;
    rank = [];
    for (const { source, target } of machine.rows) {
      if (!sources.includes(source) || seen.has(target)) continue;
      seen.add(target);
      rank.push(target);
    }
    if (rank.length) found.push(rank);
  }
  return [...found, machine.final];
}

/**
 * @param {Machine} machine
 * @param {{width: number, height: number, font: number, across: boolean}} room
 * @returns {Layout}
 */
export function layout(machine, { width, height, font, across }) {
  const character = font * CHARACTER;
  const line = Math.round(font * 1.35);
  const pad = font * (across ? 0.55 : 0.75);
  const gap = Math.round(font * 0.3);
  const margin = 4;
  const start = Math.round(font * 2.2);

  /** @param {Row} row @param {string} [mark] @returns {Label} */
  const label = (row, mark = "") => {
    const lines = linesOf(row.event);
    const long = Math.max(...lines.map((text) => text.length)) + mark.length;
    return { row, lines, x: 0, y: 0, width: long * character + font * 0.7, height: lines.length * line + gap };
  };

  /** @type {Map<string, Box>} */
  const boxes = new Map();
  for (const name of machine.states) {
    const loops = machine.rows.filter((r) => r.source === name && r.target === name).map((r) => label(r, LOOP));
    const inside = loops.map((loop) => loop.width - font * 0.7 + character);
    boxes.set(name, {
      name,
      final: machine.final.includes(name),
      x: 0,
      y: 0,
      width: Math.max(name.length * (character * 1.08), ...inside) + 2 * pad,
      height: line + 2 * (across ? 4 : pad - 2) + loops.reduce((sum, loop) => sum + loop.height, 0),
      loops,
    });
  }
  const box = (/** @type {string} */ name) => /** @type {Box} */ (boxes.get(name));

  // Centres of the boxes
  const order = ranks(machine);
  const deep = (/** @type {string[]} */ rank) => Math.max(...rank.map((name) => (across ? box(name).width : box(name).height)));
  const space = (across ? width : height) - 2 * margin - start - order.reduce((sum, rank) => sum + deep(rank), 0);
  let at = margin + start;
  for (const rank of order) {
    rank.forEach((name, i) => {
      const placed = box(name);
      const along = at + deep(rank) / 2;
      const labels = machine.rows.filter((r) => r.source === name && r.target !== name).map((r) => label(r).width);
      const [room, size] = across ? [height, placed.height] : [width, Math.max(placed.width, ...labels)];
      const first = margin + size / 2;
      const beside = rank.length > 1 ? first + ((room - 2 * first) * i) / (rank.length - 1) : room / 2;
      [placed.x, placed.y] = across ? [along, beside] : [beside, along];
    });
    at += deep(rank) + space / (order.length - 1);
  }
  for (const { loops, x, y, height: tall } of boxes.values()) {
    let top = y - tall / 2 + (across ? 4 : pad - 2) + line;
    for (const loop of loops) {
      [loop.x, loop.y] = [x, top + loop.height / 2];
      top += loop.height;
    }
  }

  // Arrows, all rows from one state to another together
  /** @type {Map<string, Row[]>} */
  const together = new Map();
  for (const row of machine.rows.filter((r) => r.source !== r.target)) {
    const key = `${row.source} ${row.target}`;
    together.set(key, [...(together.get(key) ?? []), row]);
  }
  const arrows = [...together.values()].map((rows) => {
    const from = box(rows[0].source);
    const to = box(rows[0].target);
    const labels = rows.map((row) => label(row));
    const { path, x, y } = across ? sideways(from, to, labels[0].height) : downwards(from, to);
    const tall = labels.reduce((sum, each) => sum + each.height, 0);
    let top = y - tall / 2;
    for (const each of labels) {
      [each.x, each.y] = [x, top + each.height / 2];
      top += each.height;
    }
    return { rows, path, labels };
  });
  const first = box(machine.initial);
  /** @type {[number, number]} */
  const dot = across ? [margin + 4, first.y] : [first.x, margin + 4];
  const edge = across ? `H${first.x - first.width / 2 - 2}` : `V${first.y - first.height / 2 - 2}`;
  return { boxes, arrows, start: `M${dot[0]} ${dot[1]}${edge}`, dot, line };
}

const BEND = 10;
const TIP = 3; // space for the frame of a final state

/** @param {Box} from @param {Box} to */
function downwards(from, to) {
  const below = from.y + from.height / 2;
  const above = to.y - to.height / 2 - TIP;
  if (Math.abs(from.x - to.x) < 1) {
    return { path: `M${from.x} ${below}V${above}`, x: from.x, y: (below + above) / 2 };
  }
  const way = Math.sign(to.x - from.x);
  if (!to.final) {
    const side = from.x + (way * from.width) / 2;
    const path = `M${side} ${from.y}H${to.x - way * BEND}q${way * BEND} 0 ${way * BEND} ${BEND}V${above}`;
    return { path, x: to.x, y: (from.y + BEND + above) / 2 };
  }
  const side = to.x - way * (to.width / 2 + TIP);
  const path = `M${from.x} ${below}V${to.y - BEND}q0 ${BEND} ${way * BEND} ${BEND}H${side}`;
  return { path, x: from.x, y: (below + to.y - BEND) / 2 };
}

/** @param {Box} from @param {Box} to @param {number} tall */
function sideways(from, to, tall) {
  const right = from.x + from.width / 2;
  const left = to.x - to.width / 2 - TIP;
  return { path: `M${right} ${from.y}H${left}`, x: (right + left) / 2, y: from.y - tall / 2 - 4 };
}

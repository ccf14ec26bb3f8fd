// @ts-check
/**
 * The actions of a page, and their text in a link: `client.text:hello,application.close:1000:bye`.
 *
 * @typedef {{name: string, values: string[]}} Action
 */

// as maxlength, these count UTF-16 code units
const TEXT = /^[^]{0,200}$/;
const REASON = /^[^]{0,40}$/; // at most 123 bytes as UTF-8 (RFC 6455 5.5)
const HALF = /\p{Surrogate}/u; // of a pair, which has no UTF-8
const SWITCH = /^(on|off)$/;
const CLIENT_CODE = /^(1000|[34]\d{3})$/; // the codes that a browser takes
const CODE = /^(100[0-3789]|101[0-4]|[34]\d{3})$/; // RFC 6455 7.4
const STATUS = /^(?!426)[45]\d\d$/;

/** The values of each action. @type {Record<string, RegExp[]>} */
export const ACTIONS = {
  "client.connect": [],
  "client.text": [TEXT],
  "client.binary": [TEXT],
  "client.close": [CLIENT_CODE, REASON],
  "transport.drop": [],
  "application.accept": [],
  "application.send": [TEXT],
  "application.close": [CODE, REASON],
  "application.start": [STATUS],
  "application.more": [TEXT],
  "application.body": [TEXT],
  "application.receive": [],
  "application.reading": [SWITCH],
  "application.echo": [SWITCH],
};

/** @param {Action} action */
export function check({ name, values }) {
  if (!Object.hasOwn(ACTIONS, name)) throw new Error(`There is no action “${name}”.`);
  const kinds = ACTIONS[name];
  if (values.length !== kinds.length) {
    throw new Error(`The action “${name}” needs ${kinds.length} values, got ${values.length}.`);
  }
  kinds.forEach((kind, i) => {
    if (!kind.test(values[i]) || HALF.test(values[i])) throw new Error(`The action “${name}” does not take the value “${values[i]}”.`);
  });
}

/** @param {Action[]} actions */
export function format(actions) {
  return actions.map(({ name, values }) => [name, ...values.map(encodeURIComponent)].join(":")).join(",");
}

/** @param {string} text @returns {Action[]} */
export function parse(text) {
  return text.split(",").filter(Boolean).map((part) => {
    const [name, ...values] = part.split(":").map(decodeURIComponent);
    check({ name, values });
    return { name, values };
  });
}

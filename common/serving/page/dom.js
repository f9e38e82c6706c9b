/** Elements, and the parts that several views show. Texts go in as text nodes: nothing here makes HTML of a string. */

import { drop_fault, say_fault } from "./status.js";

/**
 * Makes an element.
 *
 *     h("button", { class: "button", onclick: ask }, "Ask")
 *
 * @param {string} tag its name.
 * @param {object} attributes by name; functions whose names begin with "on" listen, `style` is an object of CSS
 *   properties, `data` of data attributes; true sets a bare attribute; false, null and undefined set none.
 * @param children elements, texts, numbers and lists of them; false, null and undefined are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  element.append(...nodes(children));
  return element;
}

/** Puts other children in place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/**
 * One line that says what went wrong, in the container and in the line of the status; an earlier one of the container
 * or of a place for files in it is replaced. Without an error it goes away.
 */
export function fail(container, error = null) {
  for (const line of container.querySelectorAll(":scope > .error, .drop > .error")) line.remove();
  if (!error) return drop_fault();
  const message = error.message ?? String(error);
  container.append(h("p", { class: "error", role: "alert" }, message));
  return say_fault(message);
}

/** Colours an element by a value from -max to max, with a sign as well as the colour. */
export function tint(element, value, max) {
  const share = max > 0 ? Math.min(Math.abs(value) / max, 1) : 0;
  element.classList.add("tint");
  element.dataset.sign = share < 0.05 ? "" : value > 0 ? "+" : "−";
  element.style.setProperty("--share", share.toFixed(3));
  element.title = `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(2)}`;
  return element;
}

/** A bar that shows a share from 0 to 1. */
export function bar(share, label) {
  const percent = Math.round(1000 * share) / 10;
  const meter = {
    role: "meter",
    "aria-label": label,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": percent,
  };
  return h(
    "div",
    { class: "bar" },
    h("span", { class: "bar-label" }, label),
    h("span", { class: "bar-track", ...meter }, h("span", { class: "bar-fill", style: { width: `${percent}%` } })),
    h("span", { class: "bar-value" }, `${percent.toFixed(1)} %`),
  );
}

/** A labelled control; `hint` says what is expected. */
export function field(label, control, hint = "") {
  control.id ||= `field-${++fields}`;
  const note = hint && h("span", { class: "muted", id: `${control.id}-hint` }, hint);
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note);
}

/** Buttons for the examples of an application; `on_pick` gets the row. Nothing where there are none. */
export function example_chips(examples, on_pick) {
  if (!examples.length) return null;
  const chip = ({ asked, row }) => h("button", { class: "chip", type: "button", onclick: () => on_pick(row) }, asked);
  return h("div", { class: "chips", role: "group", "aria-label": "Examples" }, examples.map(chip));
}

/** A table. `columns` are the heads; cells are texts, numbers or elements. */
export function table(columns, rows) {
  const cell = (value) => h("td", { class: typeof value === "number" ? "number" : null }, shown(value));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": columns.join(", ") },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
    ),
  );
}

/**
 * A button and a place to drop a file.
 *
 * @param {string} label of the button, such as "Choose a picture".
 * @param {string} accept as of `<input type=file>`: ".csv,text/csv" or "image/*".
 * @param {number} limit_mb megabytes from which on a file is refused.
 * @param {function} on_file gets the File.
 * @param {function} on_refused called before it is said why a file is not taken: what was shown of another must go.
 */
export function file_drop(label, accept, limit_mb, on_file, on_refused = () => {}) {
  const take = async (file) => {
    fail(zone);
    const fault = file && fault_of(file, accept, limit_mb);
    if (fault) {
      on_refused();
      fail(zone, fault);
    } else if (file) await on_file(file);
  };
  const input = h("input", {
    type: "file",
    accept,
    class: "unseen",
    tabindex: -1,
    "aria-hidden": "true",
    onchange: () => {
      take(input.files[0]);
      // Else the same file, mended, could not be chosen again.
      input.value = "";
    },
  });
  const button = h("button", { class: "button", type: "button", onclick: () => input.click() }, label);
  const zone = h(
    "div",
    {
      class: "drop",
      ondragover: (event) => {
        event.preventDefault();
        zone.classList.add("over");
      },
      ondragleave: () => zone.classList.remove("over"),
      ondrop: (event) => {
        event.preventDefault();
        zone.classList.remove("over");
        take(event.dataTransfer.files[0]);
      },
    },
    button,
    h("span", { class: "muted" }, `or drop it here, up to ${limit_mb} MB`),
    input,
  );
  return zone;
}

function fault_of(file, accept, limit_mb) {
  const kinds = accept.split(",").map((kind) => kind.trim().toLowerCase()).filter(Boolean);
  const name = file.name.toLowerCase();
  const fits = (kind) => {
    if (kind.startsWith(".")) return name.endsWith(kind);
    return kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind;
  };
  if (kinds.length && !kinds.some(fits)) {
    return `${file.name}: expected ${KINDS[kinds.find((kind) => kind in KINDS)] ?? kinds.join(" or ")}`;
  }
  if (!file.size) return `${file.name}: the file is empty`;
  const size = file.size / 1e6;
  return size > limit_mb ? `${file.name}: expected at most ${limit_mb} MB, got ${size.toFixed(1)} MB` : "";
}

function set(element, name, value) {
  if (value === false || value === null || value === undefined) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") {
    // Through the object: the policy of the page refuses a `style` attribute.
    for (const [property, one] of Object.entries(value)) element.style.setProperty(property, one);
  } else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}

const nodes = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== false && child !== null && child !== undefined && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));

const shown = (value) =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)).toString() : value;

const KINDS = {
  "image/*": "a picture such as JPEG or PNG",
  "audio/*": "a sound file such as WAV",
  "text/csv": "a table such as CSV",
};

let fields = 0;

export { chart } from "./chart.js";

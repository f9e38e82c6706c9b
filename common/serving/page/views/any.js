/** Any model, by what it says of itself: a form of the inputs of `serving_default`, and its outputs as a table. */

import { report } from "../ask.js";

const DIGITS = 4;
const MOST_SHOWN = 40;

export async function mount(root, { application, examples, ask, bytes, dom, say }) {
  const { h, fill, fail, field, file_drop, example_chips, table } = dom;
  const inputs = inputs_of(await report(application.name, "/metadata"));
  const row = {};
  const answer = h("div", { class: "card", hidden: true });
  const forms = Object.entries(inputs).map(([name, info]) => {
    if (name.endsWith("_bytes")) {
      const chosen = h("span", { class: "muted" });
      const drop = file_drop(`Choose a file for ${name}`, "", 6, async (file) => {
        row[name] = bytes(new Uint8Array(await file.arrayBuffer()));
        chosen.textContent = file.name;
      }, () => {
        fail(root);
        delete row[name];
        chosen.textContent = "";
        answer.hidden = true;
      });
      return h("div", { class: "field" }, drop, chosen);
    }
    const control = is_text(info)
      ? h("textarea", { rows: 3, oninput: () => (row[name] = control.value) })
      : h("input", { type: "text", value: "", oninput: () => (row[name] = control.value) });
    control.dataset.input = name;
    if (is_text(info)) row[name] = "";
    return field(name, control, `${info.dtype.replace("DT_", "").toLowerCase()}${shape_of(info)}`);
  });

  async function answer_row() {
    fail(root);
    answer.hidden = true;
    try {
      const outputs = await ask(application.name, typed(row, inputs));
      fill(answer, table(["output", "value"], Object.entries(outputs).map(([name, value]) => [name, said(value)])));
      answer.hidden = false;
      say("answered");
    } catch (error) {
      fail(root, error);
    }
  }

  function pick(example) {
    Object.assign(row, example);
    for (const control of root.querySelectorAll("[data-input]")) {
      const value = example[control.dataset.input];
      if (value !== undefined) control.value = typeof value === "string" ? value : JSON.stringify(value);
    }
    answer_row();
  }

  const form = h(
    "form",
    {
      class: "stack",
      onsubmit: (event) => {
        event.preventDefault();
        answer_row();
      },
    },
    forms,
    h("div", { class: "row" }, h("button", { class: "button primary", type: "submit" }, "Ask")),
  );
  fill(root, form, example_chips(examples, pick), answer);
}

/** The inputs of `serving_default`: `{ name: { dtype, tensor_shape } }`. */
export function inputs_of({ metadata }) {
  const definitions = metadata.signature_def.signature_def ?? metadata.signature_def;
  return definitions.serving_default.inputs;
}

/** The row with its numbers and lists read as JSON. */
function typed(row, inputs) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, info]) => {
      const value = row[name];
      if (value === undefined || value === "") {
        if (is_text(info)) return [name, ""];
        throw new Error(`${name}: expected a value`);
      }
      if (typeof value !== "string" || is_text(info)) return [name, value];
      try {
        return [name, JSON.parse(value)];
      } catch {
        throw new Error(`${name}: expected a number or a list such as [1, 2], got ${value.slice(0, 40)}`);
      }
    }),
  );
}

const is_text = ({ dtype, tensor_shape }) => dtype === "DT_STRING" && (tensor_shape?.dim ?? []).length <= 1;

function shape_of({ tensor_shape }) {
  const sizes = (tensor_shape?.dim ?? []).slice(1).map(({ size }) => (size === "-1" ? "any" : size));
  return sizes.length ? `, a list of ${sizes.join(" × ")}` : "";
}

function said(value) {
  if (!Array.isArray(value)) return typeof value === "number" ? Number(value.toPrecision(DIGITS)) : String(value);
  const flat = value.flat(Infinity);
  const shown = flat.slice(0, MOST_SHOWN).map(said).join(", ");
  return flat.length > MOST_SHOWN ? `${shown}, … (${flat.length} in all)` : shown;
}

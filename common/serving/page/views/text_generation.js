/** Text that grows while it is written: `prime` reads the beginning, `extend` goes on in pieces; `score` paints it. */

import { counted } from "../wording.js";

const PIECE = 20;
const MOST_SCORED = 4000;
const MOST_SEED = 2 ** 31 - 1;
const SURPRISED_BITS = 2;
const MOST_BITS = 12;

export function mount(root, { application, examples, ask, dom, say }) {
  const { h, fill, fail, field, example_chips } = dom;
  const prefix = h("textarea", { rows: 3, class: "mono", value: examples[0]?.row.prefix ?? "", spellcheck: "false" });
  const temperature = h("input", { id: "temperature", type: "range", min: 0, max: 1.5, step: 0.05, value: 0.8, oninput: () => told() });
  const chosen = h("output", {});
  const length = number({ min: 1, max: 2000, value: 300 });
  const seed = number({ min: 0, max: MOST_SEED, value: 7 });
  const write = h("button", { class: "button primary", type: "submit" }, "Write");
  const stop = h("button", { class: "button", type: "button", disabled: true, onclick: () => writing?.abort() }, "Stop");
  const surprise = h("button", { class: "button", type: "button", onclick: () => paint() }, "Paint surprises");
  const text = h("div", { class: "written mono", hidden: true, tabindex: 0, role: "region", "aria-label": "The text" });
  const note = h("p", { class: "legend muted" });
  let writing = null;
  let other = { top_k: 0, top_p: 1 };

  function number(attributes) {
    return h("input", { type: "number", required: true, step: 1, ...attributes });
  }

  function told() {
    chosen.textContent = Number(temperature.value).toFixed(2);
  }

  async function run() {
    writing?.abort();
    const turn = (writing = new AbortController());
    const { signal } = turn;
    fail(root);
    busy(true);
    const grown = h("span", {});
    fill(text, h("span", { class: "given" }, prefix.value), grown);
    text.hidden = false;
    note.textContent = "";
    const wanted = Number(length.value);
    const controls = { temperature: Number(temperature.value), ...other, seed: Number(seed.value) };
    let written = 0;
    try {
      let place = await ask(application.name, { prefix: prefix.value }, { signature: "prime", signal });
      while (written < wanted && !signal.aborted) {
        const { token, states } = place;
        const piece = { token, states, position: written, length: Math.min(PIECE, wanted - written), ...controls };
        place = await ask(application.name, piece, { signature: "extend", signal });
        grown.append(place.text);
        written += piece.length;
        text.scrollTop = text.scrollHeight;
      }
      say(`${counted(written, "character")} written`);
    } catch (error) {
      if (signal.aborted) say(`stopped after ${counted(written, "character")}`);
      else fail(root, error);
    }
    // A later run has taken the buttons over.
    if (turn === writing) busy(false);
  }

  function busy(is_writing) {
    stop.disabled = !is_writing;
    surprise.disabled = is_writing;
  }

  /** Shows how surprising each character is: to the model, after all that stands before it. */
  async function paint() {
    fail(root);
    const whole = [...(text.hidden ? prefix.value : text.textContent)];
    const [shown, rest] = [whole.slice(0, MOST_SCORED), whole.slice(MOST_SCORED)];
    if (!shown.length) return;
    busy(true);
    stop.disabled = true;
    try {
      const outputs = await ask(application.name, { text: shown.join("") }, { signature: "score" });
      const bits = outputs.character_log_likelihoods.map((nats) => -nats / Math.LN2);
      const mean = -outputs.log_likelihood / Math.LN2 / outputs.characters;
      fill(text, painted(shown, bits), rest.join(""));
      text.hidden = false;
      note.textContent = `${mean.toFixed(2)} bits per character. The stronger the colour and the underline, the less the model expected the character.`;
      if (rest.length) note.textContent += ` Only the first ${MOST_SCORED.toLocaleString("en")} characters are measured and painted.`;
      say(`${mean.toFixed(2)} bits per character`);
    } catch (error) {
      fail(root, error);
    }
    busy(false);
  }

  const painted = (characters, bits) =>
    characters.map((character, index) => {
      if (!(bits[index] >= SURPRISED_BITS)) return character;
      const share = Math.min(bits[index] / MOST_BITS, 1);
      const title = `${bits[index].toFixed(1)} bits`;
      // A line end has no width that could be coloured.
      const shown = character === "\n" ? "↵\n" : character;
      return h("span", { class: "surprise", title, style: { "--share": share.toFixed(2) } }, shown);
    });

  const pick = (row) => {
    prefix.value = row.prefix;
    temperature.value = row.temperature;
    length.value = row.length;
    seed.value = row.seed;
    other = { top_k: row.top_k, top_p: row.top_p };
    told();
    run();
  };
  const form = h(
    "form",
    {
      class: "stack",
      onsubmit: (event) => {
        event.preventDefault();
        run();
      },
    },
    field("How the text begins", prefix),
    h(
      "div",
      { class: "controls" },
      h("div", { class: "field" }, h("label", { for: "temperature" }, "Temperature ", chosen), temperature),
      field("Characters", length),
      field("Seed", seed),
    ),
    h("div", { class: "row" }, write, stop, surprise),
  );
  fill(root, form, example_chips(examples, pick), text, note);
  told();
  return () => writing?.abort();
}

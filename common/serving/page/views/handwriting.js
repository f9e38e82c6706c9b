/** A pen's strokes in, what is written out, as soon as the pen rests. */

import { redrawn } from "../drawing.js";
import { draw_ink, fitted, strokes_of, take_strokes, text_of } from "../ink.js";

const REST_MS = 400;
const LIMIT_MB = 8;
const HELP = "Write here by mouse, finger or pen. The answer follows when the pen rests.";
// Of models that were exported without a language model.
const PLAIN_WEIGHTS = { lm_weight: 0, length_bonus: 0 };

export function mount(root, tools) {
  const { application, examples, latest, dom, say } = tools;
  const { h, fill, fail, file_drop, example_chips } = dom;
  const pad = h("canvas", { class: "pad", role: "img", "aria-label": "what is written; the examples below write here too" });
  const text = h("p", { class: "verdict words" });
  const note = h("p", { class: "muted" });
  const found = h("ol", {});
  const others = h("details", { ontoggle: () => others.open && search() }, h("summary", {}, "What else it may be"), found);
  const answer = h("div", { class: "card answer", hidden: true }, text, note, others);
  // A model that reads pictures is sent one of what is drawn.
  const asked = application.facts?.kind === "picture" ? picture_asked : ink_asked;
  // Ink that was given as text is sent as it was given, not as it is drawn.
  let strokes = [], growing = null, given = "", lit = {}, last = {};

  const draw = () => draw_ink(pad, growing ? [...strokes, growing] : strokes, lit);
  const stop_drawing = redrawn(pad, draw);
  const read = latest(REST_MS, async () =>
    strokes.length ? asked(tools, given || text_of(strokes), await picture_of(strokes, pad)) : null,
  );

  async function write(after, as_given = "") {
    [strokes, given, lit] = [after, as_given, {}];
    draw();
    fail(root);
    if (!strokes.length) {
      answer.hidden = true;
      say("");
    }
    await show(read());
  }

  async function show(reading) {
    try {
      const outputs = await reading;
      if (outputs) tell(outputs);
    } catch (error) {
      answer.hidden = true;
      fail(root, error);
    }
  }

  function tell({ text: written, confidence, letters, inputs }) {
    const buttons = letters.map((letter) => letter_button(h, letter, light));
    fill(text, buttons.length ? buttons : written || "(nothing that it can read)");
    note.textContent = `confidence ${percent(confidence)}`;
    others.open = false;
    last = inputs;
    answer.hidden = false;
    answer.dataset.text = written;
    say(written);
  }

  /** Asks for all hypotheses; most people look at the first alone, so not before somebody wants to see them. */
  async function search() {
    const inputs = last;
    fill(found);
    try {
      const hypotheses = await hypotheses_of(tools, inputs);
      if (inputs === last) fill(found, hypotheses.map((one) => h("li", {}, one)));
    } catch (error) {
      fill(found, h("li", { class: "muted" }, error.message));
    }
  }

  function light(letter) {
    lit = letter ?? {};
    draw();
  }

  take_strokes(pad, (stroke, is_over) => {
    growing = is_over ? null : stroke;
    if (is_over) write([...strokes, stroke]);
    else draw();
  });

  const button = (label, action) => h("button", { class: "button", type: "button", onclick: action }, label);
  const give = ({ strokes: ink }) => write(fitted(strokes_of(ink), pad.clientWidth, pad.clientHeight), ink);
  fill(
    root,
    pad,
    h("p", { class: "muted" }, HELP),
    h("div", { class: "row" },
      button("Undo", () => write(strokes.slice(0, -1))),
      button("Clear", () => write([]))),
    example_chips(examples, give),
    answer,
    asked === picture_asked && file_drop("Choose a picture of a word", "image/*", LIMIT_MB, async (file) =>
      show(picture_asked(tools, "", new Uint8Array(await file.arrayBuffer()))), () => write([])),
  );
  return stop_drawing;
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;

async function ink_asked({ ask, application: { name } }, strokes) {
  const inputs = { strokes };
  const [best, letters] = await Promise.all([ask(name, inputs), ask(name, inputs, { signature: "letters" })]);
  return { ...best, letters: letters_of(letters), inputs };
}

async function picture_asked({ ask, bytes, application: { name } }, _, picture) {
  const inputs = { image_bytes: bytes(picture) };
  return { ...(await ask(name, inputs)), letters: [], inputs };
}

/** All that the search found, the best first. */
async function hypotheses_of({ ask, application: { name, facts } }, inputs) {
  const { lm_weight, length_bonus } = { ...PLAIN_WEIGHTS, ...facts };
  const { texts, scores } = await ask(name, { ...inputs, lm_weight, length_bonus }, { signature: "n_best" });
  return texts.filter((_, at) => scores[at] > -1e30);
}

/** The letters of an answer of the signature `letters`, each with the points that it is written with. */
export const letters_of = ({ letters, first_point, last_point, confidence, count }) =>
  letters.slice(0, count).map((text, at) => ({
    text, first: first_point[at], last: last_point[at], confidence: confidence[at],
  }));

function letter_button(h, letter, light) {
  const on = () => light(letter), off = () => light(null);
  const listeners = { onclick: on, onfocus: on, onmouseenter: on, onblur: off, onmouseleave: off };
  return h("button", { type: "button", class: "word letter", title: percent(letter.confidence), ...listeners }, letter.text);
}

/** What is drawn as a PNG of black on white, whatever the colours of the page are. */
async function picture_of(strokes, pad) {
  const canvas = document.createElement("canvas");
  canvas.width = pad.clientWidth;
  canvas.height = pad.clientHeight;
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(context, { strokeStyle: "black", lineWidth: 3, lineCap: "round", lineJoin: "round" });
  for (const points of strokes) {
    context.beginPath();
    points.forEach(([x, y]) => context.lineTo(x, y));
    context.stroke();
  }
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Uint8Array(await blob.arrayBuffer());
}

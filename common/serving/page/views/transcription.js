/** Speech in, what is said out: of a recording word by word with the times, or live from the microphone. */

import { redrawn } from "../drawing.js";
import { live_panel } from "../live.js";
import { as_wav, draw_wave, samples_of, unpacked } from "../recordings.js";

const LIMIT_MB = 8;
const HELP = "Point at a word, or go to it with Tab, to see when it is said. − marks words of which the model is not sure.";

export function mount(root, tools) {
  const { application, examples, ask, bytes, dom, sound, say } = tools;
  const { h, fill, fail, file_drop, example_chips } = dom;
  const text = h("p", { class: "verdict words" });
  const note = h("p", { class: "muted" });
  const wave = h("canvas", { class: "wave", role: "img", "aria-label": "the wave of the recording" });
  const answer = h("div", { class: "card answer", hidden: true }, text, wave, note);
  let samples = new Int16Array(0), marked = null, turn = 0;

  const draw = () => draw_wave(wave, samples, marked ? { from: marked.start, to: marked.end } : {});
  const stop_drawing = redrawn(wave, draw);

  function mark(word) {
    marked = word;
    note.textContent = word ? told_of(word) : HELP;
    draw();
  }

  async function transcribe(given, name) {
    const mine = ++turn;
    fail(root);
    try {
      const file = await as_wav(given, name, sound.wav);
      const outputs = await ask(application.name, { audio_bytes: bytes(file) }, { signature: "words" });
      if (mine === turn) show(words_of(outputs), samples_of(file));
    } catch (error) {
      if (mine !== turn) return;
      answer.hidden = true;
      fail(root, error);
    }
  }

  function forget() {
    turn += 1;
    fail(root);
    answer.hidden = true;
  }

  function show(words, recorded) {
    samples = recorded;
    const buttons = words.map((word) => word_button(dom, word, mark));
    fill(text, buttons.length ? buttons : "(nothing is said)");
    answer.hidden = false;
    mark(null);
    say(words.map((word) => word.text).join(" ") || "nothing is said");
  }

  const live = live_panel(tools, (heard, last) => heard_item(dom, heard, last));
  fill(
    root,
    live.element,
    file_drop("Choose a recording", "audio/*,.wav", LIMIT_MB, async (file) =>
      transcribe(new Uint8Array(await file.arrayBuffer()), file.name), forget),
    example_chips(examples, (row) => transcribe(unpacked(row.audio_bytes), "the example")),
    answer,
  );
  return () => {
    turn += 1;
    live.stop();
    stop_drawing();
  };
}

/** The words of an answer of the signature `words`: `{text, start, end, confidence}` each, times in seconds. */
export const words_of = ({ words, start, end, confidence, count }) =>
  words.slice(0, count).map((text, at) => ({ text, start: start[at], end: end[at], confidence: confidence[at] }));

const percent = (share) => `${(100 * share).toFixed(0)} %`;

const told_of = ({ text, start, end, confidence }) =>
  `“${text}”: ${start.toFixed(2)} to ${end.toFixed(2)} s, confidence ${percent(confidence)}`;

/** A word as a button, the more tinted the less sure the model is of it. */
function word_button({ h, tint }, word, mark) {
  const on = () => mark(word), off = () => mark(null);
  const listeners = { onclick: on, onfocus: on, onmouseenter: on, onblur: off, onmouseleave: off };
  const button = tint(h("button", { type: "button", class: "word", ...listeners }, word.text), word.confidence - 1, 1);
  button.title = percent(word.confidence);
  return button;
}

/** A stretch of what is heard; a model that streams writes on, letter by letter. */
function heard_item({ h, tint }, { text, start, confidence }, last) {
  if (start === undefined && last) {
    last.append(text);
    return null;
  }
  const words = confidence === undefined ? text : tint(h("span", {}, text), confidence - 1, 1);
  return h("li", {}, words, start !== undefined && h("span", { class: "muted" }, ` at ${start.toFixed(1)} s`));
}

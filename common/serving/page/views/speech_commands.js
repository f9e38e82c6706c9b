/** A recording in, the word in it out; or the words of a live microphone, each with its time. */

import { colour, redrawn, surface } from "../drawing.js";
import { live_panel } from "../live.js";
import { as_wav, draw_wave, samples_of, unpacked } from "../recordings.js";

const LIMIT_MB = 8;
const MOST_BARS = 5;
const SPECTRUM = "what the model hears: low tones at the bottom; the line is how much it attends to each moment";

export function mount(root, tools) {
  const { application, examples, ask, bytes, dom, sound, say } = tools;
  const { h, fill, fail, file_drop, example_chips, bar } = dom;
  const verdict = h("p", { class: "verdict" });
  const bars = h("div", { class: "stack" });
  const wave = h("canvas", { class: "wave", role: "img", "aria-label": "the wave of the recording" });
  const spectrum = h("canvas", { class: "spectrum", role: "img", "aria-label": SPECTRUM });
  const heard = h("div", { class: "stack" }, spectrum, h("p", { class: "muted" }, `Above the wave; below ${SPECTRUM}.`));
  const answer = h("div", { class: "card answer", hidden: true }, verdict, bars, wave, heard);
  // A model that streams has no attention to tell of.
  const signature = application.facts?.kind === "streaming" ? "serving_default" : "attention";
  let samples = new Int16Array(0), told = {}, turn = 0;

  const stops = [
    redrawn(wave, () => draw_wave(wave, samples)),
    redrawn(spectrum, () => draw_spectrum(spectrum, told)),
  ];

  async function recognise(given, name) {
    const mine = ++turn;
    fail(root);
    try {
      const file = await as_wav(given, name, sound.wav);
      const outputs = await ask(application.name, { audio_bytes: bytes(file) }, { signature });
      if (mine === turn) show(outputs, samples_of(file));
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

  function show(outputs, recorded) {
    [told, samples] = [outputs, recorded];
    const classes = likeliest(outputs.probabilities, application.facts?.labels, outputs.label);
    verdict.textContent = plain(outputs.label);
    fill(bars, classes.map(([label, share]) => bar(share, label)));
    heard.hidden = !outputs.log_mel;
    answer.hidden = false;
    draw_wave(wave, samples);
    draw_spectrum(spectrum, told);
    say(`${plain(outputs.label)}, ${(100 * classes[0][1]).toFixed(1)} percent`);
  }

  const live = live_panel(tools, ({ label, time, probability }) =>
    h("li", {}, h("strong", {}, label), h("span", { class: "muted" }, told_of(time, probability))));
  fill(
    root,
    live.element,
    file_drop("Choose a recording", "audio/*,.wav", LIMIT_MB, async (file) =>
      recognise(new Uint8Array(await file.arrayBuffer()), file.name), forget),
    example_chips(examples, (row) => recognise(unpacked(row.audio_bytes), "the example")),
    answer,
  );
  return () => {
    turn += 1;
    live.stop();
    stops.forEach((stop) => stop());
  };
}

const told_of = (time, probability) => ` at ${time.toFixed(1)} s, ${(100 * probability).toFixed(0)} %`;

const plain = (label) => label.replaceAll("_", "");

/** The most probable classes with their probabilities; the best alone where the names of the others are not known. */
export function likeliest(probabilities, labels, best) {
  if (labels?.length !== probabilities.length) return [[plain(best), Math.max(...probabilities)]];
  return labels
    .map((label, at) => [plain(label), probabilities[at]])
    .sort(([, one], [, other]) => other - one)
    .slice(0, MOST_BARS);
}

/** Draws a log-mel spectrum `[frames][bins]`, and over it the attention `[time]` as a line. */
function draw_spectrum(canvas, { log_mel, attention }) {
  const { context, width, height } = surface(canvas);
  if (!log_mel || !width) return;
  context.drawImage(spectrum_of(log_mel), 0, 0, width, height);
  context.strokeStyle = colour("accent");
  context.lineWidth = 3;
  context.beginPath();
  const most = Math.max(...attention);
  attention.forEach((share, at) =>
    context.lineTo(((at + 0.5) * width) / attention.length, height - 4 - (0.9 * height * share) / most));
  context.stroke();
}

/** A canvas of a pixel per frame and mel bin, low tones at the bottom, the darker the louder. */
function spectrum_of(log_mel) {
  const values = log_mel.flat(), low = Math.min(...values), range = Math.max(...values) - low || 1;
  const canvas = document.createElement("canvas");
  const bins = log_mel[0].length;
  [canvas.width, canvas.height] = [log_mel.length, bins];
  const context = canvas.getContext("2d");
  context.fillStyle = colour("ink");
  log_mel.forEach((column, frame) => column.forEach((value, bin) => {
    context.globalAlpha = 0.8 * ((value - low) / range) ** 2;
    context.fillRect(frame, bins - 1 - bin, 1, 1);
  }));
  return canvas;
}

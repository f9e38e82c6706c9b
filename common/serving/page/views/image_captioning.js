/** A picture in, its caption out; each word shows where in the picture the model looked as it wrote it. */

import { colour, redrawn } from "../drawing.js";
import { unpacked } from "../recordings.js";

const READ_BY_MODELS = ["image/jpeg", "image/png", "image/gif", "image/bmp"];
const LIMIT_MB = 8;
const END = "</s>";
const JPEG_QUALITY = 0.92;
const DIMMED = 0.75;
const ROWS = ["top", "middle", "bottom"], COLUMNS = ["left", "middle", "right"];
const HELP = "Point at a word, or go to it with Tab: the picture shows where the model looked as it wrote it.";

export function mount(root, { application, examples, ask, bytes, dom, say }) {
  const { h, fill, fail, file_drop, example_chips } = dom;
  const picture = h("img", { alt: "" });
  const overlay = h("canvas", { "aria-hidden": "true" });
  const frame = h("div", { class: "frame", hidden: true }, picture, overlay);
  const caption = h("p", { class: "verdict words" });
  const looking = h("p", { class: "muted" });
  const beam = h("ol", {});
  const others = h("details", { ontoggle: () => others.open && search() }, h("summary", {}, "What else the search found"), beam);
  const answer = h("div", { class: "card answer", hidden: true }, caption, looking, others);
  const film = h("div", { class: "film" });
  let word = null, turn = 0, image_bytes = null, address = "", stop_camera = () => {};

  const draw = () => draw_attention(overlay, word);
  const stop_drawing = redrawn(overlay, draw);

  function look(at) {
    word = at;
    looking.textContent = at ? told_of(at) : HELP;
    draw();
  }

  async function describe(blob, name) {
    const mine = ++turn;
    fail(root);
    frame.hidden = answer.hidden = true;
    look(null);
    try {
      const ready = await readable(blob, name);
      if (mine !== turn) return;
      show(ready);
      image_bytes = bytes(new Uint8Array(await ready.arrayBuffer()));
      const attended = await ask(application.name, { image_bytes }, { signature: "attend" });
      if (mine !== turn) return;
      fill(caption, words_of(attended).map((one) => word_button(h, one, look)));
      others.open = false;
      answer.hidden = false;
      say(attended.caption);
    } catch (error) {
      if (mine === turn) fail(root, error);
    }
  }

  function forget() {
    turn += 1;
    fail(root);
    frame.hidden = answer.hidden = true;
  }

  /** Asks for all hypotheses; most people look at the first alone, so not before somebody wants to see them. */
  async function search() {
    const mine = turn;
    fill(beam);
    try {
      const found = await ask(application.name, { image_bytes }, { signature: "n_best" });
      if (mine === turn) fill(beam, hypotheses_of(found).map((one) => scored(h, one)));
    } catch (error) {
      if (mine === turn) fail(root, error);
    }
  }

  function show(blob) {
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(blob);
    picture.src = address;
    picture.alt = "the picture that is described";
    frame.hidden = false;
  }

  async function open_camera() {
    fail(root);
    try {
      stop_camera = await filming(h, film, (blob) => describe(blob, "the camera's picture"));
    } catch (error) {
      fail(root, error);
    }
  }

  const paste = ({ clipboardData }) => {
    const file = [...(clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    if (file.size > 1e6 * LIMIT_MB) fail(root, `the pasted picture: expected at most ${LIMIT_MB} MB`);
    else describe(file, "the pasted picture");
  };
  document.addEventListener("paste", paste);

  fill(
    root,
    file_drop("Choose a picture", "image/*", LIMIT_MB, (file) => describe(file, file.name), forget),
    h("div", { class: "row" },
      h("button", { class: "button", type: "button", onclick: open_camera }, "Camera"),
      h("span", { class: "muted" }, "or paste a picture")),
    example_chips(examples, (row) => describe(new Blob([unpacked(row.image_bytes)]), "the example")),
    film, frame, answer,
  );
  return () => {
    turn += 1;
    document.removeEventListener("paste", paste);
    stop_drawing();
    stop_camera();
    URL.revokeObjectURL(address);
  };
}

/** The words of an answer of `attend`, each with the map `[grid][grid]` of where the model looked; without the end. */
export const words_of = ({ tokens, attention }) =>
  tokens.map((text, at) => ({ text, map: attention[at] })).filter(({ text }) => text !== "" && text !== END);

/** The captions of an answer of `n_best` with their scores, without the places that the search left empty. */
export const hypotheses_of = ({ captions, scores }) =>
  captions.map((text, at) => [text, scores[at]]).filter(([, score]) => score > -1e30);

const scored = (h, [text, score]) => h("li", {}, text, " ", h("span", { class: "muted" }, `score ${score.toFixed(3)}`));

function word_button(h, word, look) {
  const on = () => look(word), off = () => look(null);
  const listeners = { onclick: on, onfocus: on, onmouseenter: on, onblur: off, onmouseleave: off };
  return h("button", { type: "button", class: "word", ...listeners }, word.text);
}

/** Where the model looked for a word, in words. */
export function told_of({ text, map }) {
  const { share, row, column } = peak_of(map);
  const third = (place, names) => names[Math.min(2, Math.floor((3 * place) / map.length))];
  const where = `${third(row, ROWS)} ${third(column, COLUMNS)}`.replace("middle middle", "middle");
  const places = map.length * map[0].length;
  return `“${text}”: ${(100 * share).toFixed(0)} % of its attention on one of ${places} places, ${where}`;
}

function peak_of(map) {
  const places = map.flatMap((values, row) => values.map((share, column) => ({ share, row, column })));
  return places.reduce((best, one) => (one.share > best.share ? one : best));
}

/** Dims the picture where the model did not look, by the word's own highest weight, and frames the highest. */
function draw_attention(canvas, word) {
  canvas.width = canvas.clientWidth || 1;
  canvas.height = canvas.clientHeight || 1;
  if (!word) return;
  const context = canvas.getContext("2d");
  const peak = peak_of(word.map);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(dimming(word.map, peak.share), 0, 0, canvas.width, canvas.height);
  const width = canvas.width / word.map[0].length, height = canvas.height / word.map.length;
  context.strokeStyle = colour("accent");
  context.lineWidth = 2;
  context.strokeRect(peak.column * width + 1, peak.row * height + 1, width - 2, height - 2);
}

/** A canvas of a pixel per place, the darker the less the model looked there. */
function dimming(map, most) {
  const cells = document.createElement("canvas");
  cells.width = map[0].length;
  cells.height = map.length;
  const context = cells.getContext("2d");
  map.forEach((values, row) => values.forEach((share, column) => {
    context.fillStyle = `rgba(0, 0, 0, ${DIMMED * (1 - share / most)})`;
    context.fillRect(column, row, 1, 1);
  }));
  return cells;
}

/** A picture as the models read it: other formats than theirs are drawn anew as JPEG. */
async function readable(blob, name) {
  let picture;
  try {
    picture = await createImageBitmap(blob);
  } catch {
    throw new Error(`${name}: not a picture that this browser reads; expected JPEG, PNG, GIF, BMP or WebP`);
  }
  if (blob.type === "" || READ_BY_MODELS.includes(blob.type)) return blob;
  return jpeg_of(picture, picture.width, picture.height);
}

function jpeg_of(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(source, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
}

/** Shows what the camera sees, with a button that takes a picture. Returns what ends it. */
async function filming(h, place, on_picture) {
  if (!navigator.mediaDevices) throw new Error("The camera needs https, or a page from this very machine.");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch (error) {
    throw new Error(`The camera cannot be used: ${error.message || error.name}`);
  }
  const video = h("video", { playsinline: true, "aria-label": "what the camera sees" });
  const stop = () => {
    stream.getTracks().forEach((track) => track.stop());
    place.replaceChildren();
  };
  const take = async () => {
    const blob = await jpeg_of(video, video.videoWidth, video.videoHeight);
    stop();
    on_picture(blob);
  };
  // Before the camera shows something there is no picture to take.
  const shutter = h("button", { class: "button primary", type: "button", disabled: true, onclick: take }, "Take the picture");
  const close = h("button", { class: "button", type: "button", onclick: stop }, "Close the camera");
  video.muted = true;
  video.srcObject = stream;
  place.replaceChildren(video, h("div", { class: "row" }, shutter, close));
  await video.play();
  shutter.disabled = false;
  shutter.focus();
  return stop;
}

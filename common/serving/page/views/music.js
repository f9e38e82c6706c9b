/** Notes in, music that goes on from them or around them out; a piano roll that plays. */

import { redrawn, wants_calm } from "../drawing.js";
import { midi_of } from "../midi.js";
import { filled, held_notes, notes_of_text, text_of_notes } from "../notes.js";
import { draw_roll, place_of } from "../piano_roll.js";
import { play } from "../player.js";
import { counted } from "../wording.js";

const TONICS = ["C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B"];
const KEYS = ["any", ...["major", "minor"].flatMap((mode) => TONICS.map((tonic) => `${tonic} ${mode}`))];
const STEPS = { 1: "a quarter note", 2: "an eighth", 4: "a sixteenth" };
const TEMPO = 90;
const MOST_STEPS = 512;
const NO_STEP = -1;
const HELP = "A step of several notes: G4+D4+B3. A silent step: -. Steps stand between blanks.";
const NO_NOTES = "No notes yet: write some, by a click on the roll or as text below it, or let it begin from nothing.";

export function mount(root, { application, examples, ask, dom, say }) {
  const { h, fill, fail, field, example_chips } = dom;
  const asked = controls(dom, application.facts, examples[0]?.row ?? {});
  const voices = application.facts?.voices ?? examples[0].row.notes[0].length;
  const roll = h("canvas", { class: "roll", role: "img", "aria-label": "piano roll", onclick: (event) => write_at(event) });
  const text = h("textarea", { rows: 3, spellcheck: "false", onchange: () => work(read_text) });
  const told = h("p", { class: "muted" });
  const trouble = h("div", { class: "trouble" });
  const button = (label, action, kind = "") => h("button", { class: `button ${kind}`, type: "button", onclick: action }, label);
  const player = button("Play", () => (playing ? playing.stop() : start()));
  let notes = [], given = 0, playing = null, turn = 0;

  const draw = () => draw_roll(roll, notes, {
    given, position: playing ? Math.max(0, playing.position()) : -1, steps_per_quarter: asked.value("steps_per_quarter"),
  });
  const stop_drawing = redrawn(roll, draw);

  function show(next, from, message) {
    playing?.stop();
    [notes, given] = [next, from];
    text.value = text_of_notes(notes);
    told.textContent = message;
    player.disabled = save_button.disabled = harmony_button.disabled = !notes.length;
    draw();
    say(message);
  }

  /** Does what a button asks for; what comes after another button was pressed is left out. */
  async function work(task) {
    const mine = ++turn;
    fail(trouble);
    try {
      const done = await task();
      if (mine === turn) done();
    } catch (error) {
      if (mine === turn) fail(trouble, error);
    }
  }

  async function go_on() {
    const before = notes.length;
    // JSON has no list of no steps of four notes: a step of -1 throughout is the same to the model.
    const begun = before ? notes : [Array(voices).fill(NO_STEP)];
    const inputs = { ...asked.inputs(voices), notes: begun, steps: asked.value("steps") };
    const after = notes_of(await ask(application.name, inputs));
    return () => show(after, before, `${counted(after.length - before, "step")} written after ${before}`);
  }

  async function harmonise() {
    const melody = notes.map((step) => Math.max(...step));
    const after = notes_of(await ask(application.name, { ...asked.inputs(voices), melody }, { signature: "harmonize" }));
    return () => show(after, 0, `${counted(after.length, "step")} of the melody with voices below it`);
  }

  function save() {
    const times = { steps_per_quarter: asked.value("steps_per_quarter"), tempo: asked.value("tempo") };
    download(midi_of(held_notes(notes), { steps: notes.length, voices, ...times }), "music.mid");
  }

  function read_text() {
    const next = notes_of_text(text.value, voices);
    return () => show(next, next.length, next.length ? `${counted(next.length, "step")} given` : NO_NOTES);
  }

  function write_at({ offsetX, offsetY }) {
    const { step, note } = place_of(notes, roll.clientWidth, roll.clientHeight, offsetX, offsetY);
    const next = toggled(notes, step, note, voices);
    turn += 1;
    show(next, next.length, `${counted(next.length, "step")} given`);
  }

  function start() {
    const step_seconds = 60 / asked.value("tempo") / asked.value("steps_per_quarter");
    playing = play(held_notes(notes), { step_seconds, steps: notes.length, voices, on_end: ended });
    player.textContent = "Stop";
    if (!wants_calm()) follow();
  }

  function follow() {
    if (!playing) return;
    draw();
    requestAnimationFrame(follow);
  }

  function ended() {
    playing = null;
    player.textContent = "Play";
    draw();
  }

  const pick = (row) => {
    asked.set(row);
    show(row.notes, row.notes.length, `${counted(row.notes.length, "step")} given`);
    work(go_on);
  };
  const harmony_button = button("Harmonise the top voice", () => work(harmonise));
  const save_button = button("Save as MIDI", save);
  fill(
    root,
    example_chips(examples, pick),
    roll,
    h("div", { class: "row" }, player, button("Go on", () => work(go_on), "primary"), harmony_button, save_button,
      button("Clear", () => work(() => () => show([], 0, NO_NOTES)))),
    trouble,
    told,
    h("div", { class: "fields" }, asked.elements),
    field("The notes as text", text, HELP),
  );
  show([], 0, NO_NOTES);
  return () => {
    turn += 1;
    playing?.stop();
    stop_drawing();
  };
}

/** The fields that say how notes are chosen: their elements, their values, and the inputs that they make. */
function controls({ h, field }, facts, row) {
  const grids = [...new Set([row.steps_per_quarter, ...(facts?.kinds ?? []).map((kind) => kind.steps_per_quarter)])];
  const number = (value, limits) => h("input", { type: "number", value: String(value), ...limits });
  const choice = (options) => h("select", {}, options.map(([value, label]) => h("option", { value: String(value) }, label)));
  const fields = {
    steps: ["Steps to write", number(row.steps ?? 16, { min: 1, max: MOST_STEPS })],
    temperature: ["Temperature", number(row.temperature ?? 0.9, { min: 0, max: 2, step: 0.1 })],
    seed: ["Seed", number(row.seed ?? 0, { min: 0, step: 1 })],
    tempo: ["Quarters a minute", number(TEMPO, { min: 20, max: 300 })],
    key: ["Key", choice([...KEYS.entries()])],
    steps_per_quarter: ["A step is", choice(grids.map((grid) => [grid, STEPS[grid] ?? `a quarter / ${grid}`]))],
  };
  const value = (name) => Number(fields[name][1].value);
  return {
    elements: Object.values(fields).map(([label, control]) => field(label, control)),
    value,
    set: (values) => Object.entries(fields).forEach(([name, [, control]]) => {
      if (name in values) control.value = String(values[name]);
    }),
    inputs: (voices) => ({
      temperature: value("temperature"),
      top_p: row.top_p ?? 1,
      seed: value("seed"),
      key: value("key"),
      steps_per_quarter: value("steps_per_quarter"),
      lowest: Array(voices).fill(0),
      highest: Array(voices).fill(0),
    }),
  };
}

const notes_of = ({ notes, count }) => notes.slice(0, count);

/** The notes with one more at a step, or one less where it is there; new steps before it are silent. */
export function toggled(notes, step, note, voices) {
  if (step < 0 || note < 1 || note > 127) return notes;
  const longer = Array.from({ length: Math.max(notes.length, step + 1) }, (_, at) => notes[at] ?? filled([], voices));
  const before = longer[step].filter(Boolean);
  const after = before.includes(note) ? before.filter((one) => one !== note) : [note, ...before].slice(0, voices);
  return longer.map((one, at) => (at === step ? filled(after, voices) : one));
}

function download(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "audio/midi" }));
  link.download = name;
  link.click();
  // Not at once: the browser may not have begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

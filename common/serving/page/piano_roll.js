/** Notes as a piano roll: time to the right, pitch upward, each voice in another thickness and shade. */

import { colour, surface } from "./drawing.js";
import { held_notes, note_name } from "./notes.js";

const BLACK_KEYS = new Set([1, 3, 6, 8, 10]);
const ROOM = 3, LABELS = 34;
const SHARES = [1, 0.8, 0.65, 0.5];

/** Where the roll's notes lie: the lowest note that it shows, how many, and the size of a step and of a note. */
export function layout_of(notes, width, height) {
  const sounding = notes.flat().filter((note) => note > 0);
  const low = Math.min(60, ...sounding) - ROOM, high = Math.max(72, ...sounding) + ROOM;
  const count = high - low + 1;
  return { low, high, count, left: LABELS, step: (width - LABELS) / Math.max(notes.length, 8), row: height / count };
}

/** The step and the note at a place of the canvas. */
export function place_of(notes, width, height, x, y) {
  const { high, left, step, row } = layout_of(notes, width, height);
  return { step: Math.floor((x - left) / step), note: high - Math.floor(y / row) };
}

/** Draws notes, those of the first `given` steps outlined, and a line at the step that sounds. */
export function draw_roll(canvas, notes, { given = 0, position = -1, steps_per_quarter = 1 } = {}) {
  const { context, width, height } = surface(canvas);
  const layout = layout_of(notes, width, height);
  draw_keys(context, layout, width);
  draw_bars(context, layout, notes.length, steps_per_quarter, height);
  held_notes(notes).forEach((one) => draw_note(context, layout, one, one.start < given));
  if (position >= 0) {
    context.fillStyle = colour("ink");
    context.fillRect(layout.left + position * layout.step - 1, 0, 2, height);
  }
}

function draw_keys(context, { low, high, row, left }, width) {
  context.font = `${Math.min(12, Math.max(9, row))}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (let note = low; note <= high; note += 1) {
    const y = (high - note) * row;
    if (BLACK_KEYS.has(note % 12)) {
      context.globalAlpha = 0.35;
      context.fillStyle = colour("line");
      context.fillRect(left, y, width - left, row);
      context.globalAlpha = 1;
    }
    if (note % 12 === 0) {
      context.fillStyle = colour("muted");
      context.fillText(note_name(note), 2, y + row / 2);
    }
  }
}

function draw_bars(context, { left, step }, steps, steps_per_quarter, height) {
  context.fillStyle = colour("line");
  for (let bar = 0; bar <= Math.max(steps, 8); bar += 4 * steps_per_quarter) {
    context.fillRect(left + bar * step, 0, 1, height);
  }
}

function draw_note(context, { high, left, step, row }, { start, end, note, voice }, is_given) {
  const x = left + start * step + 1, y = (high - note) * row + 1;
  const width = Math.max(2, (end - start) * step - 2), height = Math.max(3, row - 2);
  context.globalAlpha = SHARES[voice % SHARES.length];
  context.fillStyle = colour(is_given ? "muted" : "accent");
  context.fillRect(x, y, width, height);
  context.globalAlpha = 1;
}

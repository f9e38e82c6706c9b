/** Notes by step and voice, `[[67, 62, 59, 55], ...]`, MIDI numbers from the highest down, 0 for silence. */

import { counted } from "./wording.js";

const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const STEPS_OF_LETTERS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const NOTE = /^([A-G])([#b]?)(-?\d)$/;

/** 60 as C4. */
export const note_name = (note) => `${NAMES[note % 12]}${Math.floor(note / 12) - 1}`;

/** C4 as 60; NaN for what is no note. */
export function note_number(name) {
  if (/^\d+$/.test(name)) return Number(name);
  const parts = NOTE.exec(name);
  if (!parts) return NaN;
  const moved = { "#": 1, b: -1, "": 0 }[parts[2]];
  return 12 * (Number(parts[3]) + 1) + STEPS_OF_LETTERS[parts[1]] + moved;
}

/** Steps as text: "G4+D4 F#4 -" is a step of two notes, one of one and a silent one. */
export const text_of_notes = (notes) =>
  notes.map((step) => step.filter((note) => note > 0).map(note_name).join("+") || "-").join(" ");

/** The notes of such a text, for so many voices. */
export function notes_of_text(text, voices) {
  return text.trim().split(/\s+/).filter(Boolean).map((step, at) => {
    const numbers = step === "-" ? [] : step.split("+").map(note_number);
    const odd = numbers.findIndex((note) => !(note >= 1 && note <= 127));
    if (odd >= 0) {
      const got = step.split("+")[odd] || step;
      throw new Error(`step ${at + 1}: expected notes such as G4+D4, or - for silence, got ${got}`);
    }
    if (numbers.length > voices) throw new Error(`step ${at + 1}: ${counted(numbers.length, "note")}; expected ${voices} at most`);
    return filled(numbers, voices);
  });
}

/** A step's notes from the highest down, with silence for the voices that have none. */
export const filled = (numbers, voices) => {
  const sorted = numbers.filter((note) => note > 0).sort((one, other) => other - one);
  return [...sorted, ...Array(voices - sorted.length).fill(0)];
};

/** Notes that stay in a voice for several steps as one: `{start, end, note, voice}` each, by their start. */
export function held_notes(notes) {
  const voices = notes[0]?.length ?? 0;
  const held = [];
  for (let voice = 0; voice < voices; voice += 1) {
    for (let step = 0, start = 0; step < notes.length; step += 1) {
      const note = notes[step][voice];
      if (notes[step - 1]?.[voice] !== note) start = step;
      if (note > 0 && notes[step + 1]?.[voice] !== note) held.push({ start, end: step + 1, note, voice });
    }
  }
  return held.sort((one, other) => one.start - other.start || one.voice - other.voice);
}

/** Recordings that people drop: whatever the browser plays becomes what the models read, and a picture of its wave. */

import { colour, surface } from "./drawing.js";

export const SAMPLE_RATE = 16000;
const HEADER = 44;

/** The bytes of a WAV of 16 bits, one channel and 16 kHz from those of any recording that the browser plays. */
export async function as_wav(bytes, name, wav) {
  if (is_ready(bytes)) return bytes;
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  let decoded;
  try {
    // It takes the buffer away from whoever else holds it.
    decoded = await context.decodeAudioData(bytes.slice().buffer);
  } catch {
    throw new Error(`${name}: not a recording that this browser plays; expected WAV, MP3, OGG or FLAC`);
  }
  return new Uint8Array(await as_bytes(wav(as_int16(mixed(decoded)), SAMPLE_RATE)));
}

const as_bytes = async (file) => (file instanceof Blob ? file.arrayBuffer() : file);

/** Whether bytes are a WAV that needs no conversion, whose samples follow a plain header. */
function is_ready(bytes) {
  if (bytes.length < HEADER || text_at(bytes, 0) !== "RIFF" || text_at(bytes, 12) !== "fmt ") return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (
    view.getUint16(20, true) === 1 && view.getUint16(22, true) === 1 &&
    view.getUint32(24, true) === SAMPLE_RATE && view.getUint16(34, true) === 16 && text_at(bytes, 36) === "data"
  );
}

const text_at = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

function mixed(decoded) {
  const mono = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel += 1) {
    decoded.getChannelData(channel).forEach((value, at) => { mono[at] += value / decoded.numberOfChannels; });
  }
  return mono;
}

const as_int16 = (waveform) =>
  Int16Array.from(waveform, (value) => Math.max(-32768, Math.min(32767, Math.round(32768 * value))));

/** The samples of a WAV that `as_wav` gives. */
export function samples_of(bytes) {
  const count = Math.max(0, Math.floor((bytes.length - HEADER) / 2));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int16Array.from({ length: count }, (_, at) => view.getInt16(HEADER + 2 * at, true));
}

/** The lowest and the highest of the samples that each of `width` places shows. */
export function extremes(samples, width) {
  const at = (place) => Math.floor((place * samples.length) / width);
  return Array.from({ length: width }, (_, place) => {
    let low = 0, high = 0;
    for (let sample = at(place); sample < Math.max(at(place) + 1, at(place + 1)); sample += 1) {
      const value = samples[sample] ?? 0;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low / 32768, high / 32768];
  });
}

/** Draws the wave, as loud as its loudest sample fills the canvas, and shades from some seconds to others. */
export function draw_wave(canvas, samples, { from = 0, to = 0 } = {}) {
  const { context, width, height } = surface(canvas);
  if (!samples.length || !width) return;
  const columns = extremes(samples, Math.round(width));
  const loudest = Math.max(0.02, ...columns.map(([low, high]) => Math.max(-low, high)));
  const place = (seconds) => (seconds * SAMPLE_RATE * width) / samples.length;
  if (to > from) {
    context.globalAlpha = 0.25;
    context.fillStyle = colour("accent");
    context.fillRect(place(from), 0, Math.max(2, place(to) - place(from)), height);
    context.globalAlpha = 1;
  }
  context.fillStyle = colour("ink");
  columns.forEach(([low, high], at) => {
    const top = (height / 2) * (1 - (0.95 * high) / loudest);
    const bottom = (height / 2) * (1 - (0.95 * low) / loudest);
    context.fillRect(at, top, 1, Math.max(1, bottom - top));
  });
}

/** The bytes that `{b64}` stands for. */
export const unpacked = ({ b64 }) => Uint8Array.from(atob(b64), (letter) => letter.charCodeAt(0));

/** The microphone: blocks of 16-bit samples at 16,000 Hz, clips as WAV, and models that listen while one speaks. */

import { AskError, address, ask, bytes, read } from "./ask.js";
import { detector } from "./detector.js";

export const RATE = 16_000;

const HEADER = 44;
const QUIETEST_DB = -60;
const CLIP_SECONDS = 1;
const STEP_SECONDS = 0.02;
const SURE = 0.9;
const REFRACTORY_SECONDS = 0.6;
const PAUSE_SECONDS = 0.6;
const LONGEST_SECONDS = 12;
const SPOKEN = 0.25;
const LAST_ANSWERS_MS = 5000;
const PROCESSING = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** A WAV file, as bytes, of 16-bit samples of one channel. */
export function wav(samples, rate = RATE) {
  const file = new DataView(new ArrayBuffer(HEADER + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, index) => file.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, HEADER - 8 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true);
  file.setUint16(22, 1, true);
  file.setUint32(24, rate, true);
  file.setUint32(28, 2 * rate, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  text(36, "data");
  file.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) => file.setInt16(HEADER + 2 * index, sample, true));
  return new Uint8Array(file.buffer);
}

/** How loud samples are, from 0 to 1 in steps of equal decibels. */
export function loudness(samples) {
  const power = samples.reduce((sum, sample) => sum + (sample / 32768) ** 2, 0) / Math.max(samples.length, 1);
  return Math.max(0, 1 - (10 * Math.log10(power + 1e-12)) / QUIETEST_DB);
}

/**
 * Opens the microphone.
 *
 * @param {function} on_block gets an Int16Array of a tenth of a second.
 * @returns {Promise<{ stop }>} whose `stop` closes it.
 * @throws {AskError} the page may not use it, or there is none.
 */
export async function microphone(on_block) {
  if (!isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    throw new AskError("The browser gives the microphone to pages of https:// or of this machine (localhost) only.");
  }
  const stream = await opened({ audio: PROCESSING });
  const close_stream = () => stream.getTracks().forEach((track) => track.stop());
  try {
    const { context, source } = await connected(stream);
    const blocks = new AudioWorkletNode(context, "blocks", { numberOfOutputs: 0 });
    blocks.port.onmessage = ({ data }) => on_block(data);
    source.connect(blocks);
    return {
      stop: () => {
        blocks.port.onmessage = null;
        close_stream();
        context.close();
      },
    };
  } catch (error) {
    close_stream();
    throw error;
  }
}

async function opened(asked) {
  try {
    return await navigator.mediaDevices.getUserMedia(asked);
  } catch (error) {
    const reasons = { NotAllowedError: "You, or the browser, refused the microphone.", NotFoundError: "There is no microphone." };
    throw new AskError(reasons[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
}

/** The microphone in a context of our rate, or where a browser does not convert, of its own; the worklet converts. */
async function connected(stream) {
  for (const options of [{ sampleRate: RATE }, {}]) {
    const context = new AudioContext(options);
    try {
      const source = context.createMediaStreamSource(stream);
      await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
      await context.resume();
      return { context, source };
    } catch (error) {
      await context.close();
      if (!options.sampleRate) throw error;
    }
  }
  return undefined;
}

/**
 * Records a clip.
 *
 * @param {number} seconds how long it is.
 * @param {function} on_level gets the loudness from 0 to 1, ten times a second.
 * @returns {Promise<Int16Array>} the samples; `wav(samples)` makes a file of them.
 */
export async function record(seconds, on_level = () => {}) {
  const clip = new Int16Array(Math.round(seconds * RATE));
  let filled = 0;
  return new Promise((resolve, reject) => {
    const opening = microphone((block) => {
      on_level(loudness(block));
      const part = block.subarray(0, clip.length - filled);
      clip.set(part, filled);
      filled += part.length;
      if (filled < clip.length) return;
      opening.then(({ stop }) => stop());
      resolve(clip);
    });
    opening.catch(reject);
  });
}

/**
 * Lets a model listen until it is stopped: over the server's WebSocket, and where it has none, clip by clip.
 *
 * @param {object} options
 *   `application`: the model's name;
 *   `on_answer`: gets what was heard: `{ time, label, probability }` for each word that a model of single words
 *   detects, `{ time, start, text, confidence }` for what others write, times in seconds;
 *   `on_level`: gets the loudness from 0 to 1;
 *   `on_error`: gets an error that ends it.
 * @returns {Promise<{ stop, is_live }>} `stop` ends it; `is_live` is false where clips are sent.
 */
export async function listen({ application, on_answer, on_level = () => {}, on_error = () => {} }) {
  const session = (await socket_session(application, on_answer, on_error)) ?? clip_session(application, on_answer, on_error);
  try {
    const source = await microphone((block) => {
      on_level(loudness(block));
      session.hear(block);
    });
    return {
      is_live: session.is_live,
      stop: () => {
        source.stop();
        session.end();
      },
    };
  } catch (error) {
    session.end();
    throw error;
  }
}

/** A session of the server's WebSocket; null where the server has none. */
function socket_session(application, on_answer, on_error) {
  const place = address(`listen?model=${encodeURIComponent(application)}`);
  place.protocol = place.protocol.replace("http", "ws");
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(place);
    let answered = null;
    let is_over = false;
    socket.onclose = () => {
      // One that never answered is not there: TensorFlow Serving has none.
      if (!answered) resolve(null);
      else if (!is_over) on_error(new AskError("The server ended the session."));
      is_over = true;
    };
    socket.onmessage = ({ data }) => {
      const message = read(data);
      if (message.error) {
        is_over = true;
        const error = new AskError(message.error);
        if (answered) on_error(error);
        else reject(error);
      } else if (message.done) is_over = true;
      else if (answered) answered(message);
      else {
        answered = interpreter(message, on_answer);
        resolve({
          is_live: true,
          hear: (block) => socket.readyState === WebSocket.OPEN && socket.send(block.buffer),
          end: () => {
            is_over = true;
            if (socket.readyState === WebSocket.OPEN) socket.send("end");
            setTimeout(() => socket.close(), LAST_ANSWERS_MS);
          },
        });
      }
    };
  });
}

/** What makes of the messages of a session what was heard, by how the model hears. */
export function interpreter({ labels }, on_answer) {
  const detect = labels && detector(labels);
  return ({ time, start, text, confidence, probabilities, posteriors }) => {
    if (text !== undefined) {
      if (text) on_answer({ time, start, text, confidence });
      return;
    }
    const frames = probabilities ? [probabilities] : posteriors;
    frames.forEach((frame, index) => {
      const word = detect?.(time - (frames.length - 1 - index) * STEP_SECONDS, frame);
      if (word) on_answer(word);
    });
  };
}

/** Listens clip by clip over REST: the last second for single words, else what is said between two pauses. */
function clip_session(application, on_answer, on_error) {
  let heard = [];
  let seconds = 0;
  let quiet = 0;
  let last = -Infinity;
  let is_asking = false;
  let writes = false;
  let is_over = false;

  async function asked(samples, time, start) {
    is_asking = true;
    try {
      const row = await ask(application, { audio_bytes: bytes(wav(samples)) });
      writes = row.text !== undefined;
      if (is_over) return;
      if (writes && row.text) on_answer({ time, start, text: row.text, confidence: row.confidence });
      const probability = row.probabilities ? Math.max(...row.probabilities) : 0;
      if (!writes && probability >= SURE && !row.label.startsWith("_") && time >= last + REFRACTORY_SECONDS) {
        last = time;
        on_answer({ time, label: row.label, probability });
      }
    } catch (error) {
      if (!is_over) on_error(error);
      is_over = true;
    }
    is_asking = false;
  }

  return {
    is_live: false,
    hear: (block) => {
      if (is_over) return;
      heard.push(block);
      seconds += block.length / RATE;
      quiet = loudness(block) < SPOKEN ? quiet + block.length / RATE : 0;
      const length = (heard.length * block.length) / RATE;
      if (is_asking) return;
      if (!writes) {
        heard = heard.slice((-CLIP_SECONDS * RATE) / block.length);
        if (length >= CLIP_SECONDS) asked(joined(heard), seconds, seconds - length);
      } else if (quiet >= length) heard = heard.slice(-2);
      else if (quiet >= PAUSE_SECONDS || length >= LONGEST_SECONDS) {
        asked(joined(heard), seconds, seconds - length);
        heard = [];
      }
    },
    end: () => {
      is_over = true;
    },
  };
}

function joined(blocks) {
  const samples = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  blocks.reduce((at, block) => {
    samples.set(block, at);
    return at + block.length;
  }, 0);
  return samples;
}

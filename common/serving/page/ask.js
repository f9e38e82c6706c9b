/** Asks models over TensorFlow Serving's REST: the same of the local server and of the real one. */

import { while_asking } from "./status.js";

const PATIENCE_MS = 60_000;
/** Between a request that the page's policy stops and the event that tells of it. */
const POLICY_MS = 50;
const MARK = "\ue000";
const NUMBERS_OF_NO_JSON = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

const barred = new Set();
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  if (effectiveDirective === "connect-src") barred.add(new URL(blockedURI).origin);
});

/** Why there is no answer, in one line for people. */
export class AskError extends Error {
  /**
   * @param {string} message one line.
   * @param {number} status of HTTP; 0 where no server answered, 200 where the model refused the row.
   */
  constructor(message, status = 0) {
    super(message.replace(/\s+/g, " ").trim());
    this.name = "AskError";
    this.status = status;
  }
}

/** The address of something that the server has; ?server=https://host names a server elsewhere. */
export function address(path) {
  const elsewhere = new URLSearchParams(location.search).get("server");
  if (!elsewhere) return new URL(path, document.baseURI);
  if (!/^https?:\/\/[^/?#\s]/i.test(elsewhere)) {
    throw new AskError(`?server=${elsewhere}: expected an address such as https://host`);
  }
  return new URL(path, elsewhere.endsWith("/") ? elsewhere : `${elsewhere}/`);
}

/**
 * Asks a model, by TensorFlow Serving's columnar `inputs`.
 *
 *     const { label } = await ask("sentiment_analysis", { text: "dull" });
 *     const { label } = await ask("sentiment_analysis", { text: ["dull", "great"] }, { rows: true });
 *
 * @param {string} application the model's name.
 * @param {object} inputs of one row by name, as examples have them: texts, numbers, lists, `bytes(...)`; a missing
 *   number is NaN or null. With `rows` each is a list over rows.
 * @param {object} options `signature`, `rows` for several rows, `signal` to give up.
 * @returns {Promise<object>} the outputs by name; with `rows` each is a list over rows, `error` among them.
 * @throws {AskError} the server is dead, has no such model or refuses the request; or the model refuses the one row.
 */
export async function ask(
  application,
  inputs,
  { signature = "serving_default", rows = false, signal } = {},
) {
  const columns = rows ? inputs : mapped(inputs, (value) => [value]);
  const question = request(`v1/models/${encodeURIComponent(application)}:predict`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: written({ signature_name: signature, inputs: columns }),
    signal,
  });
  const { outputs } = await while_asking(`${application} ${signature}`, question);
  if (rows) return outputs;
  const row = mapped(outputs, (values) => values[0]);
  if (row.error) throw new AskError(row.error, 200);
  return row;
}

/** What the server says of a model: "" for the state of its versions, "/metadata" for its signatures. */
export async function report(application, what = "", signal = undefined) {
  return request(`v1/models/${encodeURIComponent(application)}${what}`, { signal });
}

/** Bytes as an input: `{ b64 }`. */
export function bytes(array) {
  const binary = [];
  // A call takes some 100,000 arguments, and a picture has more bytes.
  for (let start = 0; start < array.length; start += 8192) {
    binary.push(String.fromCharCode(...array.subarray(start, start + 8192)));
  }
  return { b64: btoa(binary.join("")) };
}

/**
 * Asks for the latest of values that come fast, such as a text while it is typed: waits until `delay` milliseconds
 * were quiet, and until the request before was answered.
 *
 *     const read = latest(150, (text) => ask("sentiment_analysis", { text }));
 *     const answer = await read(box.value);
 *     if (answer) show(answer); // undefined where a later call came meanwhile
 *
 * @param {number} delay in milliseconds.
 * @param {function} work what is called with the latest values; returns a promise.
 * @returns {function} called with the values; gives what `work` does, or undefined for all calls but the last.
 */
export function latest(delay, work) {
  let calls = 0;
  let running = Promise.resolve();
  return async (...values) => {
    const call = ++calls;
    await new Promise((resolve) => setTimeout(resolve, delay));
    // Of those that wait for the request in flight, only the last one asks when it is over.
    while (call === calls) {
      const before = running;
      await before;
      if (before === running) break;
    }
    if (call !== calls) return undefined;
    const answer = work(...values);
    running = Promise.resolve(answer).catch(() => {});
    try {
      const result = await answer;
      return call === calls ? result : undefined;
    } catch (error) {
      if (call !== calls) return undefined;
      throw error;
    }
  };
}

async function request(path, { signal, ...options }) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const place = address(path);
  let response, text;
  try {
    response = await fetch(place, { ...options, signal: signal ? AbortSignal.any([signal, patience]) : patience });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (patience.aborted) throw new AskError(`The server did not answer within ${PATIENCE_MS / 1000} seconds.`);
    if (await is_barred(place)) {
      throw new AskError(
        `This page may not ask ${place.origin}: its own server must allow that by connect-src of its Content-Security-Policy.`,
      );
    }
    throw new AskError("The server does not answer. Is it still running?");
  }
  const answer = read(text);
  if (response.ok && answer) return answer;
  throw new AskError(refusal(path, response.status, answer?.error), response.status);
}

/** Whether the policy that came with the page does not let it ask the server of an address. */
async function is_barred({ origin }) {
  if (origin === location.origin) return false;
  await new Promise((resolve) => setTimeout(resolve, POLICY_MS));
  return barred.has(origin);
}

function refusal(path, status, said) {
  if (status === 404) {
    const name = decodeURIComponent(path.split("/")[2].split(":")[0]);
    return `The server has no model ${name}. It serves what its folder of models holds.`;
  }
  if (status === 413) return "That is more than the server takes in one request.";
  return said || `The server answered with status ${status}, not as TensorFlow Serving does.`;
}

/** JSON with the bare NaN, Infinity and -Infinity that TensorFlow Serving reads. */
export function written(value) {
  const text = JSON.stringify(value, (_, part) => {
    if (part === null) return `${MARK}NaN`;
    return typeof part === "number" && !Number.isFinite(part) ? `${MARK}${part}` : part;
  });
  return text.replace(new RegExp(`"${MARK}(NaN|-?Infinity)"`, "g"), "$1");
}

/** What such JSON holds; undefined where it is none. */
export function read(text) {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g, (part) =>
    part in NUMBERS_OF_NO_JSON ? `"${MARK}${part}"` : part,
  );
  try {
    return JSON.parse(quoted, (_, part) =>
      typeof part === "string" && part.startsWith(MARK) ? (NUMBERS_OF_NO_JSON[part.slice(1)] ?? part) : part,
    );
  } catch {
    return undefined;
  }
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

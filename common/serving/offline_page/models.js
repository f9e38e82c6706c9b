// Models that run in the page: what `export --format onnx` writes, by ONNX Runtime in WebAssembly.

import { frontend } from "./frontend.js";
import * as ort from "./runtime/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
// More threads need headers that a plain file server does not send, and a step takes a millisecond.
ort.env.wasm.numThreads = 1;

const ARRAYS = { int32: Int32Array, float32: Float32Array };

// The graph `step` of a model, which goes on where it ended.
export class Step {
  static async open(folder) {
    const answer = await fetch(`${folder}/frontend.json`);
    if (!answer.ok) throw new Error(`${folder}/frontend.json: ${answer.status} ${answer.statusText}`);
    const facts = await answer.json();
    const session = await ort.InferenceSession.create(`${folder}/${facts.graph.name}.onnx`);
    return new Step(facts, session);
  }

  constructor(facts, session) {
    this.facts = facts;
    this.session = session;
    this.frontend = frontend(facts);
  }

  // The states before the first step.
  zeros() {
    return Object.fromEntries(Object.keys(this.facts.graph.states).map((name) => [name, this.#tensor(name)]));
  }

  // What one step answers, and the states after it. `inputs` are numbers by name.
  async run(inputs, states) {
    const given = Object.entries(inputs).map(([name, values]) => [name, this.#tensor(name, [values].flat())]);
    const outputs = await this.session.run({ ...Object.fromEntries(given), ...states });
    const after = Object.entries(this.facts.graph.states).map(([name, output]) => [name, outputs[output]]);
    return { outputs, states: Object.fromEntries(after) };
  }

  #tensor(name, values) {
    const { dtype, shape } = this.facts.graph.inputs[name];
    const size = shape.reduce((product, one) => product * one, 1);
    return new ort.Tensor(dtype, ARRAYS[dtype].from(values ?? new Array(size).fill(0)), shape);
  }
}

// Reads text word by word, and reads on from where the last text and the new one part.
export class Keyboard {
  constructor(step) {
    this.step = step;
    // After each word that was read: the word, the states and the scores of the next one.
    this.read = [];
  }

  async suggest(text, count) {
    const words = ["\n", ...this.step.frontend.segment(text).words];
    const same = words.findIndex((word, place) => this.read[place]?.word !== word);
    this.read.length = same < 0 ? words.length : same;
    for (const word of words.slice(this.read.length)) {
      const before = this.read.at(-1)?.states ?? this.step.zeros();
      const { outputs, states } = await this.step.run(this.step.frontend.read(word), before);
      this.read.push({ word, states, logits: outputs.logits.data });
    }
    return this.step.frontend.suggest(this.read.at(-1).logits, text, count);
  }
}

// Writes text character by character, after a beginning.
export class Writer {
  constructor(step) {
    this.step = step;
  }

  // Yields one character after another, without end.
  async *write(prefix, temperature, random = Math.random) {
    const numbers = this.step.frontend.encode(prefix).token;
    let { outputs, states } = { outputs: undefined, states: this.step.zeros() };
    for (const token of numbers) ({ outputs, states } = await this.step.run({ token }, states));
    for (;;) {
      const token = drawn(outputs.logits.data, temperature, random);
      yield this.step.frontend.decode([token]);
      ({ outputs, states } = await this.step.run({ token }, states));
    }
  }
}

// The place of the highest of the logits at temperature 0, and otherwise one that is drawn from their softmax.
export function drawn(logits, temperature, random) {
  const highest = logits.reduce((most, one) => Math.max(most, one), -Infinity);
  if (temperature === 0) return logits.indexOf(highest);
  const weights = Array.from(logits, (one) => Math.exp((one - highest) / temperature));
  let rest = random() * weights.reduce((sum, one) => sum + one, 0);
  const place = weights.findIndex((one) => (rest -= one) < 0);
  return place < 0 ? logits.indexOf(highest) : place;
}

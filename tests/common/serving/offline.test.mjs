// The models of the page without a server, over a runtime that counts: FOLDER holds the page's modules and that runtime.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";

const { Keyboard, Step, Writer, drawn } = await import(pathToFileURL(join(process.env.FOLDER, "models.js")));

const int = (shape) => ({ dtype: "int32", shape });
const graph = (inputs) => ({
  name: "step",
  inputs: { ...inputs, states: { dtype: "float32", shape: [1, 2] } },
  states: { states: "states_after" },
});

// After token t the most probable one is t % most + 1, and the states count the steps.
class Session {
  constructor(most) {
    this.most = most;
    this.tokens = [];
  }

  async run({ token, states }) {
    this.tokens.push(token.data[0]);
    const logits = new Float32Array(this.most + 1);
    logits[(token.data[0] % this.most) + 1] = 5;
    const after = states.data.map((one) => one + 1);
    return { logits: { data: logits }, states_after: { data: after } };
  }
}

const characters = {
  version: 1,
  kind: "characters",
  unknown: 0,
  first: 0,
  characters: "abc",
  graph: graph({ token: int([1]) }),
};

const words = {
  version: 1,
  kind: "words",
  unknown: 0,
  number: 1,
  line_end: 2,
  first: 2,
  first_word: 3,
  normalisation: [],
  end_of_text: "\x1e",
  pieces: "(\\p{L}+\\x1e|\\p{L}+|\\p{N}+|[^\\s\\x1e])| +",
  at_blanks: false,
  is_number: "\\p{N}+",
  fold: [{ lower: true }],
  ngrams: { lengths: [3], longest: 2, count: 2, buckets: 9 },
  sentence_ends: ["\n", "."],
  words: ["one", "two", "three", "."],
  spellings: ["one", "two", "Three", "."],
  is_suggested: [1, 1, 1, 0],
  graph: graph({ token: int([1]), ngrams: int([1, 2]) }),
};

test("a text goes on with the most probable character at temperature 0", async () => {
  const session = new Session(3);
  const written = [];
  for await (const character of new Writer(new Step(characters, session)).write("a", 0)) {
    if (written.push(character) === 5) break;
  }
  assert.equal(written.join(""), "bcabc");
  assert.deepEqual(session.tokens.slice(0, 3), [0, 1, 2]);
});

test("characters are drawn by their shares", () => {
  const logits = Float32Array.from([Math.log(1), Math.log(3)]);
  assert.equal(drawn(logits, 1, () => 0.24), 0);
  assert.equal(drawn(logits, 1, () => 0.26), 1);
  assert.equal(drawn(logits, 0, () => 0), 1);
  assert.equal(drawn(logits, 0.01, () => 0.26), 1);
});

test("the words that fit are suggested, the most probable first, and marks never", async () => {
  const keyboard = new Keyboard(new Step(words, new Session(6)));
  const suggested = (await keyboard.suggest("one ", 2)).map(({ word }) => word);
  assert.deepEqual(suggested, ["two", "one"]);
  const begun = await keyboard.suggest("one T", 3);
  assert.deepEqual(begun.map(({ word }) => word), ["Two", "Three"]);
  assert.ok(Math.abs(begun.reduce((sum, one) => sum + one.probability, 0) - 1) < 1e-6);
});

test("a suggestion has a capital at the beginning of a sentence", async () => {
  const keyboard = new Keyboard(new Step(words, new Session(6)));
  assert.deepEqual((await keyboard.suggest("one. ", 1)).map(({ word }) => word), ["One"]);
});

test("only what is new of a text is read", async () => {
  const session = new Session(6);
  const keyboard = new Keyboard(new Step(words, session));
  const read = async (text) => {
    session.tokens.length = 0;
    await keyboard.suggest(text, 3);
    return session.tokens;
  };
  assert.deepEqual(await read("one two "), [2, 3, 4]);
  assert.deepEqual(await read("one two three "), [5]);
  assert.deepEqual(await read("one two three t"), []);
  assert.deepEqual(await read("one three "), [5]);
  assert.deepEqual(await read(""), []);
  assert.deepEqual(await read("zebra 7 "), [0, 1]);
});

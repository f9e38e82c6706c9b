// The front end in JavaScript makes of each raw input of a golden file the numbers that the graph makes.
//
// FOLDER=... node --test tests/common/serving/frontend.test.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { fingerprint64, frontend } from "../../../common/serving/offline_page/frontend.js";

const folder = process.env.FOLDER;
const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf-8"));
// 16-bit sound gives the graph's own frames but for the last digits, which the logarithm of near silence shows most.
const TOLERANCE = 2e-3;

function rawOf(raw) {
  if (typeof raw === "string") return raw;
  const bytes = Buffer.from(raw.pcm16, "base64");
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function shapeOf(values) {
  const isList = Array.isArray(values) || ArrayBuffer.isView(values);
  return isList ? [values.length, ...(values.length ? shapeOf(values[0]) : [])] : [];
}

const flat = (values) => [...values].flatMap((one) => (typeof one === "number" ? [one] : flat(one)));

function assertNear(found, expected, name) {
  assert.equal(found.length, expected.length, name);
  expected.forEach((one, place) => {
    const isNear = Math.abs(found[place] - one) <= TOLERANCE;
    assert.ok(isNear, `${name}, place ${place}: expected ${one}, got ${found[place]}`);
  });
}

function assertShown(values, shown, name) {
  assert.deepEqual(shapeOf(values), shown.shape, name);
  const numbers = flat(values);
  if (shown.values) {
    assert.deepEqual(numbers, flat(shown.values), name);
    return;
  }
  assertNear(numbers.slice(0, shown.first.length), shown.first, name);
  assertNear(numbers.slice(-shown.last.length), shown.last, name);
  assertNear([numbers.reduce((sum, one) => sum + one, 0) / numbers.length], [shown.mean], name);
}

if (folder) {
  const facts = read("frontend.json");
  const { examples } = read("golden.json");

  test("there are twenty examples", () => assert.ok(examples.length >= 20));

  examples.forEach(({ raw, steps, inputs }, place) => {
    test(`example ${place + 1}: ${typeof raw === "string" ? JSON.stringify(raw) : "sound"}`, () => {
      const made = frontend(facts).encode(rawOf(raw));
      assert.deepEqual(Object.keys(made).sort(), Object.keys(inputs).sort());
      for (const [name, shown] of Object.entries(inputs)) {
        assert.equal(made[name].length, steps);
        assertShown(made[name], shown, name);
      }
    });
  });

  if (facts.kind === "characters") {
    test("numbers become the text again, and what is unknown a replacement character", () => {
      const known = facts.characters;
      const characters = frontend(facts);
      assert.equal(characters.decode(characters.numbersOf(known)), known);
      assert.equal(characters.decode([0]), "\uFFFD");
    });
  }

  if (facts.kind === "subwords") {
    const { normalised, letters, decoded } = read("subwords.json");
    const subwords = frontend(facts);

    test(`${normalised.length} texts are normalised as in the graph`, () => {
      normalised.forEach(([raw, text]) => assert.equal(subwords.normalised(raw), text, JSON.stringify(raw)));
    });

    test("letters are joined with their marks as in the graph, but for those that this node does not know", () => {
      const known = letters.filter(([letter]) => !/\p{Cn}/u.test(letter));
      assert.ok(known.length > 10_000);
      known.forEach(([letter, raw, text]) => assert.equal(subwords.normalised(raw), text, letter));
    });

    test(`${decoded.length} rows of ids become the texts that the graph makes of them`, () => {
      decoded.forEach(([ids, text]) => {
        assert.equal(subwords.decode(ids), text);
        assert.equal(subwords.decode(Int32Array.from(ids)), text);
      });
    });

    test("an id that no piece has is refused", () => {
      const most = facts.first_piece + facts.pieces.length - 1;
      const refusal = new RegExp(`subwords: expected ids from 0 to ${most}, got ${most + 1}`);
      assert.throws(() => subwords.decode([most, most + 1]), refusal);
      assert.throws(() => subwords.decode([-1]), /got -1/);
    });
  }

  if (facts.kind === "log-mel" && facts.frames_per_step && !facts.clip_samples) {
    test("a stream in pieces of any size gives the frames of the whole", () => {
      const sound = rawOf(examples[1].raw);
      const whole = frontend(facts).encode(sound).frames.flat();
      const stream = frontend(facts);
      const pieces = [1, 399, 700, 3000, 700].reduce(
        ({ frames, place }, size) => ({
          frames: [...frames, ...stream.push(sound.subarray(place, place + size))],
          place: place + size,
        }),
        { frames: [], place: 0 },
      );
      assertNear(flat(pieces.frames), flat(whole), "frames");
    });
  }
}

test("a file of another version or kind is refused", () => {
  assert.throws(() => frontend({ version: 2, kind: "words" }), /expected version 1 of a known kind, got 2 of words/);
  assert.throws(() => frontend({ version: 1, kind: "smells" }), /got 1 of smells/);
});

test("the hash of nothing is its own constant, and a text too long for it is refused", () => {
  assert.equal(fingerprint64(""), 0x9ae16a3b2f90404fn);
  assert.throws(() => fingerprint64("x".repeat(33)), /at most 32 bytes, got 33/);
});

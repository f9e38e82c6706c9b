// What stands before a model that runs without TensorFlow: it makes numbers of text and sound, and text of numbers.
//
// `frontend(facts)` of the `frontend.json` that an export writes gives one of the classes below. Each makes the numbers
// that the graph of the SavedModel makes; the `golden.json` beside it holds examples of both.

const MASK = (1n << 64n) - 1n;

export function frontend(facts) {
  const kinds = { characters: Characters, words: Words, subwords: Subwords, features: Features, "log-mel": LogMel };
  if (facts.version !== 1 || !(facts.kind in kinds)) {
    throw new Error(`frontend.json: expected version 1 of a known kind, got ${facts.version} of ${facts.kind}`);
  }
  return new kinds[facts.kind](facts);
}

// Characters, which are Unicode code points, as numbers from 1 on; `unknown` is any other.
export class Characters {
  constructor(facts) {
    this.facts = facts;
    this.characters = [...facts.characters];
    this.numbers = new Map(this.characters.map((character, place) => [character, place + 1]));
  }

  // What goes in, step by step, to read a text from its beginning.
  encode(text) {
    return { token: [this.facts.first, ...this.numbersOf(text)] };
  }

  numbersOf(text) {
    return [...text].map((character) => this.numbers.get(character) ?? this.facts.unknown);
  }

  decode(numbers) {
    return numbers.map((number) => this.characters[number - 1] ?? "\uFFFD").join("");
  }
}

// Words of running text as numbers, and those that may come next as they are written.
export class Words {
  constructor(facts) {
    this.facts = facts;
    this.pieces = new RegExp(facts.pieces, "gu");
    this.isNumber = new RegExp(`^(?:${facts.is_number})$`, "u");
    this.normalisation = facts.normalisation.map(textStep);
    this.folding = facts.fold.map(textStep);
    this.numbers = new Map(facts.words.map((word, place) => [word, place + facts.first_word]));
    this.beginnings = facts.words.map((word) => [word, withoutAccents(word)]);
  }

  // The complete words of a text, as spelled, and the word that it ends with, "" after a blank or a mark.
  segment(text) {
    const { end_of_text: end, at_blanks: atBlanks } = this.facts;
    const lines = this.normalisation.reduce((changed, step) => step(changed), text);
    const apart = atBlanks ? lines.replaceAll("\n", " \n ") : lines;
    const words = [];
    let place = 0;
    const keep = (piece) => piece && words.push(piece);
    for (const match of (apart + end).matchAll(this.pieces)) {
      // What no pattern takes belongs to the piece behind it.
      keep((apart + end).slice(place, match.index) + (match[1] ?? ""));
      place = match.index + match[0].length;
    }
    keep((apart + end).slice(place));
    const begun = words.at(-1).endsWith(end) ? words.pop() : end;
    return { words, begun: begun.replaceAll(end, "") };
  }

  fold(word) {
    return this.folding.reduce((changed, step) => step(changed), word);
  }

  number(word) {
    if (word === "\n") return this.facts.line_end;
    const number = this.numbers.get(this.fold(word)) ?? this.facts.unknown;
    return number === this.facts.unknown && this.isNumber.test(word) ? this.facts.number : number;
  }

  // The hashed character n-grams of a word: a bucket from 1 on for each, 0 where there is none.
  ngrams(word) {
    const { lengths, longest, buckets } = this.facts.ngrams;
    const marked = ["<", ...[...this.fold(word)].slice(0, longest), ">"];
    return lengths.flatMap((size) =>
      Array.from({ length: longest + 2 - size + 1 }, (_, start) => {
        const piece = marked.slice(start, start + size);
        return piece.length < size ? 0 : 1 + Number(fingerprint64(piece.join("")) % BigInt(buckets));
      }),
    );
  }

  // What goes in to read one word.
  read(word) {
    const token = this.number(word);
    const isUnknown = token === this.facts.unknown;
    return { token, ngrams: isUnknown ? this.ngrams(word) : new Array(this.facts.ngrams.count).fill(0) };
  }

  // What goes in, step by step, to read the complete words of a text from its beginning.
  encode(text) {
    const read = ["\n", ...this.segment(text).words].map((word) => this.read(word));
    return { token: read.map((one) => one.token), ngrams: read.map((one) => one.ngrams) };
  }

  // The most probable words that fit the word begun: [{word, probability}], from the scores after the text's last word.
  suggest(logits, text, count) {
    const { words, begun } = this.segment(text);
    const { first_word: first, is_suggested: isSuggested, spellings, sentence_ends: ends } = this.facts;
    const prefix = this.fold(begun);
    const fitting = this.beginnings
      .map((ways, place) => ({ place, fits: isSuggested[place] && ways.some((way) => way.startsWith(prefix)) }))
      .filter((one) => one.fits)
      .map(({ place }) => ({ place, score: logits[first + place] }));
    const highest = fitting.reduce((most, one) => Math.max(most, one.score), -Infinity);
    const total = fitting.reduce((sum, one) => sum + Math.exp(one.score - highest), 0);
    const starts = begun === "" && ends.includes(words.at(-1) ?? "\n");
    return fitting
      .sort((one, other) => other.score - one.score || one.place - other.place)
      .slice(0, count)
      .map(({ place, score }) => ({
        word: this.#written(spellings[place], begun, starts, text.includes("’")),
        probability: Math.exp(score - highest) / total,
      }));
  }

  #written(spelling, begun, starts, isCurly) {
    if (this.facts.at_blanks) return spelling;
    const first = [...begun][0] ?? "";
    const isUpper = [...begun].length > 1 && begun === begun.toUpperCase() && begun !== begun.toLowerCase();
    const [letter, ...others] = spelling;
    const isCapital = first !== first.toLowerCase() || starts;
    const cased = isUpper ? spelling.toUpperCase() : isCapital ? letter.toUpperCase() + others.join("") : spelling;
    return isCurly ? cased.replaceAll("'", "’") : cased;
  }
}

// Subwords of a unigram language model: a text as the ids of its most probable pieces, and the text of ids.
export class Subwords {
  constructor(facts) {
    this.facts = facts;
    this.normalisation = facts.normalisation.map(textStep);
    this.spellings = [...new Array(facts.first_piece).fill(""), ...facts.pieces];
    this.ids = new Map(facts.pieces.map((piece, place) => [piece, place + facts.first_piece]));
    // Single precision throughout, as the graph has it: pieces that tie there tie here.
    const withoutPiece = new Array(facts.first_piece).fill(facts.unknown_score);
    this.scores = Float32Array.from([...withoutPiece, ...facts.log_probabilities]);
    this.longest = facts.pieces.reduce((most, piece) => Math.max(most, [...piece].length), 0);
    const single = facts.pieces.filter((piece) => [...piece].length === 1);
    const spelt = single.map((piece) => `\\u{${piece.codePointAt(0).toString(16)}}`).join("");
    this.unknownCharacters = new RegExp(`[^ ${spelt}]+`, "gu");
  }

  // What goes in, in one step.
  encode(text) {
    return { ids: [this.idsOf(text)] };
  }

  // The ids of a text's pieces, `max_tokens` of them at most, and the end.
  idsOf(text) {
    const characters = this.#charactersOf(text);
    const pieces = this.#piecesAt(characters);
    const ids = [];
    for (let place = 0; place < characters.length && ids.length < this.facts.max_tokens; ) {
      const { id, length } = pieces[place];
      ids.push(id);
      place += length;
    }
    return [...ids, this.facts.end];
  }

  // The text of the pieces before the first end; ids that are no pieces leave no mark.
  decode(ids) {
    const outside = ids.find((id) => this.spellings[id] === undefined);
    if (outside !== undefined) {
      throw new Error(`subwords: expected ids from 0 to ${this.spellings.length - 1}, got ${outside}`);
    }
    const end = ids.indexOf(this.facts.end);
    const pieces = Array.from(end < 0 ? ids : ids.slice(0, end), (id) => this.spellings[id]);
    return trimmed(pieces.join("").replace(new RegExp(`${this.facts.space}+`, "gu"), " "));
  }

  // The text in one spelling: single plain spaces, nothing invisible, accents composed with their letters.
  normalised(text) {
    return trimmed(this.normalisation.reduce((changed, step) => step(changed), text));
  }

  // The characters that pieces are sought in, a run of unknown ones being one; each word stands after a `space`.
  #charactersOf(text) {
    const known = this.normalised(text).replace(this.unknownCharacters, "\uFFFD");
    const cut = [...known].slice(0, this.facts.max_tokens * this.longest).join("");
    return [...cut.replace(/(?:^| )([^ ])/gu, `${this.facts.space}$1`)];
  }

  // The piece that the most probable segmentation from each character on begins with; the shortest of equal ones.
  #piecesAt(characters) {
    const best = new Float32Array(characters.length + 1);
    const pieces = new Array(characters.length);
    for (let place = characters.length - 1; place >= 0; place -= 1) {
      best[place] = -Infinity;
      const last = Math.min(this.longest, characters.length - place);
      for (let length = 1, piece = ""; length <= last; length += 1) {
        piece += characters[place + length - 1];
        const id = this.ids.get(piece) ?? (length === 1 ? this.facts.unknown : undefined);
        const score = id === undefined ? -Infinity : Math.fround(this.scores[id] + best[place + length]);
        if (score > best[place]) {
          best[place] = score;
          pieces[place] = { id, length };
        }
      }
    }
    return pieces;
  }
}

// A text as the features of its tokens: the word's number, and hashes of how it begins and ends.
export class Features {
  constructor(facts) {
    this.facts = facts;
    this.normalisation = facts.normalisation.map(textStep);
    this.numbers = new Map(facts.words.map((word, place) => [word, place + facts.first_word]));
  }

  // The tokens of a text, at least one; a text that is too long loses its middle.
  tokens(text) {
    const { longest_token: longest, max_tokens: most } = this.facts;
    const marked = this.normalisation.reduce((changed, step) => step(changed), text);
    const tokens = marked.split(/[\t\n\v\f\r ]+/u).filter((token) => token !== "");
    const cut = tokens.map((token) => [...token].slice(0, longest).join(""));
    const head = Math.floor(most / 2);
    const kept = cut.filter((_, place) => place < head || place >= cut.length - (most - head));
    return kept.length ? kept : [""];
  }

  // What goes in, in one step.
  encode(text) {
    return { features: [this.tokens(text).map((token) => this.#features(token))] };
  }

  #features(token) {
    const { affixes, affix_buckets: buckets, unknown } = this.facts;
    const points = [..."<", ...token, ">"].map((character) => character.codePointAt(0));
    const hashes = affixes.map(({ kind, letters }, number) => {
      const affix = kind === "prefix" ? points.slice(0, letters + 1) : points.slice(-(letters + 1));
      return 1 + (this.#hash([number, ...affix]) % buckets);
    });
    return [this.numbers.get(token) ?? unknown, ...hashes];
  }

  // FNV-1a of 32 bits (Fowler, Noll and Vo), number by number.
  #hash(numbers) {
    const { offset, prime } = this.facts.hash;
    return numbers.reduce((state, number) => Math.imul(state ^ number, prime) >>> 0, offset);
  }
}

// One step of a normalisation, told as {replace, by, flags}, {compose} or {lower}.
function textStep(step) {
  if ("replace" in step) {
    const pattern = new RegExp(step.replace, `gu${step.flags ?? ""}`);
    return (text) => text.replace(pattern, step.by);
  }
  if ("compose" in step) return (text) => composed(text, step.compose);
  if ("lower" in step) return (text) => text.toLowerCase();
  throw new Error(`frontend.json: unknown step ${JSON.stringify(step)}`);
}

// A text without the blanks of ASCII at its ends.
function trimmed(text) {
  return text.replace(/^[\t-\r ]+|[\t-\r ]+$/gu, "");
}

// Each letter joined with the marks behind it, as many as `times`, where Unicode has one character for them. Which pairs
// there are is a matter of the Unicode version, of JavaScript here and in the graph of the Python that exported it. They
// differ in letters that only one of them knows: Unicode 17 joins 20 that Unicode 14 lacks.
function composed(text, times) {
  let characters = [...text];
  for (let time = 0; time < times; time += 1) {
    const joined = [];
    for (let place = 0; place < characters.length; place += 1) {
      const one = compositionOf(characters[place], characters[place + 1]);
      joined.push(one ?? characters[place]);
      // The character behind is part of the new one.
      if (one) place += 1;
    }
    characters = joined;
  }
  return characters.join("");
}

// The character that Unicode decomposes into just these two; none for what both make by way of others.
function compositionOf(first, second) {
  if (second === undefined || second < "\u0300") return undefined;
  const one = (first + second).normalize("NFC");
  const code = one.codePointAt(0);
  const isSyllable = code >= 0xac00 && code <= 0xd7a3;
  if ([...one].length > 1 || code < 0xc0 || code >= 0x30000 || isSyllable) return undefined;
  const parts = [...one.normalize("NFD")];
  const last = parts.pop();
  return last === second && parts.join("").normalize("NFC") === first ? one : undefined;
}

function withoutAccents(word) {
  return word.normalize("NFKD").replace(/\p{M}/gu, (mark) => (/[\p{Mn}\p{Mc}]/u.test(mark) ? "" : mark));
}

const K0 = 0xc3a5c85c97cb3127n;
const K1 = 0xb492b66fbe98f273n;
const K2 = 0x9ae16a3b2f90404fn;
const wrapped = (value) => value & MASK;
const rotated = (value, shift) => wrapped((value >> shift) | (value << (64n - shift)));
const shifted = (value) => value ^ (value >> 47n);

// FarmHash's Fingerprint64 (Pike 2014) of a text of at most 32 bytes, as TensorFlow's hash buckets have it.
export function fingerprint64(text) {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = bytes.length;
  const at64 = (place) => view.getBigUint64(place, true);
  const at32 = (place) => BigInt(view.getUint32(place, true));
  const factor = wrapped(K2 + 2n * BigInt(size));
  const mixed = (one, other) => {
    const half = shifted(wrapped((one ^ other) * factor));
    return wrapped(shifted(wrapped((other ^ half) * factor)) * factor);
  };
  if (size > 32) throw new Error(`fingerprint64: expected at most 32 bytes, got ${size}`);
  if (size > 16) {
    const [a, b] = [wrapped(at64(0) * K1), at64(8)];
    const [c, d] = [wrapped(at64(size - 8) * factor), wrapped(at64(size - 16) * K2)];
    const one = wrapped(rotated(wrapped(a + b), 43n) + rotated(c, 30n) + d);
    return mixed(one, wrapped(a + rotated(wrapped(b + K2), 18n) + c));
  }
  if (size >= 8) {
    const [a, b] = [wrapped(at64(0) + K2), at64(size - 8)];
    const one = wrapped(rotated(b, 37n) * factor + a);
    return mixed(one, wrapped((rotated(a, 25n) + b) * factor));
  }
  if (size >= 4) return mixed(BigInt(size) + (at32(0) << 3n), at32(size - 4));
  if (size > 0) {
    const y = BigInt(bytes[0]) + (BigInt(bytes[size >> 1]) << 8n);
    const z = BigInt(size) + (BigInt(bytes[size - 1]) << 2n);
    return wrapped(shifted(wrapped(y * K2) ^ wrapped(z * K0)) * K2);
  }
  return K2;
}

// Sound as log-mel frames. Samples are 16-bit numbers as they come, or real numbers from -1 to 1.
export class LogMel {
  constructor(facts) {
    this.facts = facts;
    this.hann = Float64Array.from({ length: facts.window }, (_, place) => {
      return 0.5 - 0.5 * Math.cos((2 * Math.PI * place) / facts.window);
    });
    this.rest = new Float32Array(facts.context);
  }

  // What goes in, step by step, for a whole recording; of a clip, one step of its fixed length.
  encode(samples) {
    const { clip_samples: clip, frames_per_step: count } = this.facts;
    const sound = asReal(samples, this.facts.scale);
    const whole = new Float32Array(Math.max(clip ?? 0, sound.length) + this.facts.context);
    whole.set(sound, this.facts.context);
    const frames = this.#framesOf(clip ? whole.subarray(0, clip) : whole);
    const steps = Math.floor(frames.length / count);
    return { frames: Array.from({ length: steps }, (_, step) => frames.slice(step * count, (step + 1) * count)) };
  }

  // The frames that the next samples of a stream make, with those left over before.
  push(samples) {
    const sound = asReal(samples, this.facts.scale);
    const whole = new Float32Array(this.rest.length + sound.length);
    whole.set(this.rest);
    whole.set(sound, this.rest.length);
    const frames = this.#framesOf(whole);
    this.rest = whole.slice(frames.length * this.facts.hop);
    return frames;
  }

  #framesOf(whole) {
    const { window, hop } = this.facts;
    const count = Math.max(Math.floor((whole.length - window) / hop) + 1, 0);
    return Array.from({ length: count }, (_, frame) => this.#frame(whole.subarray(frame * hop, frame * hop + window)));
  }

  #frame(samples) {
    const real = new Float64Array(this.facts.fft);
    const imaginary = new Float64Array(this.facts.fft);
    samples.forEach((sample, place) => (real[place] = sample * this.hann[place]));
    transform(real, imaginary);
    return Float32Array.from(this.facts.weights, ({ first, weights }) => {
      const power = (place) => real[place] ** 2 + imaginary[place] ** 2;
      return Math.log(this.facts.quietest + weights.reduce((sum, one, at) => sum + one * power(first + at), 0));
    });
  }
}

function asReal(samples, scale) {
  return samples instanceof Int16Array ? Float32Array.from(samples, (one) => one / scale) : samples;
}

// The discrete Fourier transform in place, of a power of two of numbers (Cooley and Tukey 1965).
function transform(real, imaginary) {
  const size = real.length;
  for (let place = 1, other = 0; place < size; place += 1) {
    let bit = size >> 1;
    for (; other & bit; bit >>= 1) other ^= bit;
    other ^= bit;
    if (place < other) {
      [real[place], real[other]] = [real[other], real[place]];
      [imaginary[place], imaginary[other]] = [imaginary[other], imaginary[place]];
    }
  }
  for (let half = 1; half < size; half *= 2) {
    for (let turn = 0; turn < half; turn += 1) {
      const [cosine, sine] = [Math.cos((-Math.PI * turn) / half), Math.sin((-Math.PI * turn) / half)];
      for (let place = turn; place < size; place += 2 * half) {
        const [x, y] = [real[place + half], imaginary[place + half]];
        const [a, b] = [cosine * x - sine * y, sine * x + cosine * y];
        [real[place + half], imaginary[place + half]] = [real[place] - a, imaginary[place] - b];
        [real[place], imaginary[place]] = [real[place] + a, imaginary[place] + b];
      }
    }
  }
}

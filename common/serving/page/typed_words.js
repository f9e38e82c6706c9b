/** What a text that is typed teaches a keyboard, word by word, and the word that is begun at its end. */

/** What happened to a piece of text, by the numbers that the model's `observe` takes. */
export const TYPED = 1;
export const ACCEPTED = 2;
export const PASSED_OVER = 3;
export const DELETED = 4;

const MOST_DELETED = 20;
const MOST_READ = 300;
const WORD_AT_END = /(?:[\p{L}\p{M}\p{N}]['’-]?)+$/u;
const WORD_AT_START = /^[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*/u;

/** The word that a text ends with, which is begun; "" after a blank. */
export const begun = (text) => WORD_AT_END.exec(text)?.[0] ?? "";

/** The end of a text that suggestions depend on, from the beginning of a word on. */
export function recent(text) {
  const end = text.slice(-MOST_READ);
  const start = text.length > MOST_READ ? end.search(/\s/) : -1;
  return start < 0 ? end : end.slice(start);
}

/**
 * What is to be learned since a text was learned last.
 *
 * A blank or a line end completes what was typed before it. What was learned and is no longer there was deleted, the
 * newest first, and what stands there now was typed.
 *
 * @param {string} learned the beginning of the text that was learned, up to a blank; "" at first.
 * @param {string} text as it is now.
 * @param {string} expected the first suggestion that was shown before the word that is complete now; "" for none.
 * @returns {{ events: { text, choice }[], learned: string }} what happened, in order, and what is learned after it.
 */
export function changes(learned, text, expected = "") {
  const stays = text.startsWith(learned) ? learned : completed(shared(learned, text));
  const deleted = pieces(learned.slice(stays.length)).reverse().slice(0, MOST_DELETED);
  const after = stays + completed(text.slice(stays.length));
  const typed = pieces(after.slice(stays.length), stays);
  const first = WORD_AT_START.exec(typed[0] ?? "")?.[0] ?? "";
  const is_passed = expected && first && folded(first) !== folded(expected);
  return {
    events: [
      ...deleted.map((piece) => ({ text: piece, choice: DELETED })),
      ...(is_passed ? [{ text: expected, choice: PASSED_OVER }] : []),
      ...typed.map((piece) => ({ text: piece, choice: TYPED })),
    ],
    learned: after,
  };
}

/** A text up to its last blank or line end. */
const completed = (text) => /^[^]*\s/.exec(text)?.[0] ?? "";

function shared(one, other) {
  let length = 0;
  while (length < Math.min(one.length, other.length) && one[length] === other[length]) length++;
  return one.slice(0, length);
}

/** The pieces between blanks, and a line end where a line ends that is not empty. */
function pieces(text, before = "") {
  let line = before.slice(before.lastIndexOf("\n") + 1);
  return (text.match(/\S+|\n/g) ?? []).filter((piece) => {
    const is_learned = piece !== "\n" || line.trim() !== "";
    line = piece === "\n" ? "" : line + piece;
    return is_learned;
  });
}

const folded = (word) => word.replaceAll("’", "'").toLowerCase();

/**
 * A keyboard that learns: three words above the box, Tab or Alt+1 to Alt+3 takes one. What it learns of its user is a state that
 * goes with each request and comes back changed; it stays in the memory of this page, and the server keeps nothing.
 */

import { report } from "../ask.js";
import { ACCEPTED, begun, changes, recent } from "../typed_words.js";
import { counted } from "../wording.js";

const DELAY_MS = 60;
const COUNT = 3;
/** What the tensors of a user's state hold before anything is learned; 0 and "" where nothing stands here. */
const EMPTY = { cache_words: -1, count_contexts: -1, count_words: -1, passed: -1, recent: -1, context: 2 };
const OF_EVENTS = ["pieces", "choices"];
/** Words of the user's own are counted in halves. */
const SIGHTING = 2;

export async function mount(root, { application, examples, ask, latest, dom, say }) {
  const { h, fill, fail, example_chips } = dom;
  const definitions = (await report(application.name, "/metadata")).metadata.signature_def;
  const observes = (definitions.signature_def ?? definitions).observe;

  const chips = h("div", { class: "chips suggestions", role: "group", "aria-label": "Suggestions" });
  const help = "Tab or Alt+1 takes the first word, Alt+2 and Alt+3 the others. Esc puts them away: then Tab goes on.";
  const box = h("textarea", { id: "typed", rows: 5, spellcheck: "false", autocomplete: "off", "aria-describedby": "typed-help" });
  const learns = h("input", { type: "checkbox", id: "learns", checked: true });
  const known = h("div", { class: "stack" });
  const forget = h("button", { class: "button", type: "button", onclick: () => forget_all() }, "Forget all");

  let suggestions = { text: "", words: [] };
  let state = null;
  let learned = "";
  let expected = "";
  let events = [];
  let learning = null;

  const suggest = latest(DELAY_MS, (text) => {
    const inputs = { text: recent(text), count: COUNT };
    if (!text.trim()) return { words: [] };
    return state
      ? ask(application.name, { ...inputs, prefix: "", ...state }, { signature: "personal" })
      : ask(application.name, inputs);
  });

  const typed = () => box.value.slice(0, box.selectionStart);

  /** Whether the suggestions are for what stands before the cursor now, not for an earlier text. */
  const is_fresh = () => suggestions.text === typed();

  /** Lets the chips be pressed only while they are for what stands before the cursor. */
  function freshen() {
    for (const chip of chips.children) chip.disabled = !is_fresh();
  }

  async function update() {
    freshen();
    learn();
    await show(typed());
  }

  async function show(text) {
    try {
      const outputs = await suggest(text);
      if (!outputs) return;
      fail(root);
      suggestions = { text, words: outputs.words.filter(Boolean) };
      if (!begun(text)) expected = suggestions.words[0] ?? "";
      draw();
    } catch (error) {
      hide();
      fail(root, error);
    }
  }

  function draw() {
    const chip = (word, index) =>
      h(
        "button",
        {
          class: "chip",
          type: "button",
          onclick: () => take(index),
          "aria-label": `${word}, suggestion ${index + 1}`,
          "aria-keyshortcuts": `Alt+${index + 1}`,
        },
        h("kbd", {}, `Alt+${index + 1}`),
        word,
      );
    fill(chips, suggestions.words.map(chip));
    freshen();
    say(suggestions.words.length ? `Suggestions: ${suggestions.words.join(", ")}` : "");
  }

  function hide() {
    suggestions = { text: "", words: [] };
    draw();
  }

  /** Puts a suggestion in the place of the word that is begun, with a blank after it. */
  function take(index) {
    const word = suggestions.words[index];
    const before = typed();
    if (!word || !is_fresh()) return;
    const start = before.slice(0, before.length - begun(before).length);
    const after = `${start}${word} `;
    const rest = box.value.slice(before.length);
    // What stands directly before the word, such as a bracket, was typed.
    learn(start);
    if (learns.checked && !rest) {
      events.push({ text: word, choice: ACCEPTED });
      learned = after;
      send();
    }
    box.value = after + rest.replace(/^ /, "");
    box.setSelectionRange(after.length, after.length);
    box.focus();
    expected = "";
    show(after);
  }

  function learn(text = box.value) {
    if (!learns.checked) {
      learned = /^[^]*\s/.exec(text)?.[0] ?? "";
      return;
    }
    const change = changes(learned, text, expected);
    if (change.learned !== learned) expected = "";
    learned = change.learned;
    events.push(...change.events);
    send();
  }

  /** Sends what is to be learned, one request after another, since each needs the state after the one before. */
  async function send() {
    if (learning || !events.length) return;
    const now = events;
    events = [];
    learning = ask(
      application.name,
      { pieces: now.map(({ text }) => text), choices: now.map(({ choice }) => choice), ...(state ?? empty_state(observes)) },
      { signature: "observe" },
    );
    const mine = learning;
    try {
      const after = await mine;
      if (mine !== learning) return;
      state = Object.fromEntries(Object.keys(empty_state(observes)).map((name) => [name, after[name]]));
      tell();
    } catch (error) {
      if (mine === learning) fail(root, error);
    }
    if (mine === learning) {
      learning = null;
      send();
    }
  }

  function forget_all() {
    learning = null;
    events = [];
    state = null;
    learned = /^[^]*\s/.exec(box.value)?.[0] ?? "";
    tell();
    say("All is forgotten.");
    box.focus();
    show(typed());
  }

  function tell() {
    forget.disabled = !state;
    if (!state) {
      fill(known, h("p", { class: "muted" }, "Nothing yet. Type some words, each with a blank after it."));
      return;
    }
    const own = state.lexicon_words
      .map((word, slot) => ({ word, times: state.lexicon_sightings[slot] / SIGHTING }))
      .filter(({ word }) => typeof word === "string" && word)
      .sort((one, other) => other.times - one.times);
    const pairs = state.count_words.filter((word) => word !== EMPTY.count_words).length;
    const read = counted(state.clock, "word or mark", "words and marks");
    const item = ({ word, times }) => h("li", { class: "tag" }, word, h("span", { class: "muted" }, ` ${times}×`));
    fill(
      known,
      h("p", {}, `${read}, and ${counted(pairs, "count")} of which word follows which.`),
      own.length > 0 && h("p", {}, "Words that only you have; one is suggested once you have used it a few times:"),
      own.length > 0 && h("ul", { class: "tags" }, own.map(item)),
    );
  }

  box.addEventListener("input", update);
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
    if (event.key === "Escape" && !event.altKey) hide();
    const index = index_of(event);
    if (index < 0 || index >= suggestions.words.length) return;
    // Some browsers go to another tab by Alt and a digit, which nobody means who is late by a moment.
    if (is_fresh() || event.altKey) event.preventDefault();
    take(index);
  });
  // These move the cursor.
  for (const moved of ["keyup", "pointerup"]) box.addEventListener(moved, freshen);

  const pick = ({ text }) => {
    box.value = text;
    // What an example says is not what this person types.
    learned = /^[^]*\s/.exec(text)?.[0] ?? "";
    box.focus();
    show(text);
  };
  fill(
    root,
    h(
      "div",
      { class: "field" },
      h("label", { for: "typed" }, "Type here"),
      chips,
      box,
      h("span", { class: "muted", id: "typed-help" }, help),
    ),
    example_chips(examples, pick),
    h(
      "section",
      { class: "card", "aria-label": "What it has learned" },
      h("h2", {}, "What it has learned of you"),
      h("p", { class: "muted" }, "It stays in the memory of this page and goes with each question; the server keeps none of it, and closing the page forgets it."),
      known,
      h("div", { class: "row" }, h("label", { class: "check", for: "learns" }, learns, "Learn from what I type"), forget),
    ),
  );
  tell();
  box.focus({ preventScroll: true });
}

/** Which suggestion a key takes, -1 for none. By the place of a digit: with Alt it makes another letter on some machines. */
const index_of = ({ key, code, altKey }) =>
  altKey ? ["Digit1", "Digit2", "Digit3"].indexOf(code) : key === "Tab" ? 0 : -1;

/** The state of a user who has typed nothing yet, of the shapes that the model says; see `EMPTY`. */
export function empty_state({ inputs }) {
  const states = Object.entries(inputs).filter(([name]) => !OF_EVENTS.includes(name));
  return Object.fromEntries(
    states.map(([name, { dtype, tensor_shape }]) => {
      const sizes = (tensor_shape.dim ?? []).slice(1).map(({ size }) => Number(size));
      return [name, filled(sizes, EMPTY[name] ?? (dtype === "DT_STRING" ? "" : 0))];
    }),
  );
}

const filled = ([size, ...sizes], value) =>
  size === undefined ? value : Array.from({ length: size }, () => filled(sizes, value));

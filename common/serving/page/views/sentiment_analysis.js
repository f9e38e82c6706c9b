/** Sentiment while it is typed: the label, how sure the model is, and what each word has to do with it. */

const DELAY_MS = 150;

export function mount(root, { application, examples, ask, latest, dom, say }) {
  const { h, fill, bar, fail, field, example_chips } = dom;
  const most = application.facts?.max_tokens ?? Infinity;
  const box = h("textarea", { rows: 4, spellcheck: "false", oninput: () => update() });
  const answer = h("div", { class: "card answer", hidden: true });
  const read = latest(DELAY_MS, async (text) =>
    // A text that was deleted takes the place of the one before, whose answer may still come.
    text.trim() ? ask(application.name, { text }, { signature: "explain" }) : null,
  );

  async function update() {
    const text = box.value;
    fail(root);
    if (!text.trim()) {
      answer.hidden = true;
      say("");
    }
    try {
      const outputs = await read(text);
      if (outputs) show(text, outputs);
    } catch (error) {
      answer.hidden = true;
      fail(root, error);
    }
  }

  function show(text, { label, probabilities, tokens, contributions, mask }) {
    const probability = Math.max(...probabilities);
    const real = tokens.filter((_, index) => mask[index]);
    const strongest = Math.max(...contributions.map(Math.abs));
    const words = spans_of(text, real).map(({ text: part, token }) =>
      token === null ? part : dom.tint(h("span", {}, part), contributions[token], strongest),
    );
    answer.hidden = false;
    fill(
      answer,
      h("p", { class: "verdict" }, label),
      bar(probability, "probability"),
      real.length >= most && h("p", { class: "muted" }, `The model reads ${most.toLocaleString("en")} words and marks of a text at most; what stands after them was left out.`),
      h("p", { class: "passage", "aria-label": "The words, tinted" }, words),
      h("p", { class: "legend muted" }, "Tinted words: + speaks for the label, − against it."),
    );
    say(`${label}, ${(100 * probability).toFixed(1)} percent`);
  }

  const pick = ({ text }) => {
    box.value = text;
    update();
  };
  fill(
    root,
    field("A text, such as a review of a film", box, "The answer follows while you type."),
    example_chips(examples, pick),
    answer,
  );
  box.focus({ preventScroll: true });
}

/**
 * The text cut where the model's words are in it: `[{ text, token }]`, where `token` is the number of the word, or
 * null for what stands between words. The model reads words in lower case and leaves some characters out.
 */
export function spans_of(text, tokens) {
  const lower = text.toLowerCase();
  // A few capitals become two letters; then places in one text are not those in the other.
  if (lower.length !== text.length) return tokens.flatMap((word, token) => [{ text: word, token }, { text: " ", token: null }]);
  const spans = [];
  let end = 0;
  tokens.forEach((word, token) => {
    const start = lower.indexOf(word, end);
    if (start < 0 || !word) return;
    if (start > end) spans.push({ text: text.slice(end, start), token: null });
    spans.push({ text: text.slice(start, start + word.length), token });
    end = start + word.length;
  });
  if (end < text.length) spans.push({ text: text.slice(end), token: null });
  return spans;
}

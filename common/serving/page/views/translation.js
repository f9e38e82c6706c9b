/** Translation: two boxes, which words of one belong to which of the other, and the best of what else it may be. */

const DELAY_MS = 400;
const SPACE = "▁";
const END = "</s>";

export function mount(root, { application, examples, ask, latest, dom, say }) {
  const { h, fill, fail, field, tint, table, example_chips } = dom;
  const box = h("textarea", { rows: 5, oninput: () => update() });
  const output = h("div", { class: "output", role: "region", "aria-labelledby": "translated" });
  const source = h("p", { class: "passage tokens", "aria-label": "The text as the model reads it" });
  const alignment = h("div", { class: "card", hidden: true });
  const others = h("div", { class: "card", hidden: true });
  const read = latest(DELAY_MS, async (text) => {
    if (!text.trim()) return null;
    const [aligned, best] = await Promise.all(
      ["align", "n_best"].map((signature) => ask(application.name, { text }, { signature })),
    );
    return { ...best, ...aligned };
  });

  async function update() {
    fail(root);
    if (!box.value.trim()) {
      clear();
      say("");
    }
    try {
      const outputs = await read(box.value);
      if (outputs) show(outputs);
    } catch (error) {
      clear();
      fail(root, error);
    }
  }

  function clear() {
    fill(output);
    alignment.hidden = others.hidden = true;
  }

  function show({ translation, source_tokens, target_tokens, attention, translations, scores, truncated }) {
    const from = words_of(source_tokens);
    const to = words_of(target_tokens);
    const weights = to.map(({ tokens }) => from.map((word) => weight(attention, tokens, word.tokens)));
    const left = from.map(({ text }) => h("span", { class: "token" }, text));
    const light = (index) => {
      const most = Math.max(...weights[index]);
      left.forEach((element, at) => tint(element, weights[index][at], most));
    };
    const dim = () => left.forEach(untinted);
    const right = to.map(({ text }, index) =>
      h(
        "button",
        {
          class: "token word",
          type: "button",
          onmouseenter: () => light(index),
          onfocus: () => light(index),
          onmouseleave: dim,
          onblur: dim,
          "aria-label": `${text}, from ${from[strongest(weights[index])]?.text ?? "nothing"}`,
        },
        text,
      ),
    );
    fill(
      output,
      h("p", { class: "passage" }, translation),
      truncated && h("p", { class: "muted" }, "The text is longer than the model takes; its end was left out."),
    );
    fill(source, spaced(left));
    fill(
      alignment,
      h("h2", {}, "Which word comes from where"),
      source,
      h("p", { class: "passage tokens" }, spaced(right)),
      h("p", { class: "legend muted" }, "Point at a word of the translation, or reach it with Tab: what the model looked at for it is marked."),
    );
    const rows = different(translations, scores).map(([text, score], index) => [index + 1, text, score]);
    fill(
      others,
      h("h2", {}, "The best translations"),
      table(["", "translation", "score"], rows),
    );
    alignment.hidden = others.hidden = false;
    say(translation);
  }

  const pick = ({ text }) => {
    box.value = text;
    update();
  };
  const [from, to] = ["source", "target"].map((side) => language_of(application.facts?.[side]));
  fill(
    root,
    from && to && h("p", { class: "languages" }, `${from} to ${to}`),
    h(
      "div",
      { class: "two" },
      field("Text", box, "The translation follows when you rest."),
      h("div", { class: "field" }, h("span", { class: "label", id: "translated" }, "Translation"), output),
    ),
    example_chips(examples, pick),
    alignment,
    others,
  );
  box.focus({ preventScroll: true });
}

/** The language that a file or a column of a training is named after: "train.en.gz" is of English; undefined if none. */
export function language_of(name = "") {
  const names = new Intl.DisplayNames("en", { type: "language", fallback: "none" });
  const codes = name.toLowerCase().split(/[^a-z]+/).filter((part) => /^[a-z]{2}$/.test(part));
  return codes.map((code) => names.of(code)).find(Boolean);
}

/** Subwords as words: `[{ text, tokens }]`, where `tokens` are the numbers of the subwords; the end mark is none. */
export function words_of(tokens) {
  const words = [];
  tokens.forEach((token, index) => {
    if (!token || token === END) return;
    if (token.startsWith(SPACE) || !words.length) words.push({ text: "", tokens: [] });
    const word = words.at(-1);
    word.text += token.replaceAll(SPACE, "");
    word.tokens.push(index);
  });
  return words.filter(({ text }) => text);
}

/** How much a word of the translation looked at one of the text: the mean over its subwords of the sum over that's. */
const weight = (attention, targets, sources) =>
  targets.reduce((sum, target) => sum + sources.reduce((part, source) => part + attention[target][source], 0), 0) /
  targets.length;

const strongest = (weights) => weights.indexOf(Math.max(...weights));

const spaced = (elements) => elements.flatMap((element) => [element, " "]);

/** The hypotheses with their scores, each text once; several segmentations may spell the same. */
const different = (texts, scores) =>
  texts.map((text, index) => [text, scores[index]]).filter(([text], index) => text && texts.indexOf(text) === index);

function untinted(element) {
  element.classList.remove("tint");
  element.removeAttribute("data-sign");
  element.removeAttribute("title");
}

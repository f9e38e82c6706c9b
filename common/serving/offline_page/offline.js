// The page that writes and suggests without a server.

import { Keyboard, Step, Writer } from "./models.js";

const SUGGESTIONS = 3;
const LONGEST = 2000;
const element = (id) => document.getElementById(id);

function fail(error) {
  element("state").textContent = `This does not work here: ${error.message}`;
  element("state").classList.add("bad");
}

function startKeyboard(keyboard) {
  const [typed, chips, told] = ["typed", "suggestions", "typed-told"].map(element);
  let latest = 0;

  const take = (word) => {
    const { begun } = keyboard.step.frontend.segment(typed.value);
    typed.value = `${typed.value.slice(0, typed.value.length - begun.length)}${word} `;
    typed.focus();
    show();
  };

  // One text after another, since each goes on from the states of the one before.
  let queue = Promise.resolve();
  const show = () => {
    const asked = ++latest;
    queue = queue.then(async () => {
      if (asked !== latest) return;
      const begun = performance.now();
      const suggested = await keyboard.suggest(typed.value, SUGGESTIONS);
      told.textContent = `${(performance.now() - begun).toFixed(0)} ms`;
      chips.replaceChildren(
        ...suggested.map(({ word }) => {
          const chip = document.createElement("button");
          chip.type = "button";
          chip.textContent = word;
          chip.addEventListener("click", () => take(word));
          return chip;
        }),
      );
    }, fail);
    queue = queue.catch(fail);
  };

  typed.addEventListener("input", show);
  typed.addEventListener("keydown", (event) => {
    const first = chips.querySelector("button");
    if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || !first) return;
    event.preventDefault();
    take(first.textContent);
  });
  // A keyboard alone gets out of the field as usual after Escape.
  typed.addEventListener("keyup", (event) => event.key === "Escape" && chips.querySelector("button")?.focus());
  typed.disabled = false;
  show();
}

function startWriter(writer) {
  const [prefix, temperature, button, written, told] = [
    "prefix",
    "temperature",
    "write",
    "written",
    "written-told",
  ].map(element);
  let isWriting = false;

  const write = async () => {
    written.textContent = prefix.value;
    const begun = performance.now();
    let count = 0;
    for await (const character of writer.write(prefix.value, Number(temperature.value))) {
      if (!isWriting || count === LONGEST) break;
      written.append(character);
      count += 1;
      // The page is drawn now and then, or it would stand still.
      if (count % 8 === 0) await new Promise(requestAnimationFrame);
    }
    const seconds = (performance.now() - begun) / 1000;
    told.textContent = `${count} characters, ${(count / seconds).toFixed(0)} a second`;
  };

  button.addEventListener("click", async () => {
    isWriting = !isWriting;
    button.textContent = isWriting ? "Stop" : "Write";
    if (!isWriting) return;
    await write().catch(fail);
    isWriting = false;
    button.textContent = "Write";
  });
  temperature.addEventListener("input", () => (element("temperature-told").textContent = temperature.value));
  for (const one of [prefix, temperature, button]) one.disabled = false;
}

try {
  startKeyboard(new Keyboard(await Step.open("./keyboard")));
  startWriter(new Writer(await Step.open("./text_generation")));
  element("state").textContent = "Both models are here; the network may go.";
} catch (error) {
  fail(error);
}

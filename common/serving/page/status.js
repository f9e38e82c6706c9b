/** The line that is always in sight: what was done, or what went wrong; and beside it that a model is asked. */

const SHOWN_AFTER_MS = 300;
const answered = new Set();
const waits = new Set();
const line = () => document.getElementById("status");

/** Says what was done; "" for nothing. */
export const say = (text) => write(text, false);

/** Says what went wrong, which may stand out of sight in the view. */
export const say_fault = (text) => write(text, true);

/** Takes away what went wrong; what was done stays. */
export function drop_fault() {
  if (line()?.classList.contains("failed")) say("");
}

/**
 * Says that a model is asked while its answer takes long.
 *
 * @param {string} what is asked: the first answer of a signature takes longer than those after it.
 * @param {Promise} answer that is waited for.
 * @returns {Promise} what the answer is.
 */
export async function while_asking(what, answer) {
  const wait = { text: answered.has(what) ? "asking the model" : "asking the model; its first answer takes longer" };
  const timer = setTimeout(() => tell_waits(() => waits.add(wait)), SHOWN_AFTER_MS);
  try {
    const given = await answer;
    answered.add(what);
    return given;
  } finally {
    clearTimeout(timer);
    tell_waits(() => waits.delete(wait));
  }
}

function tell_waits(change) {
  change();
  const element = document.getElementById("busy");
  if (element) element.textContent = [...waits].at(-1)?.text ?? "";
}

function write(text, is_fault) {
  const element = line();
  if (!element) return;
  element.textContent = text;
  element.classList.toggle("failed", is_fault);
}

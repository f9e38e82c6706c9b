/** The line that is always in sight: what was done, or what went wrong. */

const line = () => document.getElementById("status");

/** Says what was done; "" for nothing. */
export const say = (text) => write(text, false);

/** Says what went wrong, which may stand out of sight in the view. */
export const say_fault = (text) => write(text, true);

/** Takes away what went wrong; what was done stays. */
export function drop_fault() {
  if (line()?.classList.contains("failed")) say("");
}

function write(text, is_fault) {
  const element = line();
  if (!element) return;
  element.textContent = text;
  element.classList.toggle("failed", is_fault);
}

/** The part of a view that listens to the microphone: a button, how loud it is, and a list of what was heard. */

const MOST_SHOWN = 50;

/**
 * `{element, stop}`: a panel that listens once its button is pressed.
 *
 * `shown` makes a list item of an answer; or it writes on the last item, which it is given too, and returns null.
 */
export function live_panel({ application, dom, sound, say }, shown) {
  const { h, fail } = dom;
  const list = h("ol", { class: "heard", "aria-label": "What was heard" });
  const level = h("meter", { min: 0, max: 1, "aria-label": "loudness" });
  const pressed = { "aria-pressed": "false", onclick: () => toggle() };
  const button = h("button", { class: "button primary", type: "button", ...pressed }, "Listen");
  const controls = h("div", { class: "row" }, button, level);
  const element = h("section", { class: "card live", "aria-label": "Microphone" }, controls, list);
  let session = null, is_starting = false;

  const toggle = () => (session ? stop() : start());

  async function start() {
    if (is_starting) return;
    is_starting = true;
    fail(element);
    list.replaceChildren();
    try {
      session = await sound.listen({ application: application.name, on_answer, on_level, on_error });
      listens(true);
    } catch (error) {
      fail(element, error);
    }
    is_starting = false;
  }

  function stop() {
    session?.stop();
    session = null;
    listens(false);
  }

  function listens(is_on) {
    button.textContent = is_on ? "Stop" : "Listen";
    button.setAttribute("aria-pressed", String(is_on));
    if (!is_on) on_level(0);
  }

  function on_answer(answer) {
    const item = shown(answer, list.lastElementChild);
    if (!item) return;
    list.append(item);
    while (list.children.length > MOST_SHOWN) list.firstElementChild.remove();
    list.scrollTop = list.scrollHeight;
    say(item.textContent);
  }

  function on_level(loudness) {
    level.value = loudness;
  }

  function on_error(error) {
    stop();
    fail(element, error);
  }

  return { element, stop };
}

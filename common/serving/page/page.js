/** The shell: which applications there are, which is shown, and what all of them share. */

import { AskError, ask, bytes, latest, report } from "./ask.js";
import * as dom from "./dom.js";
import * as sound from "./sound.js";
import { say } from "./status.js";

const { h, fill } = dom;
const element = (id) => document.getElementById(id);
const NAME = /^[a-z][a-z0-9_]*$/;

let leave = () => {};
let shows = 0;

/** The name that the address asks for, or the first. */
function asked_name(applications) {
  const name = location.hash.slice(1);
  return NAME.test(name) ? name : applications[0].name;
}

/** Whether the server has the model: "served", "missing", or why no server answers. */
async function state_of(name) {
  try {
    const { model_version_status: versions } = await report(name);
    return versions.some(({ state }) => state === "AVAILABLE") ? "served" : "missing";
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    return error.status ? "missing" : error;
  }
}

function draw_list(applications) {
  const link = ({ name, title }) => h("li", {}, h("a", { href: `#${name}`, id: `to-${name}` }, title));
  fill(element("applications"), applications.map(link));
}

async function mark_served(applications) {
  const states = await Promise.all(applications.map(({ name }) => state_of(name)));
  applications.forEach(({ name }, index) => {
    const is_missing = states[index] === "missing";
    element(`to-${name}`).classList.toggle("missing", is_missing);
    element(`to-${name}`).title = is_missing ? "The server has no model of this name." : "";
  });
  const served = states.filter((state) => state === "served").length;
  const is_dead = states.every((state) => state instanceof AskError);
  element("served").textContent = is_dead
    ? states[0].message
    : `${served} of ${applications.length} models served`;
}

/** The view of an application; one that has none of its own is shown by what its model says of itself. */
async function view_of(name) {
  const path = `./views/${name}.js`;
  try {
    return await import(path);
  } catch (error) {
    const response = await fetch(new URL(path, import.meta.url)).catch(() => null);
    if (response?.ok) throw error;
    return import("./views/any.js");
  }
}

async function show(applications, is_first) {
  const name = asked_name(applications);
  const application = applications.find((one) => one.name === name) ?? { name, title: name, takes: "", gives: "" };
  const turn = ++shows;
  leave();
  leave = () => {};
  const view = element("view");
  fill(view);
  say("");
  document.title = `${application.title} · Recurrent applications`;
  element("title").textContent = application.title;
  element("summary").textContent = application.takes ? `${application.takes} in, ${application.gives} out` : "";
  element("knows").textContent = application.knows ? `The shipped model knows ${application.knows}.` : "";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.id === `to-${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  element(`to-${name}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (!is_first) element("title").focus({ preventScroll: true });
  try {
    const module = await view_of(name);
    const state = await state_of(name);
    if (turn !== shows) return;
    if (state === "missing") throw new AskError(`The server has no model ${name}.`);
    const root = h("div", { class: `view ${name}` });
    fill(view, root);
    const tools = { application, examples: application.examples ?? [], ask, latest, bytes, dom, sound, say };
    leave = (await module.mount(root, tools)) ?? (() => {});
    view.dataset.shown = name;
  } catch (error) {
    if (turn === shows) dom.fail(view, error);
  }
}

async function start() {
  const response = await fetch(new URL("applications.json", import.meta.url));
  const applications = await response.json();
  draw_list(applications);
  addEventListener("hashchange", () => {
    // The link that skips the list leads into the page, not to an application.
    if (location.hash !== "#view") show(applications, false);
    else element("view").focus();
  });
  mark_served(applications);
  await show(applications, true);
}

start().catch((error) => dom.fail(element("view"), `The list of applications cannot be read: ${error.message}`));

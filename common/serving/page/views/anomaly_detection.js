/** Readings of sensors in, alarms out: of a whole table at once, or row by row on a chart that runs. */

import { table_of, rounded, zoned } from "../tables.js";
import { counted } from "../wording.js";

const LIMIT_MB = 8;
const ROWS_SHOWN = 240;
// A fast server answers more rows a second than anybody can look at.
const EVERY_MS = 100;
const SECONDS_PER_ROW = 300;
// Of what a column of a table may be called that says what is known of a row, and is no sensor.
const LABELS = new Set(
  ["anomaly", "is_anomaly", "label", "outlier", "fault", "rul", "remaining", "remaining_life", "ttf"],
);
const SERIES = new Set(["unique_id", "series", "series_id", "item_id", "machine", "unit", "engine", "device", "file"]);
const TOLD = ["severity", "alarm", "opened", "sensor", "detector", "expected", "lower", "upper"];
const COLUMNS = ["opened", "closed", "severity", "sensor", "read", "expected", "what"];
const HELP =
  "CSV with a header: a column of times, or none, and a column of numbers for each sensor. An empty cell is missing.";
const SHAPE = "time,temperature,vibration\n2024-05-31 14:00,31.5,0.2";

export function mount(root, { application, examples, ask, dom, say }) {
  const { h, fill, fail, field, file_drop, example_chips, table, chart } = dom;
  const text = h("textarea", { rows: 4, spellcheck: "false", class: "mono", placeholder: SHAPE });
  const usual = String(application.facts?.alarms_per_week ?? 1);
  const budget = h("input", { type: "number", min: 0.01, step: "any", value: usual });
  const state = h("h2", {});
  const charts = h("div", { class: "stack" });
  const alarms = h("div");
  const answer = h("div", { class: "card answer", hidden: true }, state, charts, alarms);
  const button = (label, action, kind = "") =>
    h("button", { class: `button ${kind}`, type: "button", onclick: action }, label);
  const run_button = button("Row by row", () => (is_running ? stop() : work(follow)));
  let turn = 0, is_running = false, panels = [];

  function stop() {
    turn += 1;
    is_running = false;
    run_button.textContent = "Row by row";
  }

  /** Reads the table and does something with it; only one thing at a time. */
  async function work(task) {
    stop();
    fail(root);
    const mine = turn;
    try {
      const readings = readings_of(table_of(text.value));
      open(readings);
      await task(readings, () => mine === turn);
    } catch (error) {
      if (mine !== turn) return;
      answer.hidden = true;
      fail(root, error);
    }
    if (mine === turn) stop();
  }

  function forget() {
    stop();
    fail(root);
    text.value = "";
    answer.hidden = true;
  }

  function open({ sensors }) {
    panels = sensors.map((name) => ({ name, canvas: h("canvas", { class: "low" }) }));
    fill(charts, panels.map(({ name, canvas }) => h("figure", {}, h("figcaption", {}, name), canvas)));
    fill(alarms);
    state.textContent = "…";
    answer.hidden = false;
  }

  async function judge(readings, is_on) {
    const { values, times } = readings;
    const inputs = { values, time: times, alarms_per_week: amount_of(budget) };
    const outputs = await ask(application.name, inputs);
    if (!is_on()) return;
    const rows = values.map((_, row) => Object.fromEntries(TOLD.map((name) => [name, outputs[name][row]])));
    show(readings, rows);
    say(`${counted(alarms_of(rows).length, "alarm")} in ${counted(rows.length, "row")}`);
  }

  async function follow(readings, is_on) {
    is_running = true;
    run_button.textContent = "Stop";
    const alarms_per_week = amount_of(budget);
    let states = states_of(await ask(application.name, { sensors: readings.sensors.length }, { signature: "start" }));
    const rows = [];
    let next = 0;
    for (const [row, value] of readings.values.entries()) {
      const inputs = { value, time: readings.times[row], alarms_per_week, ...states };
      const outputs = await ask(application.name, inputs, { signature: "step" });
      if (!is_on()) return;
      states = states_of(outputs);
      rows.push(outputs);
      tell_change(readings, rows);
      const now = performance.now();
      if (now < next && row < readings.values.length - 1) continue;
      show(readings, rows);
      next = now + EVERY_MS;
    }
  }

  /** Draws the last rows and lists all alarms. */
  function show(readings, rows) {
    const found = alarms_of(rows), last = rows.length - 1, first = Math.max(0, rows.length - ROWS_SHOWN);
    const is_open = rows[last].alarm;
    const judged = is_open ? `ALARM, severity ${rows[last].severity.toFixed(1)}` : "no alarm is open";
    state.textContent = `row ${rows.length} of ${readings.values.length}, ${clock(readings, last)}: ${judged}`;
    state.classList.toggle("alarmed", is_open);
    panels.forEach(({ name, canvas }, sensor) => chart(canvas, panel_of(readings, rows, found, sensor, name, first)));
    const listed = table(COLUMNS, found.map((alarm) => cells_of(alarm, readings)));
    fill(alarms, found.length ? listed : h("p", { class: "muted" }, "No alarm so far."));
  }

  function tell_change(readings, rows) {
    const [before, now] = [rows.at(-2), rows.at(-1)];
    if (now.opened) say(`alarm: ${said(alarms_of(rows).at(-1), readings)}`);
    else if (before?.alarm && !now.alarm) say("the alarm is over");
  }

  const pick = (row) => {
    text.value = csv_of(row, application.facts?.sensors);
    work(follow);
  };
  fill(
    root,
    file_drop("Choose a table", ".csv,.tsv,.txt,text/csv", LIMIT_MB, async (file) => {
      text.value = await file.text();
      work(judge);
    }, forget),
    field("Or paste one", text, HELP),
    example_chips(examples, pick),
    h("div", { class: "row" },
      field("False alarms a week", budget), button("All at once", () => work(judge), "primary"), run_button),
    answer,
  );
  return stop;
}

/** The readings of a table: `{sensors, times, is_counted, values}`, `values` `[rows][sensors]`, times in Unix seconds. */
export function readings_of(table) {
  const series = [...table.texts, ...table.numbers].find(({ name }) => SERIES.has(name.toLowerCase()));
  if (series && new Set(series.values).size > 1) {
    throw new Error(`${series.name}: several series; expected the rows of one, or ask by the predict script`);
  }
  const columns = table.numbers.filter((column) => column !== series && !LABELS.has(column.name.toLowerCase()));
  if (!columns.length) throw new Error("no column of numbers; expected one for each sensor");
  const rows = [...Array(table.rows).keys()];
  return {
    sensors: columns.map(({ name }) => name),
    is_counted: table.time === null,
    times: table.time ? table.time.values : rows.map((row) => row * SECONDS_PER_ROW),
    values: rows.map((row) => columns.map(({ values }) => values[row])),
  };
}

/** The alarms of rows: `{opened, closed, severity, at}`; `at` is the row that opened it, `closed` null if it is open. */
export function alarms_of(rows) {
  const alarms = [];
  rows.forEach(({ alarm, opened, severity }, row) => {
    const before = alarms.at(-1);
    const goes_on = before?.closed === null;
    if (goes_on && (!alarm || opened)) before.closed = row;
    if (alarm && (!goes_on || opened)) alarms.push({ opened: row, closed: null, severity, at: rows[row] });
    else if (alarm) before.severity = Math.max(before.severity, severity);
  });
  return alarms;
}

function panel_of({ values, times, is_counted }, rows, alarms, sensor, name, first) {
  const shown = rows.slice(first);
  const of = (output) => shown.map((row) => row[output][sensor]);
  const reading = read_and_expected(values[rows.length - 1], rows.at(-1), sensor);
  const marks = alarms
    .filter(({ closed }) => closed === null || closed > first)
    .map(({ opened, closed }) => ({ from: Math.max(0, opened - first), to: (closed ?? rows.length - 1) - first }));
  return {
    lines: [
      { values: values.slice(first, rows.length).map((row) => row[sensor]), label: "read" },
      { values: of("expected"), label: "expected" },
    ],
    band: { low: of("lower"), high: of("upper") },
    marks,
    at: (step) => clock({ times, is_counted }, Math.min(first + step, times.length - 1)).slice(0, 16),
    label: `${name}: ${counted(shown.length, "row")}, the last ${reading}, ${counted(marks.length, "alarm")}`,
  };
}

const clock = ({ times, is_counted }, row) => (is_counted ? `row ${row + 1}` : zoned(times[row]));

function cells_of({ opened, closed, severity, at }, readings) {
  const { sensor, detector, expected, lower, upper } = at;
  return [
    clock(readings, opened),
    closed === null ? "open" : clock(readings, closed),
    severity.toFixed(1),
    readings.sensors[sensor],
    rounded(readings.values[opened][sensor]),
    `${rounded(expected[sensor])} (${rounded(lower[sensor])} to ${rounded(upper[sensor])})`,
    detector,
  ];
}

const read_and_expected = (values, { expected }, sensor) =>
  `${rounded(values[sensor])}, expected ${rounded(expected[sensor])}`;

const said = ({ opened, at }, { sensors, values }) =>
  `${sensors[at.sensor]} reads ${read_and_expected(values[opened], at, at.sensor)}, ${at.detector}`;

const states_of = (outputs) =>
  Object.fromEntries(Object.entries(outputs).filter(([name]) => name.startsWith("state_")));

function amount_of(input) {
  const amount = Number(input.value);
  if (amount > 0) return amount;
  throw new Error(`false alarms a week: expected a number above 0, got ${input.value || "nothing"}`);
}

/** An example's row as the table that people would have. */
function csv_of({ time, values }, names) {
  const sensors = names?.length === values[0].length ? names : values[0].map((_, at) => `sensor ${at + 1}`);
  const cell = (value) => (value === null || Number.isNaN(value) ? "" : value);
  const line = (seconds, row) =>
    [`${new Date(1000 * seconds).toISOString().slice(0, 19)}Z`, ...values[row].map(cell)].join(",");
  return [["time", ...sensors].join(","), ...time.map(line)].join("\n");
}

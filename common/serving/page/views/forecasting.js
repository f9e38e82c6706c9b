/** A table of values over time in, the next steps with their interval out, as a chart and as a table. */

import { clock_of, rounded, table_of, zoned } from "../tables.js";
import { counted } from "../wording.js";

const LIMIT_MB = 8;
const ROWS_SHOWN = 3;
const NONE = "(none)";
const COVERAGES = [0.5, 0.8, 0.95];
const USUAL_COVERAGE = 0.8;
const SERIES_NAMES = ["unique_id", "series", "series_id", "item_id"];
const SECONDS = { second: 1, day: 86_400 };
const HELP =
  "CSV with a header: a column of times such as 2024-05-31 14:30, and columns of numbers. An empty cell is missing.";
const SHAPE = "time,demand\n2024-05-31 14:00,31.5\n2024-05-31 14:30,30.2";

export function mount(root, { application, examples, ask, dom, say }) {
  const { h, fill, fail, field, file_drop, example_chips, table, chart } = dom;
  const facts = { ...facts_of(examples[0]?.row), ...application.facts };
  const text = h("textarea", { rows: 4, spellcheck: "false", class: "mono", placeholder: SHAPE });
  const horizon = h("input", { type: "number", min: 1, max: facts.horizon ?? null, value: String(facts.horizon ?? 1) });
  const coverage = h("select", {}, COVERAGES.map((share) =>
    h("option", { value: String(share), selected: share === USUAL_COVERAGE }, `${100 * share} %`)));
  const columns = h("div", { class: "fields", hidden: true });
  const canvas = h("canvas", {});
  const rows = h("div");
  const numbers = h("details", {}, h("summary", {}, "The numbers"), rows);
  const answer = h("div", { class: "card answer", hidden: true }, canvas, numbers);
  const forecast_button = h("button", { class: "button primary", type: "button", onclick: () => read() }, "Forecast");
  let picked = null, turn = 0;

  /** Reads the text, and asks if it is a table. */
  function read() {
    fail(root);
    try {
      picked = pickers(dom, read_table(text.value, facts), facts, forecast);
      fill(columns, picked.elements);
      columns.hidden = false;
    } catch (error) {
      turn += 1;
      columns.hidden = answer.hidden = true;
      return fail(root, error);
    }
    return forecast();
  }

  function forget() {
    turn += 1;
    fail(root);
    text.value = "";
    picked = null;
    columns.hidden = answer.hidden = true;
  }

  async function forecast() {
    const mine = ++turn;
    fail(root);
    try {
      const history = picked.history();
      const steps = steps_of(horizon, facts);
      const inputs = { ...inputs_of(history, facts), coverage: Number(coverage.value) };
      const outputs = await ask(application.name, inputs, { signature: "interval" });
      if (mine === turn) show(history, outputs, steps);
    } catch (error) {
      if (mine !== turn) return;
      answer.hidden = true;
      fail(root, error);
    }
  }

  function show(history, outputs, steps) {
    const ahead = ["lower", "median", "upper"].map((name) => outputs[name].slice(0, steps).map(([value]) => value));
    const times = outputs.time.slice(0, steps);
    const before = history.values.slice(-ROWS_SHOWN * steps), [low, median, high] = ahead, start = before.length;
    const shown = [...history.times.slice(-before.length), ...times].map((time) => time_text(time, facts));
    answer.hidden = false;
    chart(canvas, {
      lines: [{ values: before, label: history.name }, { values: median, label: "forecast", start }],
      band: { low, high, start },
      at: (step) => (shown[step] ?? "").slice(0, 16),
      label: `${history.name}: ${counted(before.length, "value")} and ${counted(steps, "step")} forecast, the last ${rounded(median.at(-1))}`,
    });
    fill(rows, table(["time", "lower", "median", "upper"], times.map((time, at) =>
      [time_text(time, facts), ...ahead.map((values) => Number(values[at].toPrecision(6)))])));
    const between = `between ${rounded(low[0])} and ${rounded(high[0])}`;
    say(`${counted(steps, "step")} of ${history.name} forecast, the first ${rounded(median[0])}, ${between}`);
  }

  for (const control of [horizon, coverage]) control.addEventListener("change", () => picked && forecast());
  const take = (given) => {
    text.value = given;
    read();
  };
  fill(
    root,
    file_drop("Choose a table", ".csv,.tsv,.txt,text/csv", LIMIT_MB, async (file) => take(await file.text()), forget),
    field("Or paste one", text, HELP),
    example_chips(examples, (row) => take(csv_of(row, facts))),
    h("div", { class: "fields" }, field("Steps ahead", horizon), field("Interval that holds", coverage)),
    columns,
    h("div", { class: "row" }, forecast_button),
    answer,
  );
  return () => {
    turn += 1;
  };
}

/** What an example tells of a model whose facts are not known: its step, and how many columns it takes. */
function facts_of(row) {
  if (!row) return { targets: [""], past: [], known: [] };
  const names = (columns) => (columns?.[0] ?? []).map((_, at) => `column ${at + 1}`);
  return {
    targets: names(row.values),
    past: names(row.past),
    known: names(row.known),
    frequency: { count: row.time[1] - row.time[0], unit: "second" },
    lookback: row.time.length,
  };
}

function read_table(text, facts) {
  const table = table_of(text, clock_of(facts.utc ? "" : facts.time_zone));
  if (!table.time) throw new Error("no column of times; expected one such as 2024-05-31 14:30");
  if (!table.numbers.length) throw new Error("no column of numbers; expected one to forecast");
  const [known, targets] = [facts.known?.join(", "), facts.targets];
  if (known) throw new Error(`this model wants ${known} ahead; ask it by its predict script`);
  if (targets.length > 1) throw new Error("this model forecasts several columns together; ask it by its predict script");
  return table;
}

/** Selects for the column to forecast, for those beside it that the model takes, and for the series if there are many. */
function pickers({ h, field }, table, facts, on_change) {
  const names = table.numbers.map(({ name }) => name);
  const select = (options, chosen) => h("select", { onchange: on_change },
    options.map((name) => h("option", { value: name, selected: name === chosen }, name)));
  const target = select(names, names.find((name) => facts.targets.includes(name)) ?? names[0]);
  const past = facts.past.map((name) => [name, select([NONE, ...names], names.includes(name) ? name : NONE)]);
  const series = table.texts.find(({ name }) => SERIES_NAMES.includes(name.toLowerCase()));
  const called = series ? [...new Set(series.values)] : [];
  const which = select(called, called[0]);
  return {
    elements: [
      field("Column to forecast", target),
      ...past.map(([name, control]) => field(`Column of ${name}`, control)),
      called.length > 1 && field("Series", which),
    ],
    history: () => history_of(table, series, {
      target: target.value, past: past.map(([, control]) => control.value), series: which.value,
    }, facts),
  };
}

/**
 * The history of one series up to its last value, with a step for each time: `{name, series, times, values, past}`.
 *
 * What the table lacks between two of its times is missing.
 */
export function history_of(table, series, { target, past, series: called }, facts) {
  const column = (name) => table.numbers.find((one) => one.name === name)?.values;
  const value = column(target), besides = past.map(column);
  const rows = [...table.time.values.keys()]
    .filter((row) => !series || series.values[row] === called)
    .sort((one, other) => table.time.values[one] - table.time.values[other]);
  const last = rows.findLastIndex((row) => !Number.isNaN(value[row]));
  if (last < 0) throw new Error(`${target}: no value; expected a history`);
  const real = rows.slice(0, last + 1);
  const read = (row) => ({
    time: table.time.values[row],
    value: value[row],
    past: besides.map((values) => values?.[row] ?? NaN),
  });
  const steps = on_grid(real.map(read), facts).slice(-(facts.lookback ?? real.length));
  return {
    name: target,
    series: called ?? "",
    times: steps.map(({ time }) => time),
    values: steps.map((step) => step.value),
    past: steps.map((step) => step.past),
  };
}

/** Rows with a step for each time; steps that no row has are missing. */
function on_grid(rows, { frequency, past }) {
  const step = frequency.count * (SECONDS[frequency.unit] ?? 0);
  // Business days and months are of no equal length; the model takes them as they come.
  if (!step) return rows;
  const [{ time: first }] = rows, grid = [];
  for (const row of rows) {
    const place = (row.time - first) / step;
    if (!Number.isInteger(place)) {
      throw new Error(`${zoned(row.time)}: expected steps of ${duration(step)} from ${zoned(first)} on`);
    }
    if (grid[place]) throw new Error(`${zoned(row.time)}: comes twice; expected a row for each time`);
    grid[place] = row;
  }
  const usual = median(rows.slice(1).map((row, at) => row.time - rows[at].time));
  if (usual > step) {
    throw new Error(`steps of ${duration(usual)}; expected ${duration(step)}, as the model was trained on`);
  }
  return Array.from(grid, (row, at) => row ?? { time: first + at * step, value: NaN, past: past.map(() => NaN) });
}

const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;

const duration = (seconds) => {
  const units = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [length, unit] = units.find(([size]) => seconds % size === 0);
  return counted(seconds / length, unit);
};

function steps_of(input, { horizon }) {
  const steps = Number(input.value);
  const most = horizon ?? Infinity;
  if (Number.isInteger(steps) && steps >= 1 && steps <= most) return steps;
  const range = horizon ? `from 1 to ${horizon}` : "from 1";
  throw new Error(`steps ahead: expected a whole number ${range}, got ${input.value || "nothing"}`);
}

/** The inputs of a request about a history. */
const inputs_of = (history, facts) => ({
  values: history.values.map((value) => [value]),
  time: history.times,
  series: history.series,
  ...(facts.past.length ? { past: history.past } : {}),
});

const time_text = (time, { frequency, time_zone: zone }) =>
  frequency.unit === "second" ? zoned(time, zone) : zoned(time).slice(0, 10);

/** An example's row as the table that people would have. */
function csv_of({ time, values, past, series }, facts) {
  const cell = (value) => (value === null || Number.isNaN(value) ? "" : value);
  const header = ["time", "series", ...facts.targets, ...facts.past].join(",");
  const line = (seconds, at) =>
    [`${new Date(1000 * seconds).toISOString().slice(0, 19)}Z`, series, ...[...values[at], ...(past?.[at] ?? [])].map(cell)].join(",");
  return [header, ...time.map(line)].join("\n");
}

/** Tables as people paste them: CSV with or without a header, times, numbers, gaps. What is wrong is one line. */

import { counted } from "./wording.js";

const DELIMITERS = [",", ";", "\t"];
const MISSING = new Set(["", "nan", "na", "n/a", "null", "none", "-"]);
const TIME_NAMES = new Set(["time", "date", "ds", "datetime", "timestamp", "index"]);
const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const BIGGEST_SECONDS = 1e11;

/** The rows of a CSV text, each a list of cells. A cell in quotes may hold delimiters, line ends and doubled quotes. */
export function cells_of(text) {
  const clean = text.replace(/^\uFEFF/, "");
  const delimiter = delimiter_of(clean.split(/\r?\n/, 1)[0]);
  const rows = [];
  let row = [], cell = "", is_quoted = false;
  const end_cell = () => { row.push(cell.trim()); cell = ""; };
  const end_row = () => {
    end_cell();
    rows.push(row);
    row = [];
  };
  for (let at = 0; at < clean.length; at += 1) {
    const letter = clean[at];
    if (is_quoted) {
      if (letter !== '"') cell += letter;
      else if (clean[at + 1] === '"') { cell += '"'; at += 1; }
      else is_quoted = false;
    } else if (letter === '"' && cell.trim() === "") { is_quoted = true; cell = ""; }
    else if (letter === delimiter) end_cell();
    else if (letter === "\n") end_row();
    else if (letter !== "\r") cell += letter;
  }
  if (cell !== "" || row.length) end_row();
  return rows;
}

const count_of = (text, letter) => text.split(letter).length - 1;

const delimiter_of = (line) =>
  DELIMITERS.reduce((best, one) => (count_of(line, one) > count_of(line, best) ? one : best));

/**
 * A table by its columns: `{rows, time, numbers, texts}`. `time` is `{name, values}` in Unix seconds, or null;
 * `numbers` and `texts` are lists of such, a missing number NaN.
 *
 * `at` turns the parts of a time without an offset into seconds; unless given, they are UTC.
 */
export function table_of(text, at = (utc) => utc) {
  const lines = cells_of(text).map((cells, index) => ({ cells, line: index + 1 }));
  const filled = lines.filter(({ cells }) => cells.some((cell) => cell !== ""));
  if (!filled.length) throw new Error("the table is empty; expected CSV with a header, such as time,value");
  const has_header = !filled[0].cells.some((cell) => NUMBER.test(cell) || !Number.isNaN(time_of(cell, at)));
  const names = has_header ? filled[0].cells : filled[0].cells.map((_, index) => String(index + 1));
  const body = has_header ? filled.slice(1) : filled;
  if (!body.length) throw new Error("the table has a header and no row below it; expected rows of values");
  const odd = body.find(({ cells }) => cells.length !== names.length);
  if (odd) {
    throw new Error(`line ${odd.line}: ${counted(odd.cells.length, "cell")}; expected ${names.length}, as in line ${filled[0].line}`);
  }
  return columns_of(names, body, at);
}

function columns_of(names, body, at) {
  const columns = names.map((name, place) => ({ name, cells: body.map(({ cells }) => cells[place]) }));
  const time = time_column(columns, at);
  const others = columns.filter((column) => column !== time);
  const is_number = (column) => share_of(column.cells, (cell) => !Number.isNaN(number_of(cell))) > 0.5;
  return {
    rows: body.length,
    time: time ? { name: time.name, values: times_of(time, body, at) } : null,
    numbers: others.filter(is_number).map((column) => ({ name: column.name, values: numbers_of(column, body) })),
    texts: others.filter((column) => !is_number(column)).map(({ name, cells }) => ({ name, values: cells })),
  };
}

/** The first column that reads as times; one whose name says so goes before others and may count seconds. */
function time_column(columns, at) {
  const is_named = ({ name }) => TIME_NAMES.has(name.toLowerCase());
  const reads = (column) => share_of(column.cells, (cell) => !Number.isNaN(time_of(cell, at))) > 0.5;
  const counts = (column) => share_of(column.cells, (cell) => !Number.isNaN(seconds_of_count(cell))) > 0.5;
  return (
    columns.find((column) => is_named(column) && (reads(column) || counts(column))) || columns.find(reads) || null
  );
}

function share_of(cells, holds) {
  const filled = cells.filter((cell) => !MISSING.has(cell.toLowerCase()));
  return filled.length ? filled.filter(holds).length / filled.length : 0;
}

const times_of = ({ name, cells }, body, at) =>
  cells.map((cell, row) => {
    const time = time_of(cell, at);
    const seconds = Number.isNaN(time) ? seconds_of_count(cell) : time;
    if (!Number.isNaN(seconds)) return seconds;
    throw new Error(`line ${body[row].line}, ${name}: expected a time such as 2024-05-31 14:30, got ${shown(cell)}`);
  });

const numbers_of = ({ name, cells }, body) =>
  cells.map((cell, row) => {
    if (MISSING.has(cell.toLowerCase())) return NaN;
    const number = number_of(cell);
    if (!Number.isNaN(number)) return number;
    throw new Error(`line ${body[row].line}, ${name}: expected a number, got ${shown(cell)}`);
  });

const shown = (cell) => (cell === "" ? "an empty cell" : `"${cell.slice(0, 40)}"`);

/** A number with a point or, as much of Europe writes it, a comma; NaN for anything else. */
export function number_of(cell) {
  const pointed = /^[+-]?\d+,\d+$/.test(cell) ? cell.replace(",", ".") : cell;
  return NUMBER.test(pointed) ? Number(pointed) : NaN;
}

/** Unix seconds of a time in ISO 8601; NaN for anything else. */
export function time_of(cell, at = (utc) => utc) {
  const parts = TIME.exec(cell);
  if (!parts) return NaN;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part || 0));
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second);
  // Date.UTC makes the 2nd of March of a 30th of February.
  if (new Date(milliseconds).getUTCDate() !== day || month > 12 || hour > 23 || minute > 59) return NaN;
  const seconds = milliseconds / 1000;
  return parts[7] ? seconds - offset_of(parts[7]) : at(seconds);
}

function offset_of(text) {
  if (text === "Z" || text === "UTC") return 0;
  const digits = text.slice(1).replace(":", "").padEnd(4, "0");
  return (text[0] === "-" ? -1 : 1) * (3600 * Number(digits.slice(0, 2)) + 60 * Number(digits.slice(2)));
}

function seconds_of_count(cell) {
  const number = /^\d+$/.test(cell) ? Number(cell) : NaN;
  return number > BIGGEST_SECONDS ? Math.floor(number / 1000) : number;
}

/** What a wall clock in a time zone shows at Unix seconds, as seconds of a day in UTC would be counted. */
function wall_clock(seconds, zone) {
  return time_of(zoned(seconds, zone));
}

/** The function from what a wall clock shows, counted as if in UTC, to Unix seconds. */
export const clock_of = (zone) => (shown_seconds) => {
  if (!zone) return shown_seconds;
  const guess = shown_seconds - (wall_clock(shown_seconds, zone) - shown_seconds);
  // The offset may have changed between the two.
  return guess - (wall_clock(guess, zone) - shown_seconds);
};

/** Unix seconds as 2024-05-31 14:30:00 in a time zone, UTC unless given. */
export function zoned(seconds, zone = "UTC") {
  // Swedish is written as ISO 8601 is.
  return new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone || "UTC",
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).format(new Date(1000 * seconds));
}

/** A number with as many digits as a table needs: six significant ones. */
export const rounded = (value) => (Number.isNaN(value) ? "–" : String(Number(value.toPrecision(6))));

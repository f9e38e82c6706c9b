/** A small line chart on a canvas, which follows the size of its place and the colours of the page. */

import { counted } from "./wording.js";

const GAP = 6;
const PADDING = { top: 10, right: 12, bottom: 20, left: 52 };
const drawn = new Map();
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => redraw(target)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...drawn.keys()].forEach(redraw));

/**
 * Draws lines over steps 0, 1, ...; a step may be missing (NaN or null).
 *
 *     chart(canvas, { lines: [{ values, label }], band: { low, high }, marks: [{ from, to, label }] })
 *
 * @param {HTMLCanvasElement} canvas as wide and as high as its style says.
 * @param {object} options
 *   `lines`: `[{ values, label, start = 0 }]`, where `start` is the step of the first value;
 *   `band`: `{ low, high, start = 0 }`, an interval that is shaded, or none;
 *   `marks`: `[{ from, to, label }]`, stretches of steps that are marked, from 0;
 *   `at`: `(step) => text`, what stands at the horizontal axis; the step itself unless given;
 *   `label`: what a screen reader says; unless given, the labels of the lines and their ranges.
 */
export function chart(canvas, { lines, band = null, marks = [], at = String, label = "" }) {
  for (const old of drawn.keys()) if (!old.isConnected && old !== canvas) forget(old);
  canvas.classList.add("chart");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label || said(lines, marks));
  drawn.set(canvas, { lines, band, marks, at });
  sizes.observe(canvas);
  redraw(canvas);
}

function redraw(canvas) {
  const options = drawn.get(canvas);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!options || !width || !height) return;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const colour = colours(canvas);
  const place = places(options, width, height);
  draw_marks(pen, options.marks, place, colour);
  draw_axes(pen, options, place, colour);
  if (options.band) draw_band(pen, options.band, place, colour);
  options.lines.forEach((line, index) => draw_line(pen, line, place, colour.lines[index % colour.lines.length], index));
  draw_legend(pen, options.lines, place, colour);
}

/** Where steps and values stand, in pixels. */
function places({ lines, band }, width, height) {
  const series = [...lines, ...(band ? [{ ...band, values: band.low }, { ...band, values: band.high }] : [])];
  const values = series.flatMap((one) => one.values).filter((value) => Number.isFinite(value));
  const steps = Math.max(2, ...series.map((one) => (one.start ?? 0) + one.values.length));
  const low = values.reduce((least, value) => Math.min(least, value), values[0] ?? 0);
  const high = values.reduce((most, value) => Math.max(most, value), values[0] ?? 1);
  const room = (high - low || 1) * 0.06;
  const bottom = height - PADDING.bottom;
  const right = width - PADDING.right;
  return {
    steps,
    low: low - room,
    high: high + room,
    right,
    bottom,
    x: (step) => PADDING.left + (step / (steps - 1)) * (right - PADDING.left),
    y: (value) => bottom - ((value - low + room) / (high - low + 2 * room || 1)) * (bottom - PADDING.top),
  };
}

function draw_axes(pen, { at }, { x, y, low, high, steps, right, bottom }, colour) {
  pen.font = "11px system-ui, sans-serif";
  pen.strokeStyle = colour.rule;
  pen.fillStyle = colour.muted;
  pen.lineWidth = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of ticks(low, high, 4)) {
    stroke(pen, [[PADDING.left, y(value)], [right, y(value)]]);
    pen.fillText(Number(value.toPrecision(6)).toLocaleString(), PADDING.left - GAP, y(value));
  }
  pen.textBaseline = "top";
  const count = Math.max(2, Math.min(5, Math.floor((right - PADDING.left) / 110)));
  for (let tick = 0; tick < count; tick++) {
    const step = Math.round((tick / (count - 1)) * (steps - 1));
    pen.textAlign = tick === 0 ? "left" : tick === count - 1 ? "right" : "center";
    pen.fillText(at(step), x(step), bottom + GAP);
  }
}

function draw_marks(pen, marks, { x, bottom, right }, colour) {
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "top";
  pen.textAlign = "left";
  for (const { from, to, label } of marks) {
    const left = x(from);
    const width = Math.max(x(to) - left, 2);
    pen.globalAlpha = 0.18;
    pen.fillStyle = colour.bad;
    pen.fillRect(left, PADDING.top, width, bottom - PADDING.top);
    pen.globalAlpha = 1;
    if (label) pen.fillText(label, Math.min(left + 2, right - pen.measureText(label).width), PADDING.top);
  }
}

function draw_band(pen, { low, high, start = 0 }, { x, y }, colour) {
  pen.globalAlpha = 0.22;
  pen.fillStyle = colour.lines[1];
  pen.beginPath();
  low.forEach((value, step) => pen.lineTo(x(start + step), y(value)));
  [...high.entries()].reverse().forEach(([step, value]) => pen.lineTo(x(start + step), y(value)));
  pen.closePath();
  pen.fill();
  pen.globalAlpha = 1;
}

function draw_line(pen, { values, start = 0 }, { x, y }, colour, index) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.8;
  // Lines differ in their dashes as well as in their colours.
  pen.setLineDash([[], [6, 3], [2, 3]][index % 3]);
  pen.beginPath();
  let is_drawing = false;
  values.forEach((value, step) => {
    if (Number.isFinite(value)) pen[is_drawing ? "lineTo" : "moveTo"](x(start + step), y(value));
    is_drawing = Number.isFinite(value);
  });
  pen.stroke();
  pen.setLineDash([]);
}

function draw_legend(pen, lines, { right }, colour) {
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "right";
  pen.textBaseline = "top";
  let end = right - 2;
  [...lines.entries()].reverse().forEach(([index, { label }]) => {
    if (!label) return;
    pen.fillStyle = colour.lines[index % colour.lines.length];
    pen.fillText(label, end, 0);
    end -= pen.measureText(label).width + 14;
  });
}

/** Round numbers within a range, about so many. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

function stroke(pen, points) {
  pen.beginPath();
  points.forEach(([x, y]) => pen.lineTo(x, y));
  pen.stroke();
}

function colours(canvas) {
  const style = getComputedStyle(canvas);
  const of = (name) => style.getPropertyValue(name).trim();
  return { lines: [of("--ink"), of("--accent"), of("--good")], muted: of("--muted"), rule: of("--line"), bad: of("--bad") };
}

function said(lines, marks) {
  const ranges = lines.map(({ label, values }) => {
    const known = values.filter((value) => Number.isFinite(value));
    const [low, high] = [Math.min(...known), Math.max(...known)].map((value) => Number(value.toPrecision(4)));
    return `${label ?? "values"}: ${counted(known.length, "value")} from ${low} to ${high}`;
  });
  return [...ranges, ...marks.map(({ from, to, label }) => `${label ?? "marked"}: ${from} to ${to}`)].join("; ");
}

function forget(canvas) {
  sizes.unobserve(canvas);
  drawn.delete(canvas);
}

/** Ink: strokes of points `[x, y]`, y growing downward, as text and on a canvas. */

import { colour, surface } from "./drawing.js";

const PEN = 3;
const MARGIN = 0.12;

/** The strokes of "x,y x,y;x,y". */
export const strokes_of = (text) =>
  text.split(";").map((stroke) => stroke.trim().split(/\s+/).map((point) => point.split(",").map(Number)));

/** Strokes as text, to a tenth of a unit. */
export const text_of = (strokes) =>
  strokes.map((points) => points.map((point) => point.map((value) => Math.round(10 * value) / 10).join(",")).join(" ")).join(";");

/** Strokes moved and scaled alike in both directions, to lie in the middle of a place `width` by `height`. */
export function fitted(strokes, width, height) {
  const points = strokes.flat();
  const [left, top] = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const [right, bottom] = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  const room = 1 - 2 * MARGIN;
  const scale = Math.min((room * width) / (right - left || 1), (room * height) / (bottom - top || 1));
  const moved = ([x, y]) => [
    width / 2 + scale * (x - (left + right) / 2),
    height / 2 + scale * (y - (top + bottom) / 2),
  ];
  return strokes.map((stroke) => stroke.map(moved));
}

/** Draws strokes; those points between `first` and `last`, counted over all strokes, in the accent. */
export function draw_ink(canvas, strokes, { first = -1, last = -1 } = {}) {
  const { context, width, height } = surface(canvas);
  context.lineCap = context.lineJoin = "round";
  draw_line(context, width, height);
  let count = 0;
  for (const stroke of strokes) {
    draw_stroke(context, stroke, colour("ink"), PEN);
    const lit = stroke.filter((_, at) => count + at >= first && count + at <= last);
    draw_stroke(context, lit, colour("accent"), 2 * PEN);
    count += stroke.length;
  }
}

function draw_line(context, width, height) {
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0.05 * width, 0.75 * height);
  context.lineTo(0.95 * width, 0.75 * height);
  context.stroke();
}

function draw_stroke(context, points, ink, pen) {
  if (!points.length) return;
  context.strokeStyle = ink;
  context.lineWidth = pen;
  context.beginPath();
  context.moveTo(...points[0]);
  // With a round cap a line of no length is a dot.
  context.lineTo(...points[0]);
  points.forEach(([x, y]) => context.lineTo(x, y));
  context.stroke();
}

/**
 * Lets people draw on a canvas by mouse, touch or pen. `on_stroke` is given each stroke as it grows, and whether it is
 * over.
 */
export function take_strokes(canvas, on_stroke) {
  let stroke = null, pen = null;
  const points_of = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    // A fast pen makes several points for each event.
    const events = event.getCoalescedEvents?.() ?? [];
    return (events.length ? events : [event]).map(({ clientX, clientY }) => [clientX - left, clientY - top]);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (pen !== null || event.button > 0) return;
    pen = event.pointerId;
    canvas.setPointerCapture(pen);
    stroke = points_of(event);
    on_stroke(stroke, false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pen) return;
    stroke.push(...points_of(event));
    on_stroke(stroke, false);
  });
  const end = (event) => {
    if (event.pointerId !== pen) return;
    const whole = stroke;
    stroke = pen = null;
    on_stroke(whole, true);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}

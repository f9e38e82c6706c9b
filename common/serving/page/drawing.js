/** Canvases that are as sharp as the screen, in the page's colours, and drawn anew when either changes. */

/** The value of one of the page's custom properties, such as "accent". */
export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** An emptied canvas with one unit per CSS pixel, however many pixels the screen has for it. */
export function surface(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/** Calls `draw` whenever the canvas has another size or the colours change. Returns what ends that. */
export function redrawn(canvas, draw) {
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const sizes = new ResizeObserver(() => draw());
  sizes.observe(canvas);
  scheme.addEventListener("change", draw);
  return () => {
    sizes.disconnect();
    scheme.removeEventListener("change", draw);
  };
}

/** Whether the person who looks wants as little movement as can be. */
export const wants_calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

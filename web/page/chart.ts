// A line chart that is updated during training, in the style of the report's charts.

import { h } from "../ui/dom.js";
import { decimals } from "../ui/format.js";
import { svg } from "./dom.js";
import { text } from "./strings.js";

interface Point {
  readonly x: number;
  readonly y: number;
}

// In units of the SVG, which scales with its column.
const size = { width: 340, height: 190 };
const plot = { left: 34, right: 334, top: 8, bottom: 162 };
const smoothing = 0.9;
const minSmoothed = 8; // points

/** A figure with a caption and a chart. */
export class Chart {
  readonly figure: HTMLElement;
  readonly #svg = svg("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img" });
  readonly #title: string;
  readonly #dots: boolean;
  readonly #key = h("small", { class: "key" });
  readonly #lines = new Map<string, Point[]>();
  #steps = 1;
  #drawing = false; // a redraw is scheduled

  /** With dots, each point is marked; without, the line is smoothed. */
  constructor(title: string, note: string, dots = false) {
    this.#title = title;
    this.#dots = dots;
    this.figure = h(
      "figure",
      { class: "chart" },
      h("figcaption", {}, title, " ", h("small", {}, note), this.#key),
      this.#svg,
    );
  }

  /** Adds a point to a line. `steps` is the end of the x axis. */
  add(line: string, x: number, steps: number, y: number): void {
    if (!Number.isFinite(y)) return;
    this.#steps = Math.max(this.#steps, steps);
    const points = this.#lines.get(line);
    if (points === undefined) this.#lines.set(line, [{ x, y }]);
    else points.push({ x, y });
    this.#svg.setAttribute("aria-label", text.chart(this.#title, decimals(y, 2), x, this.#steps));
    if (this.#drawing) return;
    this.#drawing = true; // at most one redraw per frame
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw(): void {
    const all = [...this.#lines.values()].flat().map((p) => p.y);
    const ticks = ticksOf(Math.min(...all), Math.max(...all));
    const [low, high] = [ticks[0]!, ticks.at(-1)!];
    const place = (p: Point): Point => ({
      x: round(plot.left + ((plot.right - plot.left) * p.x) / this.#steps),
      y: round(plot.bottom - ((plot.bottom - plot.top) * (p.y - low)) / (high - low)),
    });
    const digits = [0, 1, 2, 3].find((n) => ticks.every((t) => Math.abs(t - Number(t.toFixed(n))) < 1e-9)) ?? 4;
    this.#svg.replaceChildren();
    for (const t of ticks) {
      const { y } = place({ x: 0, y: t });
      this.#svg.append(
        svg("line", { class: "grid", x1: plot.left, x2: plot.right, y1: y, y2: y }),
        svg("text", { class: "y", x: plot.left - 7, y: y + 3.5 }, decimals(t, digits)),
      );
    }
    for (const t of new Set([0, this.#steps >= 4 ? Math.round(this.#steps / 2) : 0, this.#steps])) {
      const last = t === this.#steps;
      const at = { class: last ? "y" : "x", x: place({ x: t, y: 0 }).x, y: plot.bottom + 18 };
      this.#svg.append(svg("text", at, last ? text.step(t) : `${t}`));
    }
    if (this.#lines.size > 1) {
      this.#key.replaceChildren(...[...this.#lines.keys()].map((name, i) => h("span", { class: `s${i}` }, name)));
    }
    let i = 0;
    for (const points of this.#lines.values()) {
      const placed = points.map(place);
      const g = svg("g", { class: `s${i}` });
      if (!this.#dots && placed.length >= minSmoothed) {
        g.append(svg("path", { class: "raw", d: path(placed) }), svg("path", { d: path(smooth(placed)) }));
      } else {
        g.append(svg("path", { d: path(placed) }));
      }
      if (this.#dots || placed.length === 1) {
        for (const p of placed) g.append(svg("circle", { cx: p.x, cy: p.y, r: 2.8 }));
      }
      this.#svg.append(g);
      i++;
    }
  }
}

/** Round values for an axis, from at most `low` to at least `high`. */
function ticksOf(low: number, high: number): number[] {
  const rough = Math.max(high - low, 0.01 * Math.abs(high), 1e-6) / 4;
  const mag = 10 ** Math.floor(Math.log10(rough));
  const step = mag * ([1, 2, 2.5, 5].find((m) => m * mag >= rough * (1 - 1e-9)) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function path(points: readonly Point[]): string {
  return points.map((p, i) => `${i === 0 ? "M" : "L"}${p.x} ${p.y}`).join("");
}

/** The exponential moving average, with bias correction. */
function smooth(points: readonly Point[]): Point[] {
  let [sum, weight] = [0, 0];
  return points.map((p) => {
    [sum, weight] = [smoothing * sum + p.y, smoothing * weight + 1];
    return { x: p.x, y: round(sum / weight) };
  });
}

const round = (v: number): number => Math.round(v * 10) / 10;

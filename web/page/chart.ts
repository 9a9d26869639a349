// The loss curve while it grows, in the style of the report's charts.

import { svg } from "./dom.js";

interface Point {
  readonly x: number;
  readonly y: number;
}

const plot = { left: 44, right: 632, top: 10, bottom: 190 };
const smoothing = 0.9;
const fewestToSmooth = 8;

/** Draws into an SVG of 640 × 220 units. */
export class Curve {
  readonly #root: SVGSVGElement;
  readonly #lines: { name: string; points: Point[]; tests: Point[] }[] = [];
  #steps = 1;
  #asked = false;

  constructor(root: SVGSVGElement) {
    this.#root = root;
  }

  clear(): void {
    this.#lines.length = 0;
    this.#steps = 1;
    this.#draw();
  }

  /** Adds a step's loss to the line of a phase. */
  step(phase: number, name: string, step: number, steps: number, loss: number): void {
    if (!Number.isFinite(loss)) return;
    this.#steps = Math.max(this.#steps, steps);
    this.#line(phase, name).points.push({ x: step, y: loss });
    this.#soon();
  }

  /** Adds a held-out test. */
  test(phase: number, name: string, step: number, loss: number): void {
    if (!Number.isFinite(loss)) return;
    this.#line(phase, name).tests.push({ x: step, y: loss });
    this.#soon();
  }

  #line(phase: number, name: string): { points: Point[]; tests: Point[] } {
    return (this.#lines[phase] ??= { name, points: [], tests: [] });
  }

  // Steps may come faster than frames.
  #soon(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw(): void {
    const lines = this.#lines.filter((l) => l !== undefined);
    const all = lines.flatMap((l) => [...l.points, ...l.tests]).map((p) => p.y);
    this.#root.replaceChildren();
    if (all.length === 0) return;
    const ticks = scale(Math.min(...all), Math.max(...all));
    const [low, high] = [ticks[0]!, ticks.at(-1)!];
    const x = (v: number): number => round(plot.left + ((plot.right - plot.left) * v) / this.#steps);
    const y = (v: number): number => round(plot.bottom - ((plot.bottom - plot.top) * (v - low)) / (high - low));

    const digits = ticks.every((t) => Number.isInteger(t)) ? 0 : ticks[1]! - ticks[0]! < 0.1 ? 2 : 1;
    for (const t of ticks) {
      this.#root.append(
        svg("line", { class: "grid", x1: plot.left, x2: plot.right, y1: y(t), y2: y(t) }),
        svg("text", { class: "y", x: plot.left - 8, y: y(t) + 3.5 }, t.toFixed(digits)),
      );
    }
    for (const t of [...new Set([0, Math.round(this.#steps / 2), this.#steps])]) {
      this.#root.append(svg("text", { class: "x", x: x(t), y: plot.bottom + 18 }, t === this.#steps ? `step ${t}` : `${t}`));
    }
    lines.forEach((l, i) => {
      const g = svg("g", i === 0 ? {} : { class: "second" });
      const place = (ps: readonly Point[]): Point[] => ps.map((p) => ({ x: x(p.x), y: y(p.y) }));
      const raw = place(l.points);
      if (raw.length >= fewestToSmooth) g.append(svg("path", { class: "raw", d: path(raw) }), svg("path", { d: path(smooth(raw)) }));
      else if (raw.length > 0) g.append(svg("path", { d: path(raw) }));
      for (const p of place(l.tests)) g.append(svg("circle", { cx: p.x, cy: p.y, r: 3 }));
      // Losses fall, so the upper right corner is free.
      if (lines.length > 1) g.append(svg("text", { class: "label", x: plot.right, y: plot.top + 14 + 15 * i }, l.name));
      this.#root.append(g);
    });
    const last = lines.at(-1)!.points.at(-1);
    if (last !== undefined) this.#root.setAttribute("aria-label", `Loss so far: ${last.y.toFixed(2)} at step ${last.x}`);
  }
}

/** Round values from below low to above high. */
function scale(low: number, high: number): number[] {
  const rough = Math.max(high - low, 1e-3) / 4;
  const mag = 10 ** Math.floor(Math.log10(rough));
  const step = mag * ([1, 2, 2.5, 5].find((m) => m * mag >= rough * (1 - 1e-9)) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function path(points: readonly Point[]): string {
  return points.map((p, i) => `${i === 0 ? "M" : "L"}${p.x} ${p.y}`).join("");
}

/** The running mean with exponential weights, corrected for its start. */
function smooth(points: readonly Point[]): Point[] {
  let [sum, weight] = [0, 0];
  return points.map((p) => {
    [sum, weight] = [smoothing * sum + p.y, smoothing * weight + 1];
    return { x: p.x, y: round(sum / weight) };
  });
}

const round = (v: number): number => Math.round(v * 10) / 10;

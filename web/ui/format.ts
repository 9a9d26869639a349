// Formatting of numbers and texts.

import { head } from "./clip.js";

export function bytes(n: number): string {
  if (n < 1e3) return `${n} bytes`;
  if (n < 1e6) return `${(n / 1e3).toFixed(0)} kB`;
  if (n < 1e9) return `${(n / 1e6).toFixed(1)} MB`;
  return `${(n / 1e9).toFixed(1)} GB`;
}

/** A duration, with less precision the longer it is. */
export function duration(seconds: number): string {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

export function date(iso: string): string {
  const d = new Date(iso);
  return Number.isNaN(d.getTime())
    ? ""
    : d.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}

/** A number with its sign, with a typographic minus. */
export function signed(n: number, digits: number): string {
  const text = Math.abs(n).toFixed(digits);
  if (Number(text) === 0) return text;
  return (n < 0 ? "−" : "+") + text;
}

export const percent = (p: number): string =>
  p > 0 && p < 0.001 ? "under 0.1 %" : `${(100 * p).toFixed(p < 0.1 ? 1 : 0)} %`;

/** The first characters of a text, and an ellipsis if it is longer. */
export function cut(text: string, length: number): string {
  const points = [...head(text, 2 * length + 2)]; // a character has at most two code units
  return points.length <= length ? text : `${points.slice(0, length - 1).join("")}…`;
}

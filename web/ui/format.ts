// Formatting of numbers and texts.

import { head } from "./clip.js";

/** The language of numbers and dates, and words for durations. */
export interface Format {
  tag: string;
  dates: string;
  underASecond: string;
  bytes: string;
}

const english: Format = { tag: "en", dates: "en-GB", underASecond: "under a second", bytes: "bytes" };
let format = english;

/** Sets the language. */
export function setFormat(chosen: Format): void {
  format = chosen;
}

export const count = (n: number): string => n.toLocaleString(format.tag);

/** A number with this many decimals. */
export const decimals = (n: number, digits: number): string =>
  n.toLocaleString(format.tag, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function bytes(n: number): string {
  if (n < 1e3) return `${n} ${format.bytes}`;
  if (n < 1e6) return `${decimals(n / 1e3, 0)} kB`;
  if (n < 1e9) return `${decimals(n / 1e6, 1)} MB`;
  return `${decimals(n / 1e9, 1)} GB`;
}

/** A duration, with less precision the longer it is. */
export function duration(seconds: number): string {
  if (seconds < 1) return format.underASecond;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${decimals(seconds / 3600, 1)} h`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function date(iso: string): string {
  const d = new Date(iso);
  return Number.isNaN(d.getTime())
    ? ""
    : d.toLocaleDateString(format.dates, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}

/** A number with its sign, with a typographic minus. */
export function signed(n: number, digits: number): string {
  const text = decimals(Math.abs(n), digits);
  if (Number(Math.abs(n).toFixed(digits)) === 0) return text;
  return (n < 0 ? "−" : "+") + text;
}

export const percent = (p: number): string =>
  p > 0 && p < 0.001 ? `< ${decimals(0.1, 1)} %` : `${decimals(100 * p, p < 0.1 ? 1 : 0)} %`;

/** The first characters of a text, and an ellipsis if it is longer. */
export function cut(text: string, length: number): string {
  const points = [...head(text, 2 * length + 2)]; // a character has at most two code units
  return points.length <= length ? text : `${points.slice(0, length - 1).join("")}…`;
}

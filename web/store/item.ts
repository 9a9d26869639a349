// One text that the person wrote, and what it was written in answer to: the same
// rules as core/history, so that what is kept here the guest takes.

import { Fault, quote } from "../fault.js";
import { sha256 } from "./hash.js";

/** One named circumstance of a text, such as subject: lunch. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** A text of the person's. */
export interface Item {
  /** Unique; made from the content where none was given, so that a file imported again gives the same ids. */
  readonly id: string;
  /** Circumstances, in the order in which the prompt shows them. */
  readonly context: readonly Field[];
  readonly text: string;
  /** When it was written, as ISO 8601 in UTC; absent when unknown. */
  readonly time?: string;
}

/** A context as callers give it: fields in order, or an object, or one text for the first field of the history. */
export type ContextInput = readonly Field[] | Readonly<Record<string, string>>;

/** An item to add. */
export interface NewItem {
  id?: string | undefined;
  context?: ContextInput | undefined;
  text: string;
  /** A Date, or a text that Date or core/history understands. */
  time?: Date | string | number | undefined;
}

/** Bounds, as core/history has them: more fields are no circumstance but a data dump. */
export const limits = { text: 4 << 20, file: 64 << 20, items: 100_000, fields: 64, fieldName: 256 } as const;

const utf8 = new TextEncoder();

/** Checks an item to add and gives it its final form, without an id when none was given. Throws a Fault that names `where`. */
export function normalize(item: NewItem, where: string): Omit<Item, "id"> & { id: string } {
  const text = wellFormed(item.text, where, "text");
  if (text.trim() === "") {
    throw new Fault("missing", { where, field: "text", detail: "the item has no text", remedy: "remove it, or give it a text" });
  }
  bounded(text, limits.text, where, "text");
  const context = fieldsOf(item.context ?? [], where);
  const time = item.time === undefined || item.time === "" ? undefined : timeOf(item.time, where);
  const id = item.id === undefined ? "" : wellFormed(item.id, where, "id");
  bounded(id, limits.fieldName, where, "id");
  return time === undefined ? { id, context, text } : { id, context, text, time };
}

/** A context as a list of fields, checked. */
export function fieldsOf(context: ContextInput, where: string): Field[] {
  const given: [string, string][] = Array.isArray(context)
    ? (context as readonly Field[]).map((f) => [f.name, f.value])
    : Object.entries(context as Record<string, string>);
  if (given.length > limits.fields) {
    throw new Fault("too-large", { where, field: "context", detail: `${given.length} context fields`, limit: `${limits.fields}` });
  }
  const names = new Set<string>();
  return given.map(([name, value]) => {
    wellFormed(name, where, "context");
    const bad = (detail: string, remedy: string) => new Fault("malformed", { where, field: "context", detail, remedy });
    if (name === "" || /[\r\n]/.test(name)) throw bad(`a field is named ${quote(name)}`, "name it by one line of text");
    bounded(name, limits.fieldName, where, "context");
    if (names.has(name)) throw bad(`the field ${quote(name)} is given twice`, "rename one of the two");
    names.add(name);
    bounded(wellFormed(value, where, name), limits.text, where, name);
    return { name, value: value.toWellFormed() };
  });
}

/** The id of an item's content, as core/history makes it: the same content has the same id everywhere. */
export async function contentID(item: Omit<Item, "id">): Promise<string> {
  const parts = item.context.flatMap((f) => [f.name, f.value]);
  parts.push(item.text);
  if (item.time !== undefined) parts.push(shortTime(item.time));
  const counted = parts.map((s) => `${utf8.encode(s).length}:${s}`); // with lengths, so that no two items look alike
  return (await sha256(utf8.encode(counted.join("")))).slice(0, 16);
}

/** Items in order of time; those without one come first, and equal times keep their order. */
export function chronological<T extends Item>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => {
    const [s, t] = [a.time ?? "", b.time ?? ""]; // ISO 8601 in UTC sorts as text
    return s === t ? 0 : s < t ? -1 : 1;
  });
}

/** One line of JSONL, as core/history reads and writes it. */
export function toLine(item: Item): string {
  // Put together by hand: an object would reorder fields that are named by numbers.
  const context = item.context.map((f) => `${JSON.stringify(f.name)}:${JSON.stringify(f.value)}`).join(",");
  const time = item.time === undefined ? "" : `,"time":${JSON.stringify(shortTime(item.time))}`;
  return `{"id":${JSON.stringify(item.id)},"context":{${context}},"text":${JSON.stringify(item.text)}${time}}\n`;
}

// shortTime spells a time as Go's RFC3339Nano does: without zeros at the end of a fraction.
function shortTime(time: string): string {
  return time.replace(/\.(\d*?)0*Z$/, (_, digits: string) => (digits === "" ? "Z" : `.${digits}Z`));
}

function timeOf(given: Date | string | number, where: string): string {
  const time = parseTime(given);
  if (time === undefined) {
    throw new Fault("malformed", {
      where, field: "time", detail: `${quote(String(given))} is not a time`, remedy: "write it as 2024-05-17T12:00:00Z or 2024-05-17",
    });
  }
  return time;
}

const zoneless = /^\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/;

/** Reads a time as core/history does; one without a zone is taken as UTC. Numbers are Unix seconds or milliseconds. */
export function parseTime(given: Date | string | number): string | undefined {
  if (given instanceof Date) return iso(given);
  if (typeof given === "number") return unixTime(given);
  const s = given.trim();
  if (/^\d{4}$/.test(s)) return iso(new Date(`${s}-01-01T00:00:00Z`));
  if (/^-?\d{5,}(\.\d+)?$/.test(s)) return unixTime(Number(s));
  if (zoneless.test(s)) return iso(new Date(`${s.replaceAll("/", "-").replace(" ", "T")}Z`));
  if (/^\d{4}[-/]\d{2}([-/]\d{2})?$/.test(s)) return iso(new Date(`${s.replaceAll("/", "-")}T00:00:00Z`.replace(/^(\d{4}-\d{2})T/, "$1-01T")));
  if (/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/.test(s)) return iso(new Date(s.replace(" ", "T")));
  // "Fri, 17 May 2024 12:00:00 +0200", "17 May 2024", "May 17, 2024": the last two are dates without a zone.
  if (/^([A-Za-z]{3}, )?\d{1,2} [A-Za-z]+ \d{4} \d{2}:\d{2}(:\d{2})? ([A-Z]{1,4}|[+-]\d{4})( \(.*\))?$/.test(s)) return iso(new Date(s));
  if (/^(\d{1,2} [A-Za-z]+|[A-Za-z]+ \d{1,2},) \d{4}$/.test(s)) return iso(new Date(`${s} UTC`));
  return undefined;
}

// Milliseconds, as JavaScript counts them, would be after the year 5000 as seconds.
function unixTime(n: number): string | undefined {
  return iso(new Date(Math.abs(n) > 1e11 ? n : n * 1000));
}

function iso(date: Date): string | undefined {
  const year = date.getUTCFullYear(); // NaN when the date is none
  return year >= 1 && year <= 9999 ? date.toISOString() : undefined;
}

function wellFormed(s: unknown, where: string, field: string): string {
  if (typeof s !== "string") {
    throw new Fault("malformed", { where, field, detail: `is ${s === null ? "null" : typeof s}, not text`, remedy: "give it as text" });
  }
  return s.toWellFormed();
}

function bounded(s: string, limit: number, where: string, field: string): void {
  // A UTF-16 unit is at most three bytes: most texts need no counting.
  if (s.length * 3 <= limit || utf8.encode(s).length <= limit) return;
  throw new Fault("too-large", { where, field, detail: "is too long", limit: `${limit} bytes`, remedy: "split it into several items" });
}

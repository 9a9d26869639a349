// One text of the user, and its context. The rules are those of core/history, so that the guest
// accepts what is stored here.

import { type Field, itemLimits as limits } from "../api.gen.js";
import { Fault, quote } from "../fault.js";
import { sha256 } from "./hash.js";

export { type Field, limits };

/** A text of the user. */
export interface Item {
  /**
   * Unique. By default derived from the content, so that importing a file again gives the same ids.
   */
  readonly id: string;
  /** What the text was written about or for, in the order of the prompt. */
  readonly context: readonly Field[];
  readonly text: string;
  /** When it was written, as ISO 8601 in UTC; absent if unknown. */
  readonly time?: string;
}

/** A context as a list of fields or as an object. */
export type ContextInput = readonly Field[] | Readonly<Record<string, string>>;

/** An item to add. */
export interface NewItem {
  id?: string | undefined;
  context?: ContextInput | undefined;
  text: string;
  /** A Date, a number of Unix seconds or milliseconds, or a text such as "2024-05-17". */
  time?: Date | string | number | undefined;
}

const utf8 = new TextEncoder();

/**
 * Checks an item and converts it to its stored form. The id is "" if none was given. Faults name
 * `where`.
 */
export function normalize(item: NewItem, where: string): Omit<Item, "id"> & { id: string } {
  const text = wellFormed(item.text, where, "text");
  if (text.trim() === "") {
    throw new Fault("missing", {
      where,
      field: "text",
      detail: "the item has no text",
      remedy: "remove it, or give it a text",
    });
  }
  bounded(text, limits.text, where, "text");
  const context = fieldsOf(item.context ?? [], where);
  const time = item.time === undefined || item.time === "" ? undefined : timeOf(item.time, where);
  const id = item.id === undefined ? "" : wellFormed(item.id, where, "id");
  bounded(id, limits.fieldName, where, "id");
  return time === undefined ? { id, context, text } : { id, context, text, time };
}

/** Converts a context to a checked list of fields. */
export function fieldsOf(context: ContextInput, where: string): Field[] {
  const given: [string, string][] = Array.isArray(context)
    ? (context as readonly Field[]).map((f) => [f.name, f.value])
    : Object.entries(context as Record<string, string>);
  if (given.length > limits.fields) {
    throw new Fault("too-large", {
      where,
      field: "context",
      detail: `${given.length} context fields`,
      limit: `${limits.fields}`,
    });
  }
  const names = new Set<string>();
  return given.map(([name, value]) => {
    wellFormed(name, where, "context");
    const bad = (detail: string, remedy: string) => new Fault("malformed", { where, field: "context", detail, remedy });
    if (name === "" || /[\r\n]/.test(name)) throw bad(`a field is named ${quote(name)}`, "give it a name of one line");
    bounded(name, limits.fieldName, where, "context");
    if (names.has(name)) throw bad(`the field ${quote(name)} is given twice`, "rename one of the two");
    names.add(name);
    bounded(wellFormed(value, where, name), limits.text, where, name);
    return { name, value: value.toWellFormed() };
  });
}

/** Returns the id of an item's content. core/history computes the same one. */
export async function contentID(item: Omit<Item, "id">): Promise<string> {
  const parts = item.context.flatMap((f) => [f.name, f.value]);
  parts.push(item.text);
  if (item.time !== undefined) parts.push(shortTime(item.time));
  // The lengths make the encoding unambiguous.
  const counted = parts.map((s) => `${utf8.encode(s).length}:${s}`);
  return (await sha256(utf8.encode(counted.join("")))).slice(0, 16);
}

/** Gives items without an id one of their content. Equal items are numbered, as in core/history. */
export async function assignIDs(items: (Omit<Item, "id"> & { id: string })[]): Promise<void> {
  const taken = new Set(items.map((it) => it.id).filter((id) => id !== ""));
  for (const item of items) {
    if (item.id !== "") continue;
    const id = await contentID(item);
    let name = id;
    for (let n = 2; taken.has(name); n++) name = `${id}-${n}`;
    taken.add(name);
    item.id = name;
  }
}

/** Sorts items by time. Items without one come first, and equal times keep their order. */
export function chronological<T extends Item>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => {
    const [s, t] = [a.time ?? "", b.time ?? ""]; // ISO 8601 in UTC sorts as text
    return s === t ? 0 : s < t ? -1 : 1;
  });
}

/** Returns an item as a line of JSONL, in the format of core/history. */
export function toLine(item: Item): string {
  // Not by JSON.stringify of an object, which would reorder fields with numeric names.
  const context = item.context.map((f) => `${JSON.stringify(f.name)}:${JSON.stringify(f.value)}`).join(",");
  const time = item.time === undefined ? "" : `,"time":${JSON.stringify(shortTime(item.time))}`;
  return `{"id":${JSON.stringify(item.id)},"context":{${context}},"text":${JSON.stringify(item.text)}${time}}\n`;
}

// Formats a time like Go's RFC3339Nano: without trailing zeros in the fraction.
function shortTime(time: string): string {
  return time.replace(/\.(\d*?)0*Z$/, (_, digits: string) => (digits === "" ? "Z" : `.${digits}Z`));
}

function timeOf(given: Date | string | number, where: string): string {
  const time = parseTime(given);
  if (time === undefined) {
    throw new Fault("malformed", {
      where,
      field: "time",
      detail: `${quote(String(given))} is not a time`,
      remedy: "write it as 2024-05-17T12:00:00Z or 2024-05-17",
    });
  }
  return time;
}

const dateOrMonth = /^\d{4}[-/]\d{2}([-/]\d{2})?$/;
const zoned = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;
// "Fri, 17 May 2024 12:00:00 +0200"
const mailDate = /^([A-Za-z]{3}, )?\d{1,2} [A-Za-z]+ \d{4} \d{2}:\d{2}(:\d{2})? ([A-Z]{1,4}|[+-]\d{4})( \(.*\))?$/;
// "17 May 2024", "May 17, 2024"
const longDate = /^(\d{1,2} [A-Za-z]+|[A-Za-z]+ \d{1,2},) \d{4}$/;
const zoneless = /^\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/;

/**
 * Parses a time like core/history and returns it as ISO 8601 in UTC, or undefined. A time without a
 * zone is UTC. Numbers are Unix seconds or milliseconds.
 */
export function parseTime(given: Date | string | number): string | undefined {
  if (given instanceof Date) return iso(given);
  if (typeof given === "number") return unixTime(given);
  const s = given.trim();
  if (/^\d{4}$/.test(s)) return iso(new Date(`${s}-01-01T00:00:00Z`));
  if (/^-?\d{5,}(\.\d+)?$/.test(s)) return unixTime(Number(s));
  if (zoneless.test(s)) return iso(new Date(`${s.replaceAll("/", "-").replace(" ", "T")}Z`));
  if (dateOrMonth.test(s)) {
    return iso(new Date(`${s.replaceAll("/", "-")}T00:00:00Z`.replace(/^(\d{4}-\d{2})T/, "$1-01T")));
  }
  if (zoned.test(s)) return iso(new Date(s.replace(" ", "T")));
  if (mailDate.test(s)) return iso(new Date(s));
  if (longDate.test(s)) return iso(new Date(`${s} UTC`));
  return undefined;
}

// Larger numbers are milliseconds: as seconds they would be after the year 5000.
function unixTime(n: number): string | undefined {
  return iso(new Date(Math.abs(n) > 1e11 ? n : n * 1000));
}

function iso(date: Date): string | undefined {
  const year = date.getUTCFullYear(); // NaN for an invalid date
  return year >= 1 && year <= 9999 ? date.toISOString() : undefined;
}

function wellFormed(s: unknown, where: string, field: string): string {
  if (typeof s !== "string") {
    throw new Fault("malformed", {
      where,
      field,
      detail: `is ${s === null ? "null" : typeof s}, not text`,
      remedy: "give it as text",
    });
  }
  return s.toWellFormed();
}

function bounded(s: string, limit: number, where: string, field: string): void {
  // A UTF-16 code unit has at most three bytes in UTF-8: most texts need not be encoded.
  if (s.length * 3 <= limit || utf8.encode(s).length <= limit) return;
  throw new Fault("too-large", {
    where,
    field,
    detail: "is too long",
    limit: `${limit} bytes`,
    remedy: "split it into several items",
  });
}

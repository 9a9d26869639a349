// One text of the user, and its context. The rules are those of core/history, so that the guest
// accepts what is stored here.

import { type Field, itemLimits as limits } from "../api.gen.js";
import { Fault, quote } from "../fault.js";

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
  /**
   * A Date, a number of Unix seconds, milliseconds or microseconds, or a text such as "2024-05-17"
   * or "20240517".
   */
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
export function contentID(item: Omit<Item, "id">): string {
  const parts = item.context.flatMap((f) => [f.name, f.value]);
  parts.push(item.text);
  if (item.time !== undefined) parts.push(shortTime(item.time));
  // The lengths make the encoding unambiguous.
  const counted = parts.map((s) => `${utf8.encode(s).length}:${s}`);
  return fnv1a(utf8.encode(counted.join("")));
}

// 64 bits of FNV-1a in hexadecimal, in two halves. The prime is 2^40 + 0x1b3.
function fnv1a(bytes: Uint8Array): string {
  let [high, low] = [0xcbf29ce4, 0x84222325];
  for (const byte of bytes) {
    const before = (low ^ byte) >>> 0;
    const product = before * 0x1b3;
    low = product >>> 0;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (before << 8)) >>> 0;
  }
  return [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
}

/**
 * Gives items without an id one of their content. Equal items are numbered, as in core/history.
 * `pause` is awaited after each item.
 */
export async function assignIDs(
  items: (Omit<Item, "id"> & { id: string })[],
  pause: () => Promise<void> = async () => {},
): Promise<void> {
  const taken = new Set(items.map((it) => it.id).filter((id) => id !== ""));
  for (const item of items) {
    if (item.id !== "") continue;
    const id = contentID(item);
    let name = id;
    for (let n = 2; taken.has(name); n++) name = `${id}-${n}`;
    taken.add(name);
    item.id = name;
    await pause();
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
 * Parses a time and returns it as ISO 8601 in UTC, or undefined. A time without a zone is UTC.
 */
export function parseTime(given: Date | string | number): string | undefined {
  if (given instanceof Date) return iso(given);
  if (typeof given === "number") return bareTime(String(given));
  const s = given.trim();
  if (/^-?\d+(\.\d+)?$/.test(s)) return bareTime(s);
  if (zoneless.test(s)) return iso(new Date(`${s.replaceAll("/", "-").replace(" ", "T")}Z`));
  if (dateOrMonth.test(s)) {
    return iso(new Date(`${s.replaceAll("/", "-")}T00:00:00Z`.replace(/^(\d{4}-\d{2})T/, "$1-01T")));
  }
  if (zoned.test(s)) return iso(new Date(s.replace(" ", "T")));
  if (mailDate.test(s)) return iso(new Date(s));
  if (longDate.test(s)) return iso(new Date(`${s} UTC`));
  return undefined;
}

const compact = /^(\d{4})(?:(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?)?$/;

// A bare number is a compact date, such as 2024 or 20240517, where it is a valid one of the years
// 1900 to 2100; else seconds, milliseconds or microseconds. Below 1e8 it is no time.
function bareTime(s: string): string | undefined {
  const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00"] = compact.exec(s) ?? [];
  if (year !== undefined && year >= "1900" && year <= "2100") {
    const time = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
    const date = new Date(`${time}Z`);
    if (!Number.isNaN(date.getTime()) && date.toISOString().startsWith(time)) return iso(date);
  }
  const n = Math.abs(Number(s));
  if (n < 1e8 || n >= 1e18) return undefined;
  return iso(new Date(Number(s) * (n >= 1e14 ? 1e-3 : n >= 1e11 ? 1 : 1000)));
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

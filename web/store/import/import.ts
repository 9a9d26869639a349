// Files that people have, read into items. What is wrong with one entry is a
// problem that names its place; the others are still read.

import { Fault, describe } from "../../fault.js";
import { contentID, limits, normalize, type Item } from "../item.js";
import { readCSV } from "./csv.js";
import { readJSONL } from "./jsonl.js";
import { readMail, readMbox } from "./mail.js";
import type { Entry, SourceFile } from "./source.js";
import { readMarkdown, readText } from "./text.js";

/** A format of import. */
export type Format = "jsonl" | "csv" | "txt" | "md" | "eml" | "mbox";

type Reader = (file: SourceFile) => Iterable<Entry>;

const readers: Record<Format, Reader> = {
  jsonl: readJSONL, csv: readCSV, txt: readText, md: readMarkdown, eml: readMail, mbox: readMbox,
};

const endings: Record<string, Format> = {
  jsonl: "jsonl", ndjson: "jsonl", json: "jsonl", csv: "csv", tsv: "csv", txt: "txt", text: "txt",
  md: "md", markdown: "md", eml: "eml", mbox: "mbox", mbx: "mbox",
};

/** The endings that are understood, for the accept attribute of a file field. */
export const accept = Object.keys(endings).map((e) => `.${e}`).join(",");

/** The format that a file's name tells, if any. */
export function formatOf(name: string): Format | undefined {
  return endings[/\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""];
}

/** Reads a file, or text that was pasted, into items with ids, and the problems found. */
export async function readFile(
  input: Blob | string, options: { format?: Format | undefined; name?: string | undefined } = {},
): Promise<{ items: Item[]; problems: Fault[] }> {
  const name = options.name ?? (input instanceof File ? input.name : "text");
  const format = options.format ?? (input instanceof Blob ? formatOf(name) : guess(input));
  if (format === undefined || !Object.hasOwn(readers, format)) {
    throw new Fault("unsupported", {
      where: name, field: "file ending", detail: "is not known", remedy: `use one of ${Object.keys(endings).map((e) => `.${e}`).join(", ")}`,
    });
  }
  const file = await load(input, name, format);
  const items: (Omit<Item, "id"> & { id: string })[] = [];
  const problems: Fault[] = [];
  for (const entry of readers[format](file)) {
    try {
      if ("fault" in entry) throw entry.fault;
      if (items.length === limits.items) {
        throw new Fault("too-large", { where: entry.where, detail: "too many items", limit: `${limits.items}`, remedy: "leave the oldest out" });
      }
      items.push(normalize(entry.item, entry.where));
    } catch (thrown) {
      if (problems.length < 100) problems.push(Fault.from(thrown, "malformed", { where: entry.where }));
      if (items.length === limits.items) break;
    }
  }
  if (items.length === 0) {
    throw problems[0] ?? new Fault("missing", { where: name, detail: "holds no item", remedy: "add at least one text" });
  }
  await assignIDs(items);
  return { items, problems };
}

async function load(input: Blob | string, name: string, format: Format): Promise<SourceFile> {
  const changed = input instanceof File ? new Date(input.lastModified) : undefined;
  const blob = input instanceof Blob ? input : new Blob([input.toWellFormed()]);
  if (blob.size > limits.file) {
    throw new Fault("too-large", {
      where: name, detail: `${blob.size} bytes`, limit: `${limits.file} bytes`, remedy: "split it into several files, or leave the oldest items out",
    });
  }
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await blob.arrayBuffer());
  } catch (thrown) {
    throw new Fault("storage", { where: name, detail: "cannot be read", remedy: "choose the file again", cause: new Error(describe(thrown)) });
  }
  const mail = format === "eml" || format === "mbox";
  try {
    return { name, bytes, changed, text: mail ? "" : new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    throw new Fault("malformed", { where: name, detail: "is not UTF-8", remedy: "save the file as UTF-8" });
  }
}

// guess tells pasted JSONL from plain text.
function guess(text: string): Format {
  return /^\s*\{\s*"/.test(text) ? "jsonl" : "txt";
}

// assignIDs names items by their content; equal ones are numbered, as core/history does.
async function assignIDs(items: (Omit<Item, "id"> & { id: string })[]): Promise<void> {
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

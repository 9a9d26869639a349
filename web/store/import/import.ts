// Reads files into items. An entry that cannot be read becomes a problem with its place in the
// file; the other entries are still read.

import { describe, Fault } from "../../fault.js";
import { assignIDs, type Item, limits, normalize } from "../item.js";
import { readCSV } from "./csv.js";
import { readJSONL } from "./jsonl.js";
import { readMail, readMbox } from "./mail.js";
import type { Entry, SourceFile } from "./source.js";
import { readMarkdown, readText } from "./text.js";

/** The format of a file. */
export type Format = "jsonl" | "csv" | "txt" | "md" | "eml" | "mbox";

type Reader = (file: SourceFile) => Iterable<Entry>;

const readers: Record<Format, Reader> = {
  jsonl: readJSONL,
  csv: readCSV,
  txt: readText,
  md: readMarkdown,
  eml: readMail,
  mbox: readMbox,
};

const extensions: Record<string, Format> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "jsonl",
  csv: "csv",
  tsv: "csv",
  txt: "txt",
  text: "txt",
  md: "md",
  markdown: "md",
  eml: "eml",
  mbox: "mbox",
  mbx: "mbox",
};

/** The supported file extensions, for the accept attribute of a file input. */
export const accept = Object.keys(extensions)
  .map((e) => `.${e}`)
  .join(",");

/** The format that the extension of a file's name stands for, if any. */
export function formatOf(name: string): Format | undefined {
  return extensions[/\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""];
}

/** Reads a file or pasted text. Returns the items, with ids, and at most 100 problems. */
export async function readFile(
  input: Blob | string,
  options: { format?: Format | undefined; name?: string | undefined } = {},
): Promise<{ items: Item[]; problems: Fault[] }> {
  const name = options.name ?? (input instanceof File ? input.name : "text");
  const format = options.format ?? (input instanceof Blob ? formatOf(name) : guess(input));
  if (format === undefined || !Object.hasOwn(readers, format)) {
    throw new Fault("unsupported", {
      where: name,
      field: "file extension",
      detail: "is not supported",
      remedy: `use one of ${accept.replaceAll(",", ", ")}`,
    });
  }
  const file = await load(input, name, format);
  const items: (Omit<Item, "id"> & { id: string })[] = [];
  const problems: Fault[] = [];
  for (const entry of readers[format](file)) {
    try {
      if ("fault" in entry) throw entry.fault;
      if (items.length === limits.items) {
        throw new Fault("too-large", {
          where: entry.where,
          detail: "too many items",
          limit: `${limits.items}`,
          remedy: "leave out the oldest ones",
        });
      }
      items.push(normalize(entry.item, entry.where));
    } catch (thrown) {
      if (problems.length < 100) problems.push(Fault.from(thrown, "malformed", { where: entry.where }));
      if (items.length === limits.items) break;
    }
  }
  if (items.length === 0) {
    throw problems[0] ?? new Fault("missing", { where: name, detail: "has no item", remedy: "add at least one text" });
  }
  await assignIDs(items);
  return { items, problems };
}

async function load(input: Blob | string, name: string, format: Format): Promise<SourceFile> {
  const changed = input instanceof File ? new Date(input.lastModified) : undefined;
  const blob = input instanceof Blob ? input : new Blob([input.toWellFormed()]);
  if (blob.size > limits.file) {
    throw new Fault("too-large", {
      where: name,
      detail: `${blob.size} bytes`,
      limit: `${limits.file} bytes`,
      remedy: "split it into several files, or leave out the oldest items",
    });
  }
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await blob.arrayBuffer());
  } catch (thrown) {
    const cause = new Error(describe(thrown));
    throw new Fault("storage", { where: name, detail: "cannot be read", remedy: "choose the file again", cause });
  }
  const mail = format === "eml" || format === "mbox";
  try {
    return { name, bytes, changed, text: mail ? "" : new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    throw new Fault("malformed", { where: name, detail: "is not UTF-8", remedy: "save the file as UTF-8" });
  }
}

// Distinguishes pasted JSONL from plain text.
function guess(text: string): Format {
  return /^\s*\{\s*"/.test(text) ? "jsonl" : "txt";
}

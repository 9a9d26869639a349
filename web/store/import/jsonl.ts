// JSON Lines, the format of core/history.

import { describe, Fault, quote } from "../../fault.js";
import type { Field, NewItem } from "../item.js";
import type { Entry, SourceFile } from "./source.js";

/**
 * Reads one item per line: {"context": {"to": "Ann"}, "text": "Let's …", "time":
 * "2024-05-17T12:00:00Z"}. The context may also be a string. Unknown keys become context fields. A
 * file may also be one JSON list of such objects.
 */
export function* readJSONL(file: SourceFile): Generator<Entry> {
  const text = file.text.trimStart();
  if (text.startsWith("[")) {
    yield* readList(file.name, text);
    return;
  }
  const seen = new Set<string>();
  let line = 0;
  for (const part of file.text.split("\n")) {
    line++;
    if (part.trim() === "") continue;
    const where = `${file.name}: line ${line}`;
    try {
      yield { where, item: unique(itemOf(JSON.parse(part), where), seen, where) };
    } catch (thrown) {
      yield { where, fault: thrown instanceof Fault ? thrown : notJSON(where, thrown) };
    }
  }
}

function* readList(name: string, text: string): Generator<Entry> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (thrown) {
    yield { where: name, fault: notJSON(name, thrown) };
    return;
  }
  const seen = new Set<string>();
  for (const [i, value] of (list as unknown[]).entries()) {
    const where = `${name}: entry ${i + 1}`;
    try {
      yield { where, item: unique(itemOf(value, where), seen, where) };
    } catch (thrown) {
      yield { where, fault: Fault.from(thrown, "malformed", { where }) };
    }
  }
}

function itemOf(value: unknown, where: string): NewItem {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw notJSON(where, new Error("it is not an object"));
  const context: Field[] = [];
  const put = (name: string, v: unknown) => {
    if (v === null) return;
    if (typeof v === "object") {
      throw new Fault("unsupported", {
        where,
        detail: `the field ${quote(name)} is a list or an object`,
        remedy: "give context fields as text or numbers",
      });
    }
    context.push({ name, value: String(v) });
  };
  const item: NewItem = { text: "", context };
  for (const [key, v] of Object.entries(value)) {
    if (key === "id" || key === "text") {
      if (typeof v !== "string")
        throw new Fault("malformed", { where, field: key, detail: "is not text", remedy: "put it in quotes" });
      item[key] = v;
    } else if (key === "time") {
      if (v !== null) item.time = v as string | number; // checked by normalize
    } else if (key === "context" && typeof v === "object" && v !== null && !Array.isArray(v)) {
      for (const [name, inner] of Object.entries(v)) put(name, inner);
    } else {
      put(key, v);
    }
  }
  if (item.id === "") delete item.id;
  if (item.time !== undefined && typeof item.time !== "string" && typeof item.time !== "number") {
    throw new Fault("malformed", {
      where,
      field: "time",
      detail: "is not a time",
      remedy: "write it as 2024-05-17T12:00:00Z or 2024-05-17",
    });
  }
  return item;
}

function unique(item: NewItem, seen: Set<string>, where: string): NewItem {
  if (item.id === undefined) return item;
  if (seen.has(item.id)) {
    const remedy = "make the ids unique, or leave them out";
    throw new Fault("malformed", { where, field: "id", detail: `${quote(item.id)} is used twice`, remedy });
  }
  seen.add(item.id);
  return item;
}

function notJSON(where: string, cause: unknown): Fault {
  return new Fault("malformed", {
    where,
    detail: "is not an item in JSON",
    remedy: 'write {"context": {…}, "text": "…", "time": "…"}',
    cause: new Error(describe(cause)),
  });
}

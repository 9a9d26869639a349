// Plain text and Markdown.

import { type Field, type NewItem, parseTime } from "../item.js";
import type { Entry, SourceFile } from "./source.js";

/**
 * Reads plain text. Each paragraph between blank lines is an item, with the time of the file's last
 * change.
 */
export function* readText(file: SourceFile): Generator<Entry> {
  let line = 1;
  for (const part of file.text.replaceAll("\r\n", "\n").split(/(\n(?:[ \t]*\n)+)/)) {
    const text = part.trim();
    if (text !== "") {
      const blank = part.length - part.trimStart().length;
      const start = line + part.slice(0, blank).split("\n").length - 1;
      yield { where: `${file.name}: line ${start}`, item: { text, time: file.changed } };
    }
    line += part.split("\n").length - 1;
  }
}

/**
 * Reads Markdown. The body is the text, the keys of the front matter are context fields. The time
 * is the date of the front matter, else a date at the start of the file's name, else that of the
 * file's last change.
 */
export function* readMarkdown(file: SourceFile): Generator<Entry> {
  const { fields, body } = frontMatter(file.text.replaceAll("\r\n", "\n"));
  const context: Field[] = [];
  const item: NewItem = { text: body.trim(), context };
  for (const field of fields) {
    if (/^(date|time)$/i.test(field.name)) item.time = field.value;
    else context.push(field);
  }
  item.time ??= parseTime(/^\d{4}-\d{2}-\d{2}/.exec(file.name)?.[0] ?? "") ?? file.changed;
  yield { where: file.name, item };
}

// Splits the lines between two "---" at the top from the body. It supports a subset of YAML: "key:
// value", quotes, lists in both styles (joined by commas) and values that continue on indented
// lines.
function frontMatter(text: string): { fields: Field[]; body: string } {
  const match = /^---\n(?:([\s\S]*?)\n)?---(?:\n([\s\S]*))?$/.exec(text);
  if (match === null) return { fields: [], body: text };
  const fields: { name: string; value: string }[] = [];
  for (const line of (match[1] ?? "").split("\n")) {
    const trimmed = line.trim();
    const listed = trimmed.startsWith("- ");
    const last = fields.at(-1);
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    if ((listed || /^\s/.test(line)) && last !== undefined) {
      last.value += (last.value === "" ? "" : listed ? ", " : " ") + unquote(listed ? trimmed.slice(2) : trimmed);
      continue;
    }
    const colon = trimmed.indexOf(":");
    const name = unquote(colon < 0 ? trimmed : trimmed.slice(0, colon));
    let value = colon < 0 ? "" : trimmed.slice(colon + 1).trim();
    if (/^[|>]-?$/.test(value)) value = "";
    else if (value.startsWith("[")) value = value.slice(1).replace(/\]$/, "").split(",").map(unquote).join(", ");
    else value = unquote(value);
    fields.push({ name, value });
  }
  return { fields: fields.filter((f) => f.name !== "" && f.value !== ""), body: match[2] ?? "" };
}

function unquote(s: string): string {
  const t = s.trim();
  return t.length >= 2 && (t[0] === '"' || t[0] === "'") && t.at(-1) === t[0] ? t.slice(1, -1) : t;
}

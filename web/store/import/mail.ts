// Mail: single messages and mailboxes.

import { describe, Fault } from "../../fault.js";
import type { Field, NewItem } from "../item.js";
import { parseMail } from "./mime.js";
import type { Entry, SourceFile } from "./source.js";

/**
 * Reads a message (.eml). The text is what the sender wrote; recipient and subject are the context.
 */
export function* readMail(file: SourceFile): Generator<Entry> {
  yield message(file.bytes, file.name);
}

/** Reads a mailbox (.mbox): messages that each follow a line "From …". */
export function* readMbox(file: SourceFile): Generator<Entry> {
  let n = 0;
  for (const bytes of split(file.bytes)) yield message(bytes, `${file.name}: message ${++n}`);
}

function message(bytes: Uint8Array, where: string): Entry {
  try {
    const { headers, text: all } = parseMail(bytes);
    const text = ownText(all);
    if (text === "") {
      throw new Fault("missing", {
        where,
        detail: "has no text of its own",
        remedy: "leave out messages without a text",
      });
    }
    const context: Field[] = [];
    // "Ann Lee <ann@example.org>" becomes "Ann Lee".
    const to =
      (headers.get("to") ?? "")
        .replace(/\s*<[^<>]*@[^<>]*>/g, "")
        .replaceAll('"', "")
        .trim() || headers.get("to");
    if (to) context.push({ name: "to", value: to });
    const subject = headers.get("subject");
    if (subject) context.push({ name: "subject", value: subject });
    const item: NewItem = { text, context };
    const date = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(date)) item.time = new Date(date);
    return { where, item };
  } catch (thrown) {
    if (thrown instanceof Fault) return { where, fault: thrown };
    const cause = new Error(describe(thrown));
    return { where, fault: new Fault("malformed", { where, detail: "is not a mail message", cause }) };
  }
}

const forwarded = /^-{2,}\s*(Original Message|Forwarded message|Ursprüngliche Nachricht)\s*-{2,}$/i;

// "On Friday Ann wrote:" before a quotation, on one line or two.
const introduction =
  /(^|\n)(On|Am|Le|El) [^\n]{0,200}(\n[^\n]{0,100})?(wrote|schrieb[^\n]{0,60}|a écrit|escribió)\s?:\s*(?=\n|$)/g;

// Removes quotations of other messages and the signature.
function ownText(text: string): string {
  const lines: string[] = [];
  for (const line of text.replaceAll("\r\n", "\n").split("\n")) {
    if (/^-- ?$/.test(line) || forwarded.test(line.trim())) break;
    if (!/^\s*>/.test(line)) lines.push(line);
  }
  return lines.join("\n").replace(introduction, "$1").trim();
}

// Splits a mailbox at lines that start with "From " and follow a blank line or the start.
function* split(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  const from = [0x46, 0x72, 0x6f, 0x6d, 0x20]; // "From "
  const newline = 0x0a;
  let start = -1; // of the current message, after its "From " line
  let blank = true;
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.indexOf(newline, at);
    if (end < 0) end = bytes.length;
    if (blank && from.every((c, i) => bytes[at + i] === c)) {
      if (start >= 0) yield bytes.slice(start, at);
      start = end + 1;
    }
    blank = end === at || (end === at + 1 && bytes[at] === 0x0d);
    at = end + 1;
  }
  if (start >= 0 && start < bytes.length) yield bytes.slice(start);
  else if (start < 0) yield bytes;
}

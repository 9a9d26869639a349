import { describe, Fault } from "../../fault.js";
import { type Field, type NewItem } from "../item.js";
import { parseMail } from "./mime.js";
import type { Entry, SourceFile } from "./source.js";

/** One message (.eml): its own words are the text; recipient and subject are the context. */
export function* readMail(file: SourceFile): Generator<Entry> {
  yield message(file.bytes, file.name);
}

/** A mailbox (.mbox): messages one after the other, each after a line "From …". */
export function* readMbox(file: SourceFile): Generator<Entry> {
  let n = 0;
  for (const bytes of split(file.bytes)) yield message(bytes, `${file.name}: message ${++n}`);
}

function message(bytes: Uint8Array, where: string): Entry {
  try {
    const { headers, text: all } = parseMail(bytes);
    const text = ownWords(all);
    if (text === "") {
      throw new Fault("missing", { where, detail: "has no text of its own", remedy: "leave out messages that only forward or attach" });
    }
    const context: Field[] = [];
    // "Ann Lee <ann@example.org>" reads as Ann Lee.
    const to = (headers.get("to") ?? "").replace(/\s*<[^<>]*@[^<>]*>/g, "").replaceAll('"', "").trim() || headers.get("to");
    if (to) context.push({ name: "to", value: to });
    const subject = headers.get("subject");
    if (subject) context.push({ name: "subject", value: subject });
    const item: NewItem = { text, context };
    const date = Date.parse(headers.get("date") ?? "");
    if (!Number.isNaN(date)) item.time = new Date(date);
    return { where, item };
  } catch (thrown) {
    return { where, fault: thrown instanceof Fault ? thrown : new Fault("malformed", { where, detail: "is no mail message", cause: new Error(describe(thrown)) }) };
  }
}

// ownWords leaves out what others wrote, and the signature: they are not the person's way of writing.
function ownWords(text: string): string {
  const lines: string[] = [];
  for (const line of text.replaceAll("\r\n", "\n").split("\n")) {
    if (/^-- ?$/.test(line) || /^-{2,}\s*(Original Message|Forwarded message|Ursprüngliche Nachricht)\s*-{2,}$/i.test(line.trim())) break;
    if (!/^\s*>/.test(line)) lines.push(line);
  }
  // "On Friday Ann wrote:" stands before a quotation, perhaps on two lines.
  return lines.join("\n").replace(/(^|\n)(On|Am|Le|El) [^\n]{0,200}(\n[^\n]{0,100})?(wrote|schrieb[^\n]{0,60}|a écrit|escribió)\s?:\s*(?=\n|$)/g, "$1").trim();
}

// split cuts a mailbox at the lines that start with "From ", after the start or a blank line.
function* split(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  const from = [0x46, 0x72, 0x6f, 0x6d, 0x20]; // "From "
  const newline = 0x0a;
  let start = -1; // of the message under way: after its "From " line
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

// The part of MIME that personal mail uses: headers with encoded words, nested multiparts,
// quoted-printable and base64, in any charset that the browser supports. Attachments are skipped.

/** A parsed message. */
export interface Mail {
  headers: ReadonlyMap<string, string>;
  /** The plain text, or the text of the HTML if there is no plain text. */
  text: string;
}

const maxDepth = 16;

/** Parses a message (RFC 5322, 2045–2047). */
export function parseMail(bytes: Uint8Array): Mail {
  // One character per byte: each part declares its own encoding.
  const raw = new TextDecoder("latin1").decode(bytes).replaceAll("\r\n", "\n");
  const { headers, body } = cut(raw);
  return { headers, text: textOf(headers, body, 0)?.text ?? "" };
}

interface Found {
  text: string;
  plain: boolean;
}

function textOf(headers: ReadonlyMap<string, string>, body: string, depth: number): Found | undefined {
  const type = headers.get("content-type") ?? "text/plain";
  if (/^\s*attachment/i.test(headers.get("content-disposition") ?? "")) return undefined;
  if (/^\s*multipart\//i.test(type)) {
    const boundary = parameter(type, "boundary");
    if (boundary === undefined || depth === maxDepth) return undefined;
    let found: Found | undefined;
    for (const part of body.split(`\n--${boundary}`.slice(1)).slice(1)) {
      if (part.startsWith("--")) break;
      const inner = cut(part.replace(/^[ \t]*\n/, ""));
      const got = textOf(inner.headers, inner.body.replace(/\n$/, ""), depth + 1);
      if (got?.plain) return got;
      found ??= got;
    }
    return found;
  }
  const plain = !/^\s*text\/html/i.test(type);
  if (plain && !/^\s*text\/plain/i.test(type)) return undefined;
  const text = decode(body, headers.get("content-transfer-encoding") ?? "", parameter(type, "charset") ?? "utf-8");
  return { plain, text: plain ? text : fromHTML(text) };
}

function cut(raw: string): { headers: Map<string, string>; body: string } {
  const headers = new Map<string, string>();
  if (raw.startsWith("\n")) return { headers, body: raw.slice(1) };
  const end = raw.indexOf("\n\n");
  const head = end < 0 ? raw : raw.slice(0, end);
  for (const line of head.replace(/\n[ \t]+/g, " ").split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, decodeHeader(line.slice(colon + 1).trim()));
  }
  return { headers, body: end < 0 ? "" : raw.slice(end + 2) };
}

function parameter(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;]+))`, "i").exec(header);
  return match?.[1] ?? match?.[2];
}

function decode(body: string, encoding: string, charset: string): string {
  switch (encoding.trim().toLowerCase()) {
    case "base64":
      return inCharset(fromBase64(body), charset);
    case "quoted-printable":
      return inCharset(fromQuoted(body.replace(/[ \t]+$/gm, "").replace(/=\n/g, "")), charset);
  }
  return inCharset(body, charset);
}

// Decodes =?charset?B?…?= and =?charset?Q?…?= in a header, and headers in plain UTF-8.
function decodeHeader(header: string): string {
  return inCharset(header, "utf-8")
    .replace(/(=\?[^?\s]+\?[bq]\?[^?]*\?=)\s+(?==\?)/gi, "$1")
    .replace(/=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (_, charset: string, kind: string, text: string) =>
      inCharset(kind.toLowerCase() === "b" ? fromBase64(text) : fromQuoted(text.replaceAll("_", " ")), charset),
    );
}

function fromQuoted(text: string): string {
  return text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

function fromBase64(text: string): string {
  const clean = text.replace(/[^A-Za-z0-9+/]/g, "");
  return atob(clean.length % 4 === 1 ? clean.slice(0, -1) : clean);
}

function inCharset(binary: string, charset: string): string {
  if (/^[\x00-\x7f]*$/.test(binary) && !/^(utf-16|utf-7|iso-2022)/i.test(charset)) return binary;
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) {
    const code = binary.charCodeAt(i);
    if (code > 0xff) return binary; // already decoded
    bytes[i] = code;
  }
  try {
    return new TextDecoder(charset.trim()).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes); // an unknown charset
  }
}

// Converts HTML to text. It does not use the browser's parser, which would create a document from
// untrusted input.
function fromHTML(html: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
  return html
    .replace(/<(script|style|head|blockquote)\b[\s\S]*?<\/\1\s*>/gi, " ")
    .replace(/\s+/g, " ")
    .replace(/<(br|\/p|\/div|\/li|\/tr|\/h\d)\b[^>]*>/gi, "\n")
    .replace(/<[^>]*>/g, "")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (all, dec?: string, hex?: string, name?: string) => {
      if (name !== undefined) return named[name.toLowerCase()] ?? all;
      const code = dec === undefined ? parseInt(hex!, 16) : Number(dec);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    })
    .replace(/[ \t]*\n[ \t]*/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

// Parts of texts. A text may have millions of characters, of which a page can show a few thousand
// without delay.

/** The position `at`, or the one before it if `at` is inside a surrogate pair. */
function whole(text: string, at: number): number {
  const [before, after] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
  const inside = before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
  return inside ? at - 1 : at;
}

/** The first `length` code units of a text, or one less, so that no character is cut in half. */
export function head(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, whole(text, length));
}

/** A part of a text, with the positions of its start and end. */
export interface Part {
  text: string;
  from: number;
  to: number;
}

const lead = 80; // characters before a match
const tail = 30; // characters that may be left out at the end, so that no word is cut

/**
 * The part of a text that a list shows: its start or, if a pattern is given that does not match
 * there, the surroundings of the first match.
 */
export function excerpt(text: string, length: number, pattern?: RegExp): Part {
  let from = 0;
  const hit = text.length <= length || pattern === undefined ? -1 : text.search(pattern);
  if (hit > length - lead) {
    from = Math.min(hit - lead, text.length - length);
    const space = text.slice(from, hit).search(/\s/); // starts at a word, if there is one
    from = whole(text, space < 0 ? from : from + space + 1);
  }
  let part = head(text.slice(from, from + length + 1), length);
  if (from + part.length < text.length) {
    const space = part.slice(-tail).search(/\s\S*$/); // ends at a word, if there is one
    if (space >= 0 && part.length > tail) part = part.slice(0, space - tail);
  }
  return { text: part, from, to: from + part.length };
}

/**
 * Splits a text into pieces of at most `length` code units, at line breaks where there are some,
 * else at spaces. The break or space itself is left out.
 */
export function pieces(text: string, length: number): string[] {
  const out: string[] = [];
  let from = 0;
  while (text.length - from > length) {
    const part = text.slice(from, from + length + 1); // a search in text would go back to its start
    let at = part.lastIndexOf("\n");
    if (at <= 0) at = part.lastIndexOf(" ");
    const breaks = at > 0;
    const to = breaks ? from + at : whole(text, from + length);
    out.push(text.slice(from, to));
    from = breaks ? to + 1 : to;
  }
  out.push(text.slice(from));
  return out;
}

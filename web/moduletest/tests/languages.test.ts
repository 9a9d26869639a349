// The texts of the page in all of its languages.

import { equal, fail, notEqual, ok, test } from "../../browsertest/testfile/testing.js";
import { format, german } from "../../page/german.js";
import { english } from "../../page/strings.js";
import { setFormat } from "../../ui/format.js";

type Texts = { readonly [key: string]: unknown };

/** The paths of all texts, and what they are. */
function* entries(texts: Texts, path = ""): Generator<[path: string, text: unknown]> {
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === "object" && value !== null) yield* entries(value as Texts, `${path}${key}.`);
    else yield [path + key, value];
  }
}

const [en, de] = [new Map(entries(english)), new Map(entries(german))];

// Arguments that take the place of texts and numbers. Dates and lists are arguments of a few.
const special: Readonly<Record<string, unknown[]>> = {
  "importing.column": [["«a»"]],
  "importing.places": [["«a»", "«b»"], true],
  "importing.found": [71, "2024-03-05", "2025-04-06"],
  textCounts: [{ texts: 71, windows: 72, long: 73, tokens: 74, copies: 75, skipped: 76, skippedItems: [] }],
};

/** Calls a text with arguments that can be found again. */
function say(path: string, text: unknown): string {
  if (typeof text === "string") return text;
  if (typeof text !== "function") return fail(`${path} is no text`);
  // A text has either texts or numbers as arguments; the wrong kind shows as NaN, or throws.
  const count = lengthOf(path);
  const tries =
    special[path] !== undefined
      ? [special[path]]
      : [Array.from({ length: count }, (_, i) => 71 + i), Array.from({ length: count }, (_, i) => `«${"abcd"[i]}»`)];
  return tries.map((args) => attempt(text as (...args: unknown[]) => unknown, args)).join(" | ");
}

function attempt(text: (...args: unknown[]) => unknown, args: readonly unknown[]): string {
  try {
    return String(text(...args));
  } catch {
    return "";
  }
}

function lengthOf(path: string): number {
  const text = en.get(path);
  return typeof text === "function" ? text.length : 0;
}

/** The arguments in a sentence, sorted: numbers of two digits, and quoted letters. */
function placeholders(sentence: string): string[] {
  return [...new Set(sentence.match(/«[a-d]»|7[1-6]/g) ?? [])].sort();
}

test("both languages have the same texts", () => {
  equal([...de.keys()].sort(), [...en.keys()].sort());
});

test("each text has the same placeholders in both languages", () => {
  let found = 0;
  for (const [path, text] of en) {
    const [here, there] = [placeholders(say(path, text)), placeholders(say(path, de.get(path)))];
    equal([path, here], [path, there]);
    found += here.length;
  }
  ok(found > 60, `${found} placeholders are compared`);
});

test("the German texts are German, and so are their numbers and dates", () => {
  const same = [...en].filter(([path, text]) => typeof text === "string" && text !== "" && de.get(path) === text);
  equal(same.map(([path]) => path).sort(), ["pause", "text"]);
  notEqual(english.progress(0.5), german.progress(0.5));
  setFormat(format);
  equal(german.times(1.5), "1,50 ×");
  equal(german.downloading(1_500_000, 4_300_000), "Das Modell wird heruntergeladen: 1,5 MB von 4,3 MB");
  equal(german.importing.found(2, "2024-03-05", "2024-03-05"), "2 Texte, alle vom 5. März 2024");
});

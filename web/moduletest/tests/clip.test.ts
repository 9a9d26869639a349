// Parts of texts, and the search: what the lists of texts show.

import { equal, ok, test } from "../../browsertest/testfile/testing.js";
import { patternOf, search } from "../../page/search.js";
import { excerpt, head, pieces } from "../../ui/clip.js";
import { cut } from "../../ui/format.js";

const pairs = "😀".repeat(50);

test("no character is cut in half", () => {
  for (let length = 0; length < 12; length++) {
    ok(head(`a${pairs}`, length).isWellFormed(), `head ${length}`);
    ok(cut(`a${pairs}`, length + 1).isWellFormed(), `cut ${length}`);
    ok(
      pieces(pairs, length + 2).every((piece) => piece.isWellFormed()),
      `pieces ${length}`,
    );
    ok(excerpt(`${pairs}needle${pairs}`, length + 81, /needle/u).text.isWellFormed(), `excerpt ${length}`);
  }
  equal(cut(pairs, 4), "😀😀😀…");
  equal(cut("four", 4), "four");
  equal(head(pairs, 5), "😀😀");
});

test("a piece ends at a line, at a word, or anywhere", () => {
  equal(pieces("one two\nthree four", 10), ["one two", "three four"]);
  equal(pieces("one two three", 8), ["one two", "three"]);
  equal(pieces("abcdef", 4), ["abcd", "ef"]);
  equal(pieces("\n\nabcdef", 4), ["\n", "abcd", "ef"]);
  equal(pieces("", 4), [""]);
  const long = "word ".repeat(300_000);
  equal(pieces(long, 4000).join(" "), long);
});

test("an excerpt has the first match", () => {
  const text = `${"before ".repeat(100)}needle${" after".repeat(100)}`;
  const part = excerpt(text, 200, patternOf("NEEDLE"));
  ok(part.text.includes("needle") && part.text.startsWith("before"), part.text);
  equal(text.slice(part.from, part.to), part.text);
  equal(excerpt(text, 200, patternOf("before")).from, 0);
  equal(excerpt(text, 200, patternOf("absent")).from, 0);
  equal(excerpt(text, 200).text, "before ".repeat(28).trim(), "it ends at a word");
  equal(excerpt("x".repeat(1000), 200).text, "x".repeat(200));
  equal(excerpt("short needle", 200, patternOf("needle")), { text: "short needle", from: 0, to: 12 });
  const end = `${"x".repeat(1000)}needle`;
  ok(excerpt(end, 200, patternOf("needle")).text.endsWith("needle"), "at the end");
});

test("a search finds what was typed", () => {
  const finds = (typed: string, text: string) => text.search(patternOf(typed)!) >= 0;
  ok(finds("ÉTÉ", "un été"), "case");
  ok(finds("été", "e\u0301te\u0301"), "decomposed in the text");
  ok(finds("e\u0301", "\u00e9"), "decomposed in the query");
  for (const typed of ["a.c", "[", "(x", "\\d", "a|b", "^", "$", "*", "-", "{1}", "/", "\ud83d"]) {
    ok(finds(typed, `xx ${typed} yy`.toWellFormed()), typed);
    ok(!finds(typed, "abc"), `${typed} is no pattern`);
  }
  equal(patternOf("  "), undefined);
});

test("a search is exact, takes several tasks, and can be cancelled", async () => {
  const items = Array.from({ length: 3000 }, (_, i) => ({
    id: String(i),
    context: i % 3 === 0 ? [{ name: "to", value: "Ann" }] : [],
    text: "A text of some length. ".repeat(100) + i,
  }));
  const found = await new Promise<readonly { id: string }[]>((done) => search(items, patternOf("ANN")!, done));
  equal(found.length, 1000);
  equal([found[0]?.id, found.at(-1)?.id], ["2997", "0"], "the newest first");
  let calls = 0;
  search([...items, ...items, ...items, ...items], patternOf("absent")!, () => calls++)();
  const last = await new Promise<unknown[]>((done) =>
    search(items, patternOf("length. 2999")!, (all) => done([...all])),
  );
  equal(last.length, 1);
  equal(calls, 0, "a cancelled search does not end");
});

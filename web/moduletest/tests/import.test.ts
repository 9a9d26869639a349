// Files of people, read by the import module: only the user's own texts are added.

import { type FoundTexts, type ImportOptions, openHistory, SendersFault } from "nextquill";

import { equal, includes, ok, rejects, test } from "../../browsertest/testfile/testing.js";
import { workers } from "./instruments.js";
import { site } from "./support.js";

const texts = (found: { items: readonly { text: string }[] }) => found.items.map((item) => item.text);

const file = (name: string, text: string) => new File([text], name, { lastModified: 0 });

/** Reads files without adding them. */
async function found(files: Parameters<typeof history.openFiles>[0], options?: ImportOptions): Promise<FoundTexts> {
  const opened = await history.openFiles(files, options);
  opened.close();
  return opened.found;
}

const history = openHistory();

const chat = `25/03/2024, 10:00 - Ana: ¿vienes?
25/03/2024, 10:01 - Leo: <Media omitted>
25/03/2024, 10:02 - Leo: sí, ahora voy
25/03/2024, 10:03 - Ana: bien
`;

test("the module is fetched when it is needed", async () => {
  await history.clear();
  const before = await site.takeRequests();
  ok(!before.some((name) => name.includes("import-worker") || name.includes("nextquill-import")), before.join());
  const { added } = await history.import(file("a.txt", "one\ntwo\n\n\nthree\n"));
  equal(added, 2);
  equal((await site.takeRequests()).sort(), ["import-worker.js", "nextquill-import.wasm"]);
  equal(workers.size, 0, "the worker ends");
});

test("several senders need a choice", async () => {
  const before = await history.count();
  const thrown = await rejects(history.import(file("chat.txt", chat)), "missing");
  ok(thrown instanceof SendersFault, "a typed fault");
  equal(
    (thrown as unknown as SendersFault).senders.map((s) => [s.id, s.count, s.sample, s.likely]),
    [
      ["Ana", 2, "¿vienes?", true],
      ["Leo", 1, "sí, ahora voy", false],
    ],
  );
  includes(thrown.message, "the files have messages of 2 senders");
  equal(await history.count(), before, "nothing is added");

  const result = await history.import(file("chat.txt", chat), { me: "leo" });
  equal([result.added, result.skipped], [1, 0]);
  equal(
    result.leftOut.map((l) => [l.count, l.places[0]]),
    [
      [2, "chat.txt: line 1"],
      [1, "chat.txt: line 2"],
    ],
  );
  const item = (await history.list()).find((one) => one.text === "sí, ahora voy");
  equal(item?.time, "2024-03-25T10:02:00.000Z");
  equal(item?.context, [
    { name: "to", value: "Ana" },
    { name: "in reply to", value: "¿vienes?" },
  ]);
  await rejects(history.import(file("chat.txt", chat), { me: "Nobody" }), "missing");
});

test("another choice reads nothing again", async () => {
  const opened = await history.openFiles(file("chat.txt", chat));
  ok(opened.found.choose && opened.found.items.length === 0);
  equal(texts(await opened.choose({ me: "Leo" })), ["sí, ahora voy"]);
  equal(texts(await opened.choose({ me: ["Ana", "Leo"] })), ["¿vienes?", "sí, ahora voy", "bien"]);
  equal(texts(await opened.choose({ me: ["Ana"] })), ["¿vienes?", "bien"]);
  equal(opened.found.from, "2024-03-25T10:00:00.000Z");
  opened.close();
  await rejects(opened.choose({ me: "Leo" }), "cancelled");
});

test("columns", async () => {
  const files = [file("a.csv", "nr;entrada\n1;hola\n"), file("b.csv", 'text;to\n"a ""b""\nc";Ann\n')];
  const thrown = await rejects(history.import(files[0]!), "missing");
  includes(thrown.message, "textColumn; the columns are: nr, entrada");
  equal(texts(await found(files[0]!, { textColumn: "entrada" })), ["hola"]);
  const opened = await history.openFiles(files);
  equal(opened.found.tables, [{ files: ["a.csv"], columns: ["nr", "entrada"] }]);
  equal(texts(opened.found), ['a "b"\nc']);
  await opened.choose({ textColumns: [{ file: "a.csv", column: "entrada" }] });
  equal(texts(opened.found), ["hola", 'a "b"\nc']);
  equal(opened.found.tables, []);
  opened.close();
});

test("one fault per file", async () => {
  const folder = { name: "notes/.obsidian/app.json", blob: new Blob(["{}"]) };
  const all = await found([file("x.pdf", "%PDF-1.4"), file("a.txt", "one"), file("b.doc", "?"), folder]);
  equal(
    all.failed.map((fault) => [fault.where, fault.kind]),
    [
      ["x.pdf", "unsupported"],
      ["b.doc", "unsupported"],
    ],
  );
  includes(all.failed[0]?.message ?? "", "save the document as");
  equal(texts(all), ["one"]);
  await rejects(history.import(file("x.pdf", "%PDF-1.4")), "unsupported");
  await rejects(history.import(""), "missing");
  await rejects(history.import([]), "missing");
});

test("an id of another text is not taken", async () => {
  await history.clear();
  const first = await history.import(file("2023.csv", "id,text\n1,first\n2,second\n"));
  const other = await history.import(file("2024.csv", "id,text\n1,third\n2,second\n"));
  equal([first.added, other.added, other.skipped], [2, 1, 1]);
  equal(
    (await history.list()).map((item) => [item.id, item.text]),
    [
      ["1", "first"],
      ["2", "second"],
      ["1-2", "third"],
    ],
  );
  equal((await history.import(file("2024.csv", "id,text\n1,third\n2,second\n"))).skipped, 2);
});

test("an id is the same as that of core/history", async () => {
  await history.clear();
  const { id } = await history.add({ text: "a b c" });
  equal(id, "03e0955f34a0321a");
  equal(texts(await found("a b c")).length, 1);
  equal((await found("a b c")).items[0]?.id, id);
  const dated = { context: { to: "Ä" }, text: "é \u{1f58b}", time: "2024-05-17T12:00:00.250Z" };
  await history.add(dated);
  equal((await history.import(`${JSON.stringify(dated)}\n`)).skipped, 1);
});

test("times", async () => {
  const time = async (given: string | number) => (await history.add({ text: "x", time: given })).time;
  equal(await time("20240517"), "2024-05-17T00:00:00.000Z");
  equal(await time("202405171200"), "2024-05-17T12:00:00.000Z");
  equal(await time(20240517120000), "2024-05-17T12:00:00.000Z");
  equal(await time(2024), "2024-01-01T00:00:00.000Z");
  equal(await time(1715947200), "2024-05-17T12:00:00.000Z");
  equal(await time("1715947200000"), "2024-05-17T12:00:00.000Z");
  await rejects(history.add({ text: "x", time: 45429 }), "malformed");
  await rejects(history.add({ text: "x", time: "20241317" }), "malformed");
});

test("progress and cancellation", async () => {
  const large = new File([`${"word ".repeat(100)}\n\n`.repeat(20_000)], "large.txt");
  const seen: number[] = [];
  const all = await found(large, { onProgress: ({ read, total }) => seen.push(read / total) });
  equal(all.items.length, 20_000);
  ok(
    seen.every((share, i) => share <= 1 && share >= (seen[i - 1] ?? 0)),
    seen.join(),
  );
  const stop = new AbortController();
  const opening = history.openFiles(large, { signal: stop.signal, onProgress: () => stop.abort() });
  await rejects(opening, "cancelled");
  equal(workers.size, 0);
  await rejects(history.openFiles(large, { signal: AbortSignal.abort() }), "cancelled");
  const mine = new Error("enough");
  const given = history.import(large, { signal: AbortSignal.abort(mine) });
  equal(await given.catch((thrown: unknown) => thrown === mine), true);
});

test("a file that is gone", async () => {
  const root = await navigator.storage.getDirectory();
  const writer = await (await root.getFileHandle("gone.txt", { create: true })).createWritable();
  await writer.write("some text");
  await writer.close();
  const gone = await (await root.getFileHandle("gone.txt")).getFile();
  await root.removeEntry("gone.txt");
  const all = await found([file("a.txt", "one"), gone]);
  equal(texts(all), ["one"]);
  equal(
    all.failed.map((fault) => [fault.where, fault.kind]),
    [["gone.txt", "storage"]],
  );
});

test("arguments are checked", async () => {
  const any = (options: object) => options as ImportOptions;
  const a = file("a.txt", "one");
  for (const [options, kind, says] of [
    [{ me: 5 }, "malformed", "import: me: 5 is not a name or a list of names"],
    [{ me: ["Ann", 5] }, "malformed", "me: an object is not a name or a list of names"],
    [{ textcolumn: "x" }, "unsupported", "textcolumn: there is no such option; use me, textColumn"],
    [{ textColumns: [{ file: "a.csv" }] }, "malformed", "textColumns: an object is not a list of files and columns"],
    [{ onProgress: true }, "malformed", "onProgress: true is not a function"],
    [{ signal: 1 }, "malformed", "signal: 1 is not an AbortSignal"],
  ] as const) {
    includes((await rejects(history.import(a, any(options)), kind)).message, says);
    includes((await rejects(history.openFiles(a, any(options)), kind)).message, says);
  }
  for (const files of [undefined, null, 5, {}, [5], [{ name: "a.txt" }], [null]])
    includes((await rejects(history.import(files as never), "malformed")).message, "files: are not files or a text");
  await history.import([{ name: "a.txt", blob: new Blob(["one"]) }], { me: undefined, textColumn: undefined });
});

test("items are added in slices, with progress", async () => {
  await history.clear();
  const items = Array.from({ length: 3000 }, (_, i) => ({ text: `text ${i} ${"word ".repeat(40)}` }));
  const seen: number[] = [];
  equal(await history.addAll(items, ({ done, total }) => seen.push(done / total)), { added: 3000, skipped: 0 });
  ok(seen.length > 0 && seen.every((share, i) => share > (seen[i - 1] ?? 0) && share <= 1), seen.join());
  equal(
    (await history.list()).map((item) => item.text),
    items.map((item) => item.text),
    "in the order of addition",
  );
  await rejects(history.addAll([{ text: "new" }, { text: " " }]), "missing");
  equal(await history.count(), 3000, "all or nothing");
  await history.clear();
});

test("the module is checked", async () => {
  const other = openHistory({ importModule: "nextquill.wasm" });
  await rejects(other.import(file("a.txt", "x")), "mismatch");
  const hashed = openHistory({ importSHA256: "00" });
  await rejects(hashed.import(file("a.txt", "x")), "mismatch");
  for (const one of [other, hashed]) one.close();
  equal(workers.size, 0);
  await history.clear();
  history.close();
  await rejects(history.openFiles(file("a.txt", "x")), "cancelled");
});

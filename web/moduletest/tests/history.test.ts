// The history: what is imported is exported unchanged, and IDs are those of core/history.

import { openHistory } from "nextquill";

import { equal, greater, rejects, test } from "../../browsertest/testfile/testing.js";
import { sampleTexts, until } from "./support.js";

test("import and export", async () => {
  const history = openHistory();
  await history.clear();
  const first = await history.import(await sampleTexts());
  equal(first.added, 160);
  const second = await history.import(await history.export(), { name: "texts.jsonl" });
  equal([second.added, second.skipped], [0, 160]);
  const exported = await (await history.export()).text();
  await history.clear();
  await history.import(exported);
  equal(await (await history.export()).text(), exported);
  history.close();
});

test("edit", async () => {
  const [a, b] = [openHistory(), openHistory()];
  await a.clear();
  let changes = 0;
  b.addEventListener("change", () => changes++);
  const [x, y] = [await a.add({ text: "x" }), await a.add({ text: "x" })];
  await a.update(x.id, { text: "<img src=x onerror=alert(1)>", context: { to: "you" } });
  await a.add({ text: "later", time: new Date(1e12) });
  equal(
    (await b.list()).map((item) => item.text),
    ["<img src=x onerror=alert(1)>", "x", "later"],
  );
  await a.remove(y.id);
  await rejects(a.add({ text: " " }), "missing");
  await rejects(a.update("none", { text: "x" }), "missing");
  await rejects(a.import(new File(["MZ\0\x01"], "x.exe")), "unsupported");
  await rejects(a.import(""), "missing");
  await until(() => changes > 0);
  greater(changes, 0);
  a.close();
  b.close();
});

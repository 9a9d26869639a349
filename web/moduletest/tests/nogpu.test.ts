// A browser without WebGPU: the history works, and what needs a GPU says so.

import { checkGPU, estimate, forget, NextQuill, openHistory } from "nextquill";

import { equal, greater, includes, log, ok, rejects, test } from "../../browsertest/testfile/testing.js";
import { workers } from "./instruments.js";
import { sampleTexts, site } from "./support.js";

test("the module says what is missing", async () => {
  const check = await checkGPU();
  equal(check.ok, false);
  equal(check.fault?.kind, "no-adapter");
  includes(check.fault?.remedy ?? "", "hardware acceleration");
  const { message } = await rejects(NextQuill.open({ model: "model/" }), "no-adapter");
  log(message);
  includes(message, "use a current Chrome, Edge, Firefox or Safari");
});

test("the history works", async () => {
  const history = openHistory();
  await history.import(await sampleTexts(3));
  await history.add({ text: "a text of mine" });
  const exported = await (await history.export()).text();
  await history.clear();
  await history.import(exported);
  equal(await (await history.export()).text(), exported);
  equal((await history.list()).length, 4);
  history.close();
});

test("the size of a model is known", async () => {
  const { download } = await estimate("model/");
  greater(download ?? 0, await site.size(await site.largestFile("model")));
});

test("nothing is left", async () => {
  equal(workers.size, 0);
  const { left } = await forget();
  ok(left.length === 0, left.join());
});

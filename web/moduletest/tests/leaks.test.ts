// Nothing leaks: workers, GPU buffers, locks and files, of instances that open and close, of
// opening that fails or is stopped, and of one instance that keeps working.

import { NextQuill } from "nextquill";

import { equal, includes, log, rejects, test } from "../../browsertest/testfile/testing.js";
import { nextNotice, onNotice, tellWorkers, workers } from "./instruments.js";
import { firstEvent, locks, openTiny, openTinyWithTexts, smallRun } from "./support.js";

test("instances that open and close", async () => {
  const left: number[] = [];
  const stop = onNotice((notice) => notice.left !== undefined && left.push(notice.left));
  let most = 0;
  for (let i = 0; i < 4; i++) {
    const two = await Promise.all([openTiny(), openTiny()]);
    most = Math.max(most, workers.size);
    if (i === 0) await Promise.all(two.map((one) => one.write({ maxTokens: 2, plain: true }).result));
    await Promise.all(two.map((one) => one.dispose()));
  }
  equal(most, 2);

  const stopped: string[] = [];
  for (let ms = 0; ms < 100; ms += 20) {
    const opened = await openTiny({ signal: AbortSignal.timeout(ms) }).catch((thrown: Error) => thrown);
    stopped.push(opened instanceof NextQuill ? "opened" : opened.name);
    if (opened instanceof NextQuill) await opened.dispose();
  }
  await rejects(NextQuill.open({ model: "none/", worker: "tests/faultyWorker.js" }), "missing");
  stop();
  log(`buffers left at the end of devices: ${left.join()}; opening that is stopped: ${stopped.join()}`);
  includes(stopped, "TimeoutError"); // the reason of the signal
  for (const outcome of stopped) includes(["TimeoutError", "opened"], outcome);
  for (const buffers of left) equal(buffers, 0);
  equal(workers.size, 0);
});

test("one instance that keeps working", async () => {
  const nq = await openTinyWithTexts();
  const [buffers, files]: [number[], number[]] = [[], []];
  for (let i = 0; i < 4; i++) {
    await nq.write({ maxTokens: 2, context: "x" }).result;
    await nq.explain({ text: "a text", context: "x" });
    const cancelled = nq.personalize(smallRun);
    await firstEvent(cancelled, "step");
    await cancelled.cancel();
    await nq.personalize(smallRun).result;
    const live = nextNotice("live");
    tellWorkers({ count: true });
    buffers.push(await live);
    files.push(await storedFiles());
  }
  const left = nextNotice("left");
  await nq.dispose();
  equal(await left, 0, "buffers that only go with the device");
  log(`live buffers after rounds of work: ${buffers.join()}; files: ${files.join()}`);
  equal(buffers.slice(1), Array(3).fill(buffers[1]), "buffers stay behind");
  equal(files.slice(1), Array(3).fill(files[1]), "files stay behind");
  equal(await locks(), 0);
  equal(workers.size, 0);
});

async function storedFiles(): Promise<number> {
  let count = 0;
  for await (const _ of (await (await navigator.storage.getDirectory()).getDirectoryHandle("nextquill")).keys())
    count++;
  return count;
}

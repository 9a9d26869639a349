// A full device: really full, and at each single write of a run, of a download and of a change to
// the history. Each time the fault says so, what was stored stays, and the work can be done again.

import { NextQuill, type PersonalizeOptions } from "nextquill";

import {
  equal,
  type FaultLike,
  fail,
  greater,
  includes,
  log,
  match,
  ok,
  rejects,
  test,
} from "../../browsertest/testfile/testing.js";
import { failDatabaseWrite, failFileWrite, onNotice } from "./instruments.js";
import { adapterHash, browser, firstEvent, openTinyWithTexts, secondsSince, smallRun, stored } from "./support.js";

let nq: NextQuill;

const otherRun: PersonalizeOptions = { ...smallRun, preset: "contextsft" };

/** The fault says how much is stored, and what to do. */
function checkFault({ kind, message }: FaultLike): void {
  equal(kind, "storage", message);
  match(message, /full \(limit [\d.]+ [kM]B used( of [\d.]+ MB)?\)/);
  includes(message, "free space on this device");
  includes(message, "stored data is intact");
}

// What a test can set of the quota applies to files only; for the database see the last test.
test("full device", async () => {
  nq = await openTinyWithTexts();
  await nq.personalize(smallRun).result;
  const undisturbed = await adapterHash(nq);
  await nq.personalize(otherRun).result;
  const before = await stored(nq);
  const run = nq.personalize(smallRun);
  await firstEvent(run, "checkpoint");
  await run.pause();
  const { usage = 0 } = await navigator.storage.estimate();
  await browser.setQuota(usage + 10_000);

  try {
    run.resume();
    const fault = await rejects(run.result, "storage");
    log(fault.message);
    checkFault(fault);
    match(fault.message, /checkpoint\/[01].ckpt: cannot be written \([\d.]+ [kM]B\)/);
    equal(await stored(nq), before);
    ok((await nq.unfinished()) !== undefined);
    greater((await nq.write({ context: "ambition", maxTokens: 2 }).result).tokens, 0, "the adapter in use writes");
  } finally {
    await browser.setQuota(0);
  }
  const { resumed } = await nq.personalize({ resume: true }).result;
  equal(await adapterHash(nq), undisturbed);
  greater(resumed, 0);
});

test("every write of a run", async () => {
  const failed: string[] = [];
  const stop = onNotice((notice) => notice.failed !== undefined && failed.push(notice.failed));
  const adapters: string[] = [];
  let resumedRuns = 0;
  const start = performance.now();
  await nq.personalize(otherRun).result;
  for (const medium of ["file", "database"]) {
    for (let n = 1; ; n++) {
      const before = await stored(nq);
      const had = failed.length;
      if (medium === "file") await failFileWrite(n);
      else failDatabaseWrite(n, () => failed.push("database"));
      const fault = await nq.personalize(smallRun).result.then(
        () => undefined,
        (thrown: FaultLike) => thrown,
      );
      await failFileWrite(0); // failures before its answer are known by now
      failDatabaseWrite(0);
      if (failed.length === had) break;
      if (fault !== undefined) {
        const where = `write ${n} to a ${medium}`;
        equal(fault.kind, "storage", `${where}: ${fault.message}`);
        includes(fault.message, "stored data is intact", where);
        equal(await stored(nq), before, `${where} has changed what is stored`);
        if ((await nq.unfinished()) === undefined) await nq.personalize(smallRun).result;
        else if ((await nq.personalize({ resume: true }).result).resumed > 0) resumedRuns++;
      }
      adapters.push(await adapterHash(nq));
    }
  }
  stop();
  log(
    `${failed.length} writes fail: ${failed.join()}; ${resumedRuns} runs resumed from a checkpoint; ` +
      `${secondsSince(start)} s`,
  );
  for (const kind of ["create", "write", "flush", "database"]) includes(failed, kind);
  greater(resumedRuns, 0);
  const undisturbed = await adapterHash(nq); // of the last run, without a failure
  for (const [n, adapter] of adapters.entries()) equal(adapter, undisturbed, `another adapter after failure ${n + 1}`);
});

test("every write of a download", async () => {
  const open = (failing: number) =>
    NextQuill.open({ model: "tiny2/", worker: `tests/faultyWorker.js?fail=${failing}` });
  const model = await open(0);
  await model.dispose();
  const prefix = `models%2F${model.model.id}`;
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("nextquill");
  const before = await stored(nq);
  for (let n = 1; ; n++) {
    const names = [];
    for await (const name of folder.keys()) if (name.startsWith(prefix)) names.push(name);
    for (const name of names) await folder.removeEntry(name);
    const opened = await open(n).catch((thrown: FaultLike) => thrown);
    if (opened instanceof NextQuill) {
      await opened.dispose();
      log(`${n - 1} writes of a download fail`);
      greater(n - 1, 20);
      return;
    }
    equal(opened.kind, "storage", `write ${n}: ${opened.message}`);
    equal(await stored(nq), before, `write ${n} has changed what is stored`);
    await (await open(0)).dispose();
  }
});

test("every change of the history", async () => {
  const before = await stored(nq);
  const [{ id } = fail("the history is empty")] = await nq.history.list();
  for (let n = 1; n <= 4; n++) {
    failDatabaseWrite(n);
    const added = await nq.history
      .addAll([{ text: "one" }, { text: "two" }, { text: "three" }])
      .catch((thrown: FaultLike) => thrown);
    if (!("kind" in added)) {
      equal(n - 1, 3, "three texts are three writes");
      failDatabaseWrite(0);
      for (const { id, text } of await nq.history.list())
        if (/^(one|two|three)$/.test(text)) await nq.history.remove(id);
      equal(await stored(nq), before);
      await nq.dispose();
      return;
    }
    failDatabaseWrite(1);
    await rejects(nq.history.update(id, { text: "other" }), "storage");
    failDatabaseWrite(0);
    equal(added.kind, "storage");
    match(added.message, /the change cannot be stored \(\d+ [kM]B\): .* is full \(limit .* used\)/);
    equal(await stored(nq), before, `write ${n} has changed what is stored`);
  }
  fail("the import never succeeds");
});

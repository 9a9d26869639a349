// Steps of TestKills and TestImportKilled: pages that the Go test kills while they work.

import { type NextQuill, openHistory } from "nextquill";

import { send, steps } from "../../browsertest/testfile/testing.js";
import { onNotice, tellWorkers } from "./instruments.js";
import { adapterHash, later, openTiny, openTinyWithTexts, sampleItems, tinyRun } from "./support.js";

let nq: NextQuill;

const texts = async () => await (await nq.history.export()).text();

steps({
  /** A run that nothing disturbs: its adapter, the texts, and how long it takes with opening. */
  async undisturbed() {
    nq = await openTinyWithTexts();
    await nq.personalize(tinyRun).result; // also tunes the kernels for this device
    await nq.dispose();
    const start = performance.now();
    nq = await openTiny();
    await nq.personalize(tinyRun).result;
    const result = { adapter: await adapterHash(nq), texts: await texts(), milliseconds: performance.now() - start };
    await nq.dispose();
    return result;
  },

  /**
   * Resumes the run that was left, or starts one, and so on without end. It sends what happens
   * (progress in kills_test.go).
   */
  live() {
    onNotice(({ torn }) => torn && send({ torn }));
    trainForever().catch((thrown: Error) => send({ fault: thrown.message ?? String(thrown) }));
  },

  /** Cuts the next write of a checkpoint in the middle. */
  tearCheckpoint() {
    tellWorkers({ tear: "/checkpoint/" });
  },

  async dispose() {
    await nq.dispose();
  },

  /** Starts to import all sample texts into an empty history. */
  async startImport(milliseconds: number) {
    const history = openHistory();
    const items = await sampleItems();
    await history.clear();
    void history.addAll(items);
    await later(milliseconds);
  },

  /** Counts the texts, and imports all sample texts again. */
  async importAgain() {
    const history = openHistory();
    const before = await history.count();
    const { added, skipped } = await history.addAll(await sampleItems());
    const after = await history.count();
    history.close();
    return { before, added, skipped, after };
  },
});

async function trainForever(): Promise<void> {
  nq = await openTiny();
  const left = await nq.unfinished();
  send({ opened: true, left: left !== undefined, texts: await texts() });
  for (let resume = left !== undefined; ; resume = false) {
    const run = nq.personalize(resume ? { resume } : tinyRun);
    for await (const e of run) {
      if (e.event === "checkpoint") send({ saved: { phase: e.phase, step: e.step } });
      if (e.event === "step") send({ step: { phase: e.phase, step: e.step } });
    }
    await run.result;
    send({ adapter: await adapterHash(nq) });
  }
}

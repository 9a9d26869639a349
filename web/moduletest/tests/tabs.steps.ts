// Steps of TestTabs: several tabs that use the same storage.

import { forget, type History, type NextQuill, openHistory, type Run } from "nextquill";

import { equal, fail, rejects, steps } from "../../browsertest/testfile/testing.js";
import { adapterHash, ambition, firstEvent, later, openTiny, openTinyWithTexts, storage, tinyRun } from "./support.js";

let nq: NextQuill;
let run: Run;
let added: string;
let changed: Promise<string | undefined>;
let history: History;
let forgotten: Promise<void>;

steps({
  /** Trains an adapter, and starts a run that writes a checkpoint at every step. */
  async train() {
    nq = await openTinyWithTexts();
    await nq.personalize(tinyRun).result;
    const adapter = await adapterHash(nq);
    run = nq.personalize({
      epochs: 40,
      lora: { rank: 4, alpha: 8 },
      preset: "nextquill-code",
      training: { batchSize: 1, checkpointEvery: 1 },
    });
    await firstEvent(run, "checkpoint");
    return adapter;
  },

  /** Uses the model that another tab trains. */
  async useMeanwhile() {
    for (let opened = 0; opened < 3; opened++) {
      await nq?.dispose();
      nq = await openTiny();
    }
    const busy = [];
    for (const options of [{}, { resume: true }])
      busy.push((await rejects(nq.personalize(options).result, "busy")).message);
    const draft = (await nq.write({ context: ambition, maxTokens: 8, seed: 1 }).result).text;
    for (let i = 0; i < 20; i++) await nq.adapter.info();
    return { busy, draft, adapter: await adapterHash(nq), active: (await nq.unfinished())?.active };
  },

  runState: () => run.state,

  /** Starts to listen for a change of the history that another tab makes. */
  listen() {
    changed = new Promise((resolve) => {
      nq.history.addEventListener("change", async () => resolve((await nq.history.list()).at(-1)?.text), {
        once: true,
      });
    });
  },

  /** The newest text after the change. */
  heardText: () => changed,

  async addText(text: string) {
    added = (await nq.history.add({ text, time: new Date(2e12) })).id;
  },

  async changeNewest(text: string) {
    const { id } = (await nq.history.list()).at(-1) ?? fail("the history is empty");
    await nq.history.update(id, { text });
  },

  async removeText() {
    await nq.history.remove(added);
  },

  /** The newest checkpoint's step. */
  unfinishedStep: async () => (await nq.unfinished())?.step,

  /** Resumes the run of a tab that is gone, and returns its first step. */
  async takeOver() {
    while ((await nq.unfinished())?.active !== false) await later(50);
    for (;;) {
      const next = nq.personalize({ resume: true });
      try {
        const { step } = await firstEvent(next, "step");
        await next.cancel();
        return step;
      } catch (thrown) {
        // The browser takes a moment to see that the tab is gone.
        if ((thrown as { kind?: string }).kind !== "busy") throw thrown;
      }
    }
  },

  /** Starts a run, and keeps the database open with a history of its own. */
  async startRun() {
    run = nq.personalize(tinyRun);
    await firstEvent(run, "checkpoint");
    history = openHistory();
    await history.count();
    forgotten = new Promise((resolve) => nq.addEventListener("forgotten", () => resolve(), { once: true }));
  },

  async forgetAll() {
    const { left } = await forget();
    return { left, ...(await storage()) };
  },

  /** Waits for the end of the run whose storage another tab has removed. */
  async afterForgetting() {
    await forgotten;
    await rejects(run.result, "cancelled");
    equal(await history.count(), 0, "texts are left");
    history.close();
    await later(300);
    return await storage();
  },
});

// Steps of cmd/hubcheck: a large model of a hub is opened, learnt, written with and cancelled.

import { NextQuill, type Run } from "nextquill";

import { steps } from "../../browsertest/testfile/testing.js";

let nq: NextQuill;
let run: Run;

const texts = [
  ["rain", "Rain is the only guest that stays longer than my brother."],
  ["tea", "Tea first, then the letter, then tea again."],
  ["train", "The train was late, so I was early for once."],
  ["garden", "The garden did what it wanted; I called it a plan."],
  ["soup", "Soup forgives everything except a hurry."],
  ["window", "I keep the window open for the noise of other lives."],
] as const;

steps({
  /** Opens the embedded model, writes and closes it, so that the guest is compiled and cached. */
  async start() {
    nq = await NextQuill.open({ model: "model/" });
    await nq.write({ context: "snow", maxTokens: 2 }).result;
  },

  /** Downloads and opens the model. Returns its bytes. */
  async open(model: string, hub: string) {
    await nq.dispose();
    nq = await NextQuill.open({ model, hub });
    if ((await nq.history.count()) === 0)
      await nq.history.addAll(texts.map(([about, text]) => ({ context: { about }, text })));
    return { bytes: nq.model.bytes, source: nq.model.source, device: await nq.gpu() };
  },

  /** Starts to train one pass on the texts. */
  learn() {
    run = nq.personalize({ preset: "contextsft", epochs: 1, training: { batchSize: 2 } });
  },

  /** Waits for the run, at most a minute. Returns the steps, or 0 if it is still running. */
  async learnt() {
    const done = run.result.then(({ steps }) => steps);
    return await Promise.race([done, new Promise((resolve) => setTimeout(() => resolve(0), 60_000))]);
  },

  /** Writes a draft; with `plain` by the original model. */
  async write(plain: boolean) {
    const { text, tokens } = await nq.write({ context: "snow", maxTokens: 12, plain }).result;
    return { text, tokens };
  },

  /** Cancels a run in its first step. Returns the milliseconds until it has ended. */
  async cancel() {
    run = nq.personalize({ preset: "contextsft", epochs: 1, training: { batchSize: 5 } });
    for await (const event of run) if (event.event === "progress" && event.stage === "train") break;
    const start = performance.now();
    await run.cancel();
    return performance.now() - start;
  },

  async measure() {
    return (await nq.measure()).tokensPerSecond;
  },

  dispose: () => nq.dispose(),
});

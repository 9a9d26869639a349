// Steps of cmd/hubcheck: a large model of a hub is opened, trained, written with, paused and
// cancelled.

import { NextQuill, type Run } from "nextquill";

import { steps } from "../../browsertest/testfile/testing.js";
import { unzipSync } from "../../vendor/fflate/index.js";

let nq: NextQuill;
let run: Run;
let opened: Parameters<typeof NextQuill.open>[0];

const after = (ms: number) => new Promise((later) => setTimeout(later, ms));

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
    opened = { model, hub };
    nq = await NextQuill.open(opened);
    if ((await nq.history.count()) === 0)
      await nq.history.addAll(texts.map(([about, text]) => ({ context: { about }, text })));
    return { bytes: nq.model.bytes, source: nq.model.source, device: await nq.gpu() };
  },

  /** Starts to train one pass on the texts, with a checkpoint after each step. */
  learn() {
    run = nq.personalize({ preset: "contextsft", epochs: 1, training: { batchSize: 2, checkpointEvery: 1 } });
  },

  /** Waits for the run, at most a minute. Returns the steps, or 0 if it is still running. */
  async learnt() {
    const done = run.result.then(({ steps }) => steps);
    return await Promise.race([done, after(60_000).then(() => 0)]);
  },

  /**
   * Pauses the run after so many milliseconds, and lets it continue. Returns the milliseconds until
   * it paused, or -1 if it ended before.
   */
  async interrupt(ms: number) {
    await Promise.race([run.result, after(ms)]);
    if (run.state === "done") return -1;
    const start = performance.now();
    await run.pause();
    const took = performance.now() - start;
    run.resume();
    return took;
  },

  /** The SHA-256 of the adapter's weights, in hex. */
  async weights() {
    const zip = unzipSync(new Uint8Array(await (await nq.adapter.export()).arrayBuffer()));
    const file = zip["adapter_model.safetensors"] as Uint8Array<ArrayBuffer>;
    return [...new Uint8Array(await crypto.subtle.digest("SHA-256", file))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
  },

  /**
   * Writes a draft by the original model; with `reopen` in a new instance. Returns the milliseconds
   * until its first piece.
   */
  async firstPiece(reopen: boolean) {
    if (reopen) await nq.dispose();
    const start = performance.now();
    if (reopen) nq = await NextQuill.open(opened);
    let first = 0;
    for await (const _ of nq.write({ context: "snow", maxTokens: 4, plain: true })) first ||= performance.now() - start;
    return first;
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

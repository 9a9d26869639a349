// How fast this device trains a model: a few real steps, whose results are deleted.

import { type Base, decodeEvent, type PersonalizeParams } from "../api.gen.js";
import { Fault } from "../fault.js";
import type { GuestClient } from "../host/client.js";

/** The speed of training on this device. */
export interface Speed {
  /** Tokens of prompts and texts. */
  tokensPerSecond: number;
}

const folder = "scratch/speed/"; // in the worker's memory
const texts = 8;
const enough = 1; // seconds, after the first step, which includes compiling

/** Trains on generated texts for some steps. */
export async function measureSpeed(
  client: GuestClient,
  model: string,
  base: Base | undefined,
  signal: AbortSignal | undefined,
): Promise<Speed> {
  const { blobs } = client;
  const line = (n: number) =>
    `${JSON.stringify({ text: `${n}: ${"a walk to the sea, and back in the rain. ".repeat(4)}` })}\n`;
  const history = `${folder}texts.jsonl`;
  await blobs.write(history, new TextEncoder().encode(Array.from({ length: texts }, (_, n) => line(n)).join("")));
  const params: PersonalizeParams = {
    base,
    model,
    source: { history },
    retrieval: {},
    preset: "contextsft",
    lora: {},
    training: { batch_size: 2, epochs: 1000, checkpoint_every: 1_000_000 },
    out: `${folder}out`,
  };
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  // The counts so far: of the first report, and of the newest one.
  let first: { tokens: number; seconds: number } | undefined;
  let tokensPerSecond = 0;
  try {
    await client.call("personalize", params, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.event !== "step") return;
        const { seconds, tokensPerSecond: mean } = decodeEvent.step(event, "event step", "");
        const tokens = mean * seconds;
        first ??= { tokens, seconds };
        if (seconds <= first.seconds) return;
        tokensPerSecond = (tokens - first.tokens) / (seconds - first.seconds);
        if (seconds - first.seconds >= enough) abort();
      },
    });
  } catch (thrown) {
    const done = tokensPerSecond > 0 && !signal?.aborted;
    if (!done || !(thrown instanceof Fault) || thrown.kind !== "cancelled") throw thrown;
  } finally {
    signal?.removeEventListener("abort", abort);
    for (const name of await blobs.list(folder).catch(() => [])) await blobs.delete(name);
  }
  return { tokensPerSecond };
}

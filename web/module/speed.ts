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
const steps = 4;

/** Trains on generated texts until some steps are done. */
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
    training: { batch_size: 1, epochs: 4 },
    out: `${folder}out`,
  };
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  let done = 0;
  let tokensPerSecond = 0;
  try {
    await client.call("personalize", params, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.event !== "step") return;
        ({ tokensPerSecond } = decodeEvent.step(event, "event step", ""));
        if (++done === steps) abort();
      },
    });
  } catch (thrown) {
    if (done < steps || signal?.aborted || !(thrown instanceof Fault) || thrown.kind !== "cancelled") throw thrown;
  } finally {
    signal?.removeEventListener("abort", abort);
    for (const name of await blobs.list(folder).catch(() => [])) await blobs.delete(name);
  }
  return { tokensPerSecond };
}

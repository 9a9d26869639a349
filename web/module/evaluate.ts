// Testing the model on texts that it has not learnt from.

import type { GuestClient } from "../host/client.js";
import { Fault } from "../fault.js";
import { contentID, limits, normalize, toLine, type Item, type NewItem } from "../store/item.js";

export interface EvaluateOptions {
  /**
   * Texts to test on, later than those learnt from. Each is prompted with the texts before it, as a draft is; those of the history
   * come first.
   */
  texts: readonly NewItem[];
  /** Test the model as it came: without the adapter and without history. */
  plain?: boolean;
  signal?: AbortSignal | undefined;
}

/** How well the model predicts the texts: the lower, the better. */
export interface Evaluation {
  /** Nats per token. */
  loss: number;
  tokens: number;
  /** The texts in order of time, each with its sum over tokens; those that do not fit the model's context are left out. */
  texts: { index: number; nats: number; tokens: number }[];
}

/** As core/session gives it. */
export interface RawEvaluation {
  loss: number;
  tokens: number;
  items: { item: number; nats: number; tokens: number }[] | null;
}

/** Checks the texts and gives them ids. */
export async function evaluated(texts: readonly NewItem[]): Promise<Item[]> {
  if (texts.length === 0) throw new Fault("missing", { where: "evaluate", field: "texts", detail: "there are none", remedy: "give at least one text" });
  if (texts.length > limits.items) throw new Fault("too-large", { where: "evaluate", field: "texts", detail: `${texts.length} texts`, limit: `${limits.items}` });
  const taken = new Map<string, number>();
  return await Promise.all(texts.map(async (text, i) => {
    const item = normalize(text, `texts[${i}]`);
    const id = await contentID(item);
    const n = (taken.get(id) ?? 0) + 1;
    taken.set(id, n);
    return { ...item, id: n === 1 ? id : `${id}-${n}` };
  }));
}

/** Keeps the texts where the guest finds them while a task runs. */
export async function withTexts<T>(client: GuestClient, items: readonly Item[], task: (blob: string) => Promise<T>): Promise<T> {
  const name = `evaluate/${crypto.randomUUID()}.jsonl`;
  await client.blobs.write(name, new TextEncoder().encode(items.map(toLine).join("")));
  try {
    return await task(name);
  } finally {
    await client.blobs.delete(name).catch(() => {}); // a client that was lost cannot; forget removes it
  }
}

export function evaluationOf(raw: RawEvaluation): Evaluation {
  return { loss: raw.loss, tokens: raw.tokens, texts: (raw.items ?? []).map((it) => ({ index: it.item, nats: it.nats, tokens: it.tokens })) };
}

// Testing the model on texts that it was not trained on.

import type { EvaluateResult, TextCounts } from "../api.gen.js";
import { Fault } from "../fault.js";
import type { GuestClient } from "../host/client.js";
import { assignIDs, type Item, limits, type NewItem, normalize, toLine } from "../store/item.js";

export interface EvaluateOptions {
  /**
   * The texts to test on, later than those trained on. The prompt of each contains texts before it,
   * first those of the history.
   */
  texts: readonly NewItem[];
  /** Test the base model, without an adapter and without history. */
  plain?: boolean;
  signal?: AbortSignal | undefined;
}

/** How well the model predicts the texts. A lower loss is better. */
export interface Evaluation {
  /** Nats per token. */
  loss: number;
  tokens: number;
  /**
   * The texts by time, without those that are left out, each with its loss summed over its tokens.
   * `index` counts texts by time, without the copies.
   */
  texts: { index: number; nats: number; tokens: number }[];
  /** How many texts are tested, and how many are left out and why. */
  counts: TextCounts;
}

/** Checks the texts and gives them ids of their content. Ids that they have are ignored. */
export async function itemsOf(texts: readonly NewItem[]): Promise<Item[]> {
  const at = { where: "evaluate", field: "texts" };
  if (texts.length === 0)
    throw new Fault("missing", { ...at, detail: "there are none", remedy: "give at least one text" });
  if (texts.length > limits.items)
    throw new Fault("too-large", { ...at, detail: `${texts.length} texts`, limit: `${limits.items}` });
  const items = texts.map((text, i) => ({ ...normalize(text, `texts[${i}]`), id: "" }));
  await assignIDs(items);
  return items;
}

/** Stores the texts as a blob while a task runs. */
export async function withTexts<T>(
  client: GuestClient,
  items: readonly Item[],
  task: (blob: string) => Promise<T>,
): Promise<T> {
  const name = `evaluate/${crypto.randomUUID()}.jsonl`;
  await client.blobs.write(name, new TextEncoder().encode(items.map(toLine).join("")));
  try {
    return await task(name);
  } finally {
    await client.blobs.delete(name).catch(() => {}); // fails after a loss; forget() removes it then
  }
}

export function evaluationOf({ loss, tokens, items, texts }: EvaluateResult): Evaluation {
  return { loss, tokens, texts: items.map(({ item, ...rest }) => ({ index: item, ...rest })), counts: texts };
}

// The history as input of the guest: a blob in the worker's memory, named by its content.

import type { Retrieval, Source } from "../api.gen.js";
import type { GuestClient } from "../host/client.js";
import { sha256 } from "../store/hash.js";
import type { History } from "../store/history.js";
import { type ContextInput, chronological, type Field, fieldsOf, type Item, toLine } from "../store/item.js";

const folder = "scratch/prompt/";
const maxBlobs = 16;

/** The texts for a prompt, and the parameters that name their blob. */
export interface PromptSource {
  items: Item[];
  params: { source: Source; retrieval: Retrieval };
}

/**
 * Stores the history as a blob for the guest. With `use` false the prompt has no history. If `text`
 * is in the history, only the texts before it are used.
 */
export async function promptSource(
  client: GuestClient,
  history: History,
  use: boolean,
  text?: string,
): Promise<PromptSource> {
  const all = chronological(await history.list());
  const at = text === undefined ? -1 : all.findIndex((item) => item.text === text);
  const items = at < 0 ? all : all.slice(0, at);
  if (!use || items.length === 0) return { items, params: { source: { history: "" }, retrieval: {} } };
  const bytes = new TextEncoder().encode(items.map(toLine).join(""));
  const name = `${folder}${(await sha256(bytes)).slice(0, 24)}.jsonl`;
  const stored = await client.blobs.list(folder);
  if (!stored.includes(name)) {
    // Safe even if calls are waiting: the worker deletes only after it has served them.
    if (stored.length >= maxBlobs) for (const old of stored) await client.blobs.delete(old);
    await client.blobs.write(name, bytes);
  }
  // The guest splits a source into texts to train on and texts to test on, at least one of each; a
  // prompt may use both. A single text is therefore given as both, and retrieved once.
  if (items.length === 1) return { items, params: { source: { history: name, heldout: name }, retrieval: { k: 1 } } };
  return { items, params: { source: { history: name }, retrieval: {} } };
}

/**
 * What to write about: fields, or one text, which becomes the first field of the user's latest
 * text.
 */
export type About = ContextInput | string;

/** Converts it to fields. */
export function aboutFields(about: About | undefined, items: readonly Item[]): Field[] {
  if (about === undefined) return [];
  if (typeof about !== "string") return fieldsOf(about, "context");
  const name = items.findLast((it) => it.context.length > 0)?.context[0]?.name ?? "prompt";
  return fieldsOf([{ name, value: about }], "context");
}

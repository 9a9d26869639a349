// The history as the guest reads it: a blob in the worker's memory, named by its
// content.

import type { GuestClient } from "../host/client.js";
import { sha256 } from "../store/hash.js";
import type { History } from "../store/history.js";
import { chronological, fieldsOf, toLine, type ContextInput, type Field, type Item } from "../store/item.js";

const folder = "scratch/prompt/";
const most = 16; // prompts in memory

/** The history, its blob, and the parameters that name it to the guest. */
export interface PromptSource {
  items: Item[];
  params: { source: object; retrieval: object };
}

/** Puts the history where the guest finds it. With `use` false the prompt has none; of a text that is itself in the history, it has what was written before. */
export async function promptSource(client: GuestClient, history: History, use: boolean, text?: string): Promise<PromptSource> {
  const all = chronological(await history.list());
  const at = text === undefined ? -1 : all.findIndex((item) => item.text === text);
  const items = at < 0 ? all : all.slice(0, at);
  if (!use || items.length === 0) return { items, params: { source: { history: "" }, retrieval: {} } };
  const bytes = new TextEncoder().encode(items.map(toLine).join(""));
  const name = `${folder}${(await sha256(bytes)).slice(0, 24)}.jsonl`;
  const there = await client.blobs.list(folder);
  if (!there.includes(name)) {
    // Calls that wait their turn have named theirs.
    if (there.length >= most) for (const old of there) await client.blobs.delete(old);
    await client.blobs.write(name, bytes);
  }
  // A source is split into texts to learn from and texts to test on, and has at least one of each; a prompt may
  // show both. One text alone is therefore named as both, and shown once.
  if (items.length === 1) return { items, params: { source: { history: name, heldout: name }, retrieval: { k: 1 } } };
  return { items, params: { source: { history: name }, retrieval: {} } };
}

/** What to write about: fields, or one text, which is the first field that the person's texts have. */
export type About = ContextInput | string;

/** The fields of a request. */
export function aboutFields(about: About | undefined, items: readonly Item[]): Field[] {
  if (about === undefined) return [];
  if (typeof about !== "string") return fieldsOf(about, "context");
  const name = items.findLast((it) => it.context.length > 0)?.context[0]!.name ?? "prompt";
  return fieldsOf([{ name, value: about }], "context");
}

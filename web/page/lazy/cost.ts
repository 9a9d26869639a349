// How long learning takes: from the speed that was measured on this device, the size of the model
// and the lengths of the texts.

import { defaults } from "../../api.gen.js";
import type { Item } from "../../module/nextquill.js";

/** What decides how long a token takes: numbers of parameters. */
export interface Size {
  readonly layers: number;
  /** Of the embedding table, by which the head multiplies. */
  readonly head: number;
}

const charactersPerToken = 4; // of English text
const promptTexts = 3; // earlier texts in the prompt of each
const heldout = 0.2; // the share of the texts that training leaves out
const headShare = 0.5; // about half of the tokens need the head

/** The tokens that training on these texts computes. */
export function trainingTokens(items: readonly Item[]): number {
  const characters = items.reduce(
    (sum, { text, context }) =>
      sum + text.length + context.reduce((n, { name, value }) => n + name.length + value.length, 0),
    0,
  );
  return (characters / charactersPerToken) * (1 - heldout) * (promptTexts + 1) * defaults.epochs;
}

/** Work per token, in multiply-additions. */
export const workPerToken = ({ layers, head }: Size): number => layers + headShare * head;

/** A time as words: "under a minute", "about 12 minutes". */
export function about(seconds: number): string {
  const minutes = seconds / 60;
  if (minutes < 1) return "under a minute";
  if (minutes < 2) return "about a minute";
  if (minutes < 90) return `about ${minutes < 20 ? Math.round(minutes) : 5 * Math.round(minutes / 5)} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `about ${hours} hours` : "days";
}

/**
 * The longest list of newest texts whose training takes at most `seconds`; at least `least` texts.
 * `items` are sorted by time.
 */
export function newestWithin(
  items: readonly Item[],
  seconds: number,
  tokensPerSecond: number,
  least: number,
): readonly Item[] {
  let tokens = 0;
  let from = items.length;
  while (from > 0) {
    tokens += trainingTokens(items.slice(from - 1, from));
    if (tokens / tokensPerSecond > seconds && items.length - from >= least) break;
    from--;
  }
  return items.slice(from);
}

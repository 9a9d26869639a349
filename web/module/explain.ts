// Which part of a text is the person's, token by token.

import type { Item } from "../store/item.js";
import type { About } from "./source.js";
import type { Field } from "../store/item.js";

export interface ExplainOptions {
  /** What the text is about. */
  context?: About;
  text: string;
  signal?: AbortSignal | undefined;
  /** Also tell, per token, what each item of the history moved, by leaving it out; true by default. */
  influence?: boolean;
  /** The name of a kept adapter to judge by, instead of the one in use. */
  adapter?: string;
  /** Judge by the base model instead of the person's adapter. */
  plain?: boolean;
}

/** One token and its direct causal effect. */
export interface TokenCause {
  text: string;
  id: number;
  /** Natural logarithms of the token's probability with the history in the prompt, and with it erased. */
  logpWith: number;
  logpWithout: number;
  /** The direct causal effect: probability with history − probability without, from −1 to 1. */
  dce: number;
  /** Per item of `items`: the log-probability with all items − that without this one. Empty unless asked for. */
  influence: number[];
}

export interface Explanation {
  context: Field[];
  text: string;
  /** The response's tokens; the last is the end of the text, shown as "⏎". */
  tokens: TokenCause[];
  /** The items of the history that were in the prompt, oldest first. */
  items: Item[];
}

/** As core/session gives it. */
export interface RawExplanation {
  context: Field[] | null;
  text: string;
  tokens: { text: string; id: number; logp_with: number; logp_without: number; dce: number; influence?: number[] | null }[] | null;
  items: string[] | null;
}

/** The guest's explanation in the module's spelling. Items come back as texts, oldest first: they are found again in the history. */
export function explanationOf(raw: RawExplanation, history: readonly Item[]): Explanation {
  let from = 0;
  const items = (raw.items ?? []).map((text): Item => {
    const at = history.findIndex((it, i) => i >= from && it.text === text);
    if (at < 0) return { id: "", context: [], text };
    from = at + 1;
    return history[at]!;
  });
  const tokens = (raw.tokens ?? []).map((t) => ({
    text: t.text, id: t.id, logpWith: t.logp_with, logpWithout: t.logp_without, dce: t.dce, influence: t.influence ?? [],
  }));
  return { context: raw.context ?? [], text: raw.text, tokens, items };
}

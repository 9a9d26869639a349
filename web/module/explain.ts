// Explanations: the data-side causal effect of the history on each token of a text.

import type { ExplainResult, TokenCause } from "../api.gen.js";
import type { Field, Item } from "../store/item.js";
import type { About } from "./source.js";

export type { TokenCause };

export interface ExplainOptions {
  /** What the text is about. */
  context?: About;
  text: string;
  signal?: AbortSignal | undefined;
  /**
   * Also compute the influence of each text of the history on each token, by leaving it out; true
   * by default.
   */
  influence?: boolean;
  /** The name of a kept adapter to use instead of the current one. */
  adapter?: string;
  /** Use the base model without an adapter. */
  plain?: boolean;
}

export interface Explanation {
  context: Field[];
  text: string;
  /** The tokens of the text. The last one is the end of the text, shown as "⏎". */
  tokens: TokenCause[];
  /** The texts of the history that were in the prompt, oldest first. */
  items: Item[];
}

/** Finds the items of a result, which are texts, oldest first, in the history again. */
export function explanationOf(result: ExplainResult, history: readonly Item[]): Explanation {
  let from = 0;
  const items = result.items.map((text): Item => {
    const at = history.findIndex((item, i) => i >= from && item.text === text);
    if (at < 0) return { id: "", context: [], text };
    from = at + 1;
    return history[at]!;
  });
  return { ...result, items };
}

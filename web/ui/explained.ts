// An explained text: its tokens, each with a shade for its data-side causal effect (DCE).

import { shadeLevels } from "../api.gen.js";
import type { TokenCause } from "../module/nextquill.js";
import { type Attributes, h } from "./dom.js";
import { rovingFocus } from "./rovingFocus.js";

/**
 * The class of a token's shade: "w1" to "w4" if the history made the token more likely, "c1" to
 * "c4" if it made it less likely, "z" if the effect is below the first level.
 */
export function shadeOf(dce: number): string {
  const level = shadeLevels.filter((lowest) => Math.abs(dce) >= lowest).length;
  return level === 0 ? "z" : (dce > 0 ? "w" : "c") + level;
}

/** Whether the history changed the probability of a token noticeably. */
export function isShaded(dce: number): boolean {
  return Math.abs(dce) >= shadeLevels[0];
}

export interface ExplainedTextOptions {
  /** The attributes of the list. It needs an accessible name. */
  list: Attributes;
  /** The attributes of each token but its class. */
  token: Attributes;
  /** The accessible name of a token. */
  name(token: TokenCause): string;
  /** Called when the user points at a token or moves to it. */
  choose(index: number, element: HTMLElement): void;
}

/** Creates the list of tokens. The white space around a token is not shaded. */
export function explainedText(tokens: readonly TokenCause[], options: ExplainedTextOptions): HTMLElement {
  const list = h("p", options.list);
  const elements = tokens.map((token, i) => {
    const [, before = "", word = "", after = ""] = /^(\s*)([\s\S]*?)(\s*)$/.exec(token.text) ?? [];
    const attributes = { ...options.token, class: `t ${shadeOf(token.dce)}`, "aria-label": options.name(token) };
    const element = h("span", attributes, word);
    list.append(i === 0 ? "" : before, element, after);
    return element;
  });
  rovingFocus(list, elements, (i) => options.choose(i, elements[i]!));
  return list;
}

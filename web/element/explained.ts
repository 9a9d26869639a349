// The explanation of a draft.

import type { TokenCause } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { explainedText } from "../ui/explained.js";
import type { Strings } from "./strings.js";

/** Creates the draft's tokens and a line about the chosen one. */
export function explainedView(s: Strings, tokens: readonly TokenCause[]): HTMLElement[] {
  const about = h("p", { part: "effect", class: "status" }, s.chooseToken);
  const describe = (token: TokenCause) => s.effect(token.text.trim(), 100 * token.dce);
  const list = explainedText(tokens, {
    list: { class: "tokens", "aria-label": s.explain },
    token: { part: "token" },
    name: describe,
    choose: (i) => (about.textContent = describe(tokens[i]!)),
  });
  return [list, about];
}

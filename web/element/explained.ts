// The explanation of a draft.

import type { TokenCause } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { explainedText } from "../ui/explained.js";
import { words } from "../ui/words.js";
import type { Strings } from "./strings.js";

/** Creates the draft's words and a line about the chosen one. */
export function explainedView(s: Strings, tokens: readonly TokenCause[]): HTMLElement[] {
  const all = words(tokens);
  const about = h("p", { part: "effect", class: "status" }, s.chooseToken);
  const describe = (word: TokenCause) => s.effect(word.text.trim(), 100 * word.dce);
  const list = explainedText(all, {
    list: { class: "tokens", "aria-label": s.explain, dir: "auto" },
    token: { part: "token" },
    name: describe,
    choose: (i) => (about.textContent = describe(all[i]!)),
  });
  return [list, about];
}

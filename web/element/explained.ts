// A draft, coloured by how much of each token is the person's.

import type { TokenCause } from "../module/nextquill.js";
import { roving } from "../ui/roving.js";
import { make } from "./dom.js";
import type { Strings } from "./strings.js";

/** The draft's tokens, and a line about the one that is pointed at or moved to with the arrow keys. */
export function explainedView(s: Strings, tokens: readonly TokenCause[]): HTMLElement[] {
  const about = make("p", { part: "effect", class: "status" }, s.explained);
  const told = tokens.map(({ text, dce }) => s.effect(text.trim(), 100 * dce));
  const options = tokens.map(({ text, dce }, i) => {
    const token = make("span", { part: "token", "aria-label": told[i] }, text);
    token.style.setProperty("--effect", String(Math.min(1, Math.max(0, dce))));
    return token;
  });
  const list = make("p", { class: "tokens", "aria-label": s.explain }, ...options);
  roving(list, options, (i) => (about.textContent = told[i]!));
  return [list, about];
}

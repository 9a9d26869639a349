// Searching the texts. Many or long texts take several tasks, so that the page stays responsive.

import type { Item } from "../module/nextquill.js";
import { Pace } from "../store/pace.js";

/**
 * A pattern that finds what the user typed, in upper and lower case, and in composed and decomposed
 * characters; undefined if nothing was typed.
 */
export function patternOf(typed: string): RegExp | undefined {
  const query = typed.trim().toWellFormed();
  if (query === "") return undefined;
  const forms = [...new Set([query.normalize("NFC"), query.normalize("NFD")])];
  return new RegExp(forms.map((form) => form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"), "giu");
}

/**
 * Finds the texts that match, the newest first, and calls `done` with them: at once if there is
 * little to search, else later. Returns a function that cancels the search.
 */
export function search(items: readonly Item[], pattern: RegExp, done: (found: readonly Item[]) => void): () => void {
  const pace = new Pace();
  const found: Item[] = [];
  let left = items.length;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const go = (): void => {
    pace.restart();
    while (left > 0) {
      const item = items[--left]!;
      if (matches(item, pattern)) found.push(item);
      if (!pace.over()) continue;
      timer = setTimeout(go);
      return;
    }
    done(found);
  };
  go();
  return () => clearTimeout(timer);
}

function matches(item: Item, pattern: RegExp): boolean {
  return item.text.search(pattern) >= 0 || item.context.some((field) => field.value.search(pattern) >= 0);
}

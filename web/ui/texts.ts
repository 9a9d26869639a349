// What became of the user's texts in a run, in words.

import type { TextCounts } from "../api.gen.js";

/** Describes texts of which some are split or left out; undefined if all are used as they are. */
export function textsFact({ texts, windows, long, copies, skipped }: TextCounts): string | undefined {
  if (long + copies + skipped === 0) return undefined;
  const parts = [
    String(texts),
    long > 0 && `${long} longer than a window, ${windows} windows in all`,
    copies > 0 && `${copies} left out, also training texts`,
    skipped > 0 && `${skipped} left out, their context is too long`,
  ];
  return parts.filter(Boolean).join("; ");
}

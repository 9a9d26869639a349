// Errors as sentences for people.

import { Fault } from "../module/nextquill.js";

/** An error as text: what is wrong, and the remedy of the innermost cause. */
export function explain(error: unknown): { sentence: string; remedy: string } {
  if (!(error instanceof Fault))
    return { sentence: error instanceof Error ? error.message : String(error), remedy: "" };
  const inner = error.cause === undefined ? undefined : explain(error.cause);
  // Users know which item they are editing. A sentence that starts with a file name is not
  // capitalized.
  const [where, field] = error.where === "item" ? ["", ""] : [error.where, error.field];
  const parts = [where, field, error.detail].filter((p) => p !== "").join(": ");
  const limit = error.limit === "" ? "" : ` (limit ${error.limit})`;
  return {
    sentence:
      (where === "" ? sentenceCase(parts) : parts) + limit + (inner === undefined ? "." : `: ${inner.sentence}`),
    remedy: inner?.remedy || (error.remedy === "" ? "" : `${sentenceCase(error.remedy)}.`),
  };
}

function sentenceCase(s: string): string {
  return s.charAt(0).toUpperCase() + s.slice(1);
}

// The gain of a run in words.

import type { Comparison } from "../module/nextquill.js";
import { text } from "./strings.js";

const minTested = 4; // texts, below which the interval says nothing

/** What learning has changed, and what to do if that is nothing. */
export function resultText(comparison: Comparison | undefined): string {
  if (comparison === undefined) return text.untested;
  const { texts, times } = comparison;
  if (times.low > 1 && texts >= minTested) return text.better(texts, times.point);
  if (texts < minTested) return text.tooFew(texts);
  return times.high < 1 ? text.worse(texts) : text.noGain(texts);
}

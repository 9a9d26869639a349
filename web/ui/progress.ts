// The progress of a run over all of its phases.

import type { StepEvent } from "../module/nextquill.js";

/**
 * The completed share of the run, and the estimated seconds left. Later phases are assumed to take
 * as long as this one.
 */
export function runProgress(e: StepEvent): { done: number; left: number } {
  const done = (e.phase - 1 + e.step / e.steps) / e.phases;
  const left = e.remaining + (e.phases - e.phase) * (e.seconds + e.remaining);
  return { done, left };
}

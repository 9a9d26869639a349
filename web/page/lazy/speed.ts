// The measured speed of an open model, which is kept between visits.

import type { NextQuill } from "../../module/nextquill.js";
import type { App } from "../app.js";
import { speedKey } from "../keys.js";

/** Returns the speed of the open model in tokens per second, or undefined if it is not known. */
export function knownSpeed(model: NextQuill | undefined): number | undefined {
  const kept = Number(model && localStorage.getItem(speedKey + model.model.id));
  return kept > 0 ? kept : undefined;
}

/** Returns it, and measures it if needed. Undefined if the model is not open, or is busy. */
export async function speedOf(app: App): Promise<number | undefined> {
  const known = knownSpeed(app.model);
  if (known !== undefined || app.model === undefined || app.busy) return known;
  await app.work(async (model) => {
    const { tokensPerSecond } = await model.measure();
    localStorage.setItem(speedKey + model.model.id, String(tokensPerSecond));
  });
  return knownSpeed(app.model);
}

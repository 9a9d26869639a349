// What the model runs on, the sizes of the download, and opening the model on later visits.

import { checkGPU, type GPUCheck } from "../module/nextquill.js";
import { explain } from "../ui/faultText.js";
import { bytes } from "../ui/format.js";
import type { App } from "./app.js";
import { sizes } from "./assets.js";
import { byId, facts } from "./dom.js";
import { trainingTokens } from "./lazy/cost.js";
import { knownSpeed } from "./lazy/speed.js";
import type { Requests } from "./requests.js";
import { text } from "./strings.js";

// The tokens of learning from the sample writer, by trainingTokens.
const sampleTokens = 84_000;

// Tokens per second and core with the embedded model, in Chromium with its CPU driver on a busy
// machine. It is used until the speed of this device is measured.
const speedPerCore = 50;

export async function start(app: App, requests: Requests): Promise<void> {
  const gpu = byId("gpu", HTMLElement);
  const costs = byId("costs", HTMLElement);
  const fetchButton = byId("fetch", HTMLButtonElement);
  fetchButton.textContent = text.downloadNow(sizes.model);
  app.addEventListener("ready", () => {
    fetchButton.hidden = app.model !== undefined || app.gpu !== true;
    fetchButton.disabled = false;
  });
  fetchButton.addEventListener("click", () => {
    fetchButton.disabled = true;
    void app.guard(async () => void (await app.open())).then(() => (fetchButton.disabled = false));
  });
  let counted = false; // requests since the model is there
  app.addEventListener("ready", () => {
    if (app.model !== undefined && !counted) requests.restart(text.since);
    counted = app.model !== undefined;
  });

  const found = await checkGPU();
  app.gpu = found.ok;
  const describe = (): void => {
    gpu.textContent = sentence(found, app);
  };
  for (const event of ["items", "ready"]) app.addEventListener(event, describe);
  describe();
  facts(costs, [
    ...(found.ok ? [[text.device, found.name || text.none] as const] : []),
    [text.modelSize, bytes(sizes.model)],
    [text.programSize, text.compressed(sizes.guest)],
    [text.stored, text.about(bytes(sizes.model + sizes.guest))],
    [text.sent, text.none],
  ]);
  app.dispatchEvent(new Event("ready"));
  if (found.ok && app.downloaded) await app.guard(async () => void (await app.open()));
}

function sentence(found: GPUCheck, { items, model }: App): string {
  if (!found.ok) {
    const late = /timed out/.test(found.fault?.detail ?? "");
    const { sentence, remedy } = explain(found.fault);
    const why = late ? text.noGPUAnswer : found.fault?.kind === "no-adapter" ? text.noGPU : sentence;
    return `${why} ${late ? text.reload : remedy} ${text.stillCollect}`;
  }
  if (!found.cpu) return text.onGPU;
  const tokens = items.length === 0 ? sampleTokens : trainingTokens(items);
  const speed = knownSpeed(model) ?? speedPerCore * (navigator.hardwareConcurrency || 2);
  return text.onCPU(tokens / speed, items.length);
}

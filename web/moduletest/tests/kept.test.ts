// How long a model stays on the GPU between calls.

import { equal, test } from "../../browsertest/testfile/testing.js";
import { KeptModel, keepSeconds } from "../../module/kept.js";

const after = (ms: number) => new Promise((later) => setTimeout(later, ms));

test("the model is freed after idle time, once, and not during a call", async () => {
  let freed = 0;
  const kept = new KeptModel(0.2, () => freed++);
  equal(kept.on, true);
  equal(await kept.during(async () => "done"), "done");
  await kept.during(() => after(400));
  equal(freed, 0, "a call holds the model, also before another one that follows soon");
  await after(100);
  equal(freed, 0);
  await after(250);
  equal(freed, 1);
  await after(400);
  equal(freed, 1);
  await kept.during(() => Promise.reject(new Error("failed"))).catch(() => {});
  await after(350);
  equal(freed, 2, "a call that fails may have loaded the model");
});

test("nothing is freed after stop(), or if the model is not kept", async () => {
  let freed = 0;
  const stopped = new KeptModel(0.05, () => freed++);
  await stopped.during(async () => {});
  stopped.stop();
  const off = new KeptModel(0, () => freed++);
  equal(off.on, false);
  await off.during(async () => {});
  await after(150);
  equal(freed, 0);
});

test("a hidden page keeps the model for at most 30 seconds", async () => {
  const delays: number[] = [];
  const real = globalThis.setTimeout;
  globalThis.setTimeout = ((_run: () => void, ms: number) => delays.push(ms)) as unknown as typeof setTimeout;
  const hide = (hidden: boolean) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  };
  const kept = new KeptModel(keepSeconds, () => {});
  try {
    await kept.during(async () => {});
    hide(true);
    hide(false);
  } finally {
    kept.stop();
    globalThis.setTimeout = real;
    delete (document as { hidden?: boolean }).hidden; // the property of the prototype is back
  }
  equal(delays, [300_000, 30_000, 300_000]);
  equal(document.hidden, false);
});

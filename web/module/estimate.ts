// What a model costs before it is opened, and what is used.

import type { ModelPlan } from "./manifest.js";
import { inventory } from "./forget.js";

/** Sizes in bytes. */
export interface Estimate {
  /** Still to be fetched; undefined when the model's folder does not say. */
  download: number | undefined;
  /** On the device, of NextQuill, now. */
  storage: { models: number; adapters: number; checkpoints: number; other: number; total: number };
  /** What the site as a whole uses, and may use. */
  usage: number;
  quota: number;
  /** Whether the browser promised to keep it when space runs short. */
  persisted: boolean;
  /** GPU memory: for writing, and for training. Undefined when the model's size is not known. */
  gpu: { write: number; train: number } | undefined;
}

// Weights are held in 32 bits on the GPU, and fetched in 16 as a rule. Training holds the pass of one batch
// beside them, which for small models outweighs the weights: the embedded model takes 318 MB at its peak with 4,096
// packed tokens a batch.
const perByte = { write: 2.2, train: 4 };
const fixed = { write: 32 << 20, train: 288 << 20 };

export async function estimate(plan: ModelPlan, fetched: boolean): Promise<Estimate> {
  const sizes = plan.files.map((f) => f.size);
  const known = sizes.every((s) => s !== undefined);
  const all = known ? sizes.reduce((a, b) => a + b, 0) : undefined;
  const storage = { models: 0, adapters: 0, checkpoints: 0, other: 0, total: 0 };
  for (const { path, bytes } of await inventory()) {
    const name = decodeURIComponent(path.split("/").at(-1)!);
    storage[kindOf(name)] += bytes;
    storage.total += bytes;
  }
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  const weights = plan.files.filter((f) => /\.(safetensors|gguf)$/.test(f.path)).reduce((n, f) => n + (f.size ?? 0), 0);
  const gpu = (what: "write" | "train") => Math.round(weights * perByte[what] + fixed[what]);
  return {
    download: fetched ? 0 : all,
    storage, usage, quota,
    persisted: await navigator.storage.persisted(),
    gpu: weights > 0 ? { write: gpu("write"), train: gpu("train") } : undefined,
  };
}

function kindOf(name: string): "models" | "adapters" | "checkpoints" | "other" {
  if (name.startsWith("models/")) return "models";
  if (name.includes("/checkpoint/")) return "checkpoints";
  if (/adapter_(model|config)/.test(name)) return "adapters";
  return "other";
}

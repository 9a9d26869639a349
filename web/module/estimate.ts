// Sizes: what a model needs, and what is stored.

import { siteStorage } from "../store/denied.js";
import { inventory } from "./forget.js";
import type { ModelPlan } from "./manifest.js";

/** Sizes in bytes. */
export interface Estimate {
  /** Bytes to download; undefined if the model has no manifest. */
  download: number | undefined;
  /** What NextQuill stores on the device now. */
  storage: { models: number; adapters: number; checkpoints: number; other: number; total: number };
  /** What the complete site uses. */
  usage: number;
  /** What the site may use. */
  quota: number;
  /** Whether the browser has promised not to delete the data when space runs low. */
  persisted: boolean;
  /**
   * GPU memory for writing and for training. An open model computes it; before that it is a rough
   * estimate, undefined if the size of the model is unknown.
   */
  gpu: { write: number; train: number } | undefined;
}

// The rough estimate. Files usually have 16-bit weights, and the GPU may need 32-bit ones. Training
// also needs the activations of a batch, which exceed the weights of small models: the embedded
// model needs 318 MB with 4,096 packed tokens per batch.
const perByte = { write: 2.2, train: 4 };
const fixed = { write: 32 << 20, train: 288 << 20 };

export async function estimate(plan: ModelPlan, downloaded: boolean): Promise<Estimate> {
  const sizes = plan.files.map((f) => f.size);
  const known = sizes.every((s) => s !== undefined);
  const all = known ? sizes.reduce((a, b) => a + b, 0) : undefined;
  const storage = { models: 0, adapters: 0, checkpoints: 0, other: 0, total: 0 };
  for (const { path, bytes } of await inventory()) {
    const name = decodeURIComponent(path.split("/").at(-1)!);
    storage[kindOf(name)] += bytes;
    storage.total += bytes;
  }
  const { usage, quota, persisted } = await siteStorage();
  const weights = plan.files.filter((f) => /\.(safetensors|gguf)$/.test(f.path)).reduce((n, f) => n + (f.size ?? 0), 0);
  const gpu = (what: "write" | "train") => Math.round(weights * perByte[what] + fixed[what]);
  return {
    download: downloaded ? 0 : all,
    storage,
    usage,
    quota,
    persisted,
    gpu: weights > 0 ? { write: gpu("write"), train: gpu("train") } : undefined,
  };
}

function kindOf(name: string): "models" | "adapters" | "checkpoints" | "other" {
  if (name.startsWith("models/")) return "models";
  if (name.includes("/checkpoint/")) return "checkpoints";
  if (/adapter_(model|config)/.test(name)) return "adapters";
  return "other";
}

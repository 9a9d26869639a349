// Checks that the files of a model fit into the storage of the site, before they are downloaded.

import type { Blobs } from "../module/found.js";
import type { ModelPlan } from "../module/manifest.js";
import type { Tools } from "../module/tools.js";

const reserve = 8 << 20; // bytes for adapters and records

/** Throws if the files that are missing are larger than what the site may store. */
export async function checkSpace(plan: ModelPlan, blobs: Blobs, folder: string, { Fault }: Tools): Promise<void> {
  const stored = new Set(await blobs.list(`${folder}/`));
  let missing = 0;
  for (const { path, size = 0 } of plan.files) {
    const name = `${folder}/${path}`;
    if (!stored.has(name)) missing += Math.max(0, size - (await blobs.partial(name)));
  }
  // It fails where the page may not store data. The files are in memory then.
  const { usage = 0, quota = Infinity } = await navigator.storage.estimate().catch((): StorageEstimate => ({}));
  const free = Math.max(0, quota - usage);
  if (missing === 0 || missing + reserve <= free) return;
  throw new Fault("storage", {
    where: plan.name,
    detail:
      `the model needs ${megabytes(missing + reserve)} more, ` + `but this site may store only ${megabytes(free)} more`,
    limit: `${megabytes(usage)} used of ${megabytes(quota)}`,
    remedy:
      "free space on this device, remove models that you do not need, or choose a smaller model; stored data is intact",
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

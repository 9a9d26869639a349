// What storage refuses, said so that the person can do something about it.

import { describe, Fault } from "../fault.js";

const [kB, MB] = [1 << 10, 1 << 20];

/** A size for people: "3.2 MB". */
function size(bytes: number): string {
  if (bytes < MB) return `${Math.ceil(bytes / kB)} kB`;
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;
}

/**
 * The fault, of kind "storage", of what the browser's storage refused. When it is full, the fault says how many bytes were to be
 * written, how many the site uses of how many it may, and what to do.
 */
export async function storageFault(thrown: unknown, where: string, what: string, bytes?: number): Promise<Fault> {
  if (thrown instanceof Fault) return thrown;
  const cause = new Error(describe(thrown));
  if (!isFull(thrown)) {
    return new Fault("storage", {
      where, detail: what, remedy: "check that this is no private window and that the browser may store site data", cause,
    });
  }
  const wanted = bytes === undefined ? "" : ` (${size(bytes)})`;
  return new Fault("storage", {
    where,
    detail: `${what}${wanted}: the storage that the browser gives this site is full`,
    limit: await used(bytes ?? 0),
    remedy: "free space on this device, or remove models or adapters that you no longer need, and try again; nothing that was stored is lost",
    cause,
  });
}

/** Whether what was thrown says that there is no space. */
export function isFull(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "QuotaExceededError";
}

async function used(wanted: number): Promise<string> {
  try {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    // Browsers report a quota far above the true one, so that sites cannot tell devices apart by it.
    const likely = quota < usage + Math.max(2 * wanted, 64 * MB);
    return `${size(usage)} used${likely ? ` of ${size(quota)}` : ""}`;
  } catch {
    return ""; // not in every browser
  }
}

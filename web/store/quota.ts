// Faults for errors of the browser's storage, with advice for the user.

import { describe, Fault } from "../fault.js";

const [kB, MB] = [1e3, 1e6];

// A size as text: "3.2 MB".
function size(bytes: number): string {
  if (bytes < MB) return `${Math.ceil(bytes / kB)} kB`;
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;
}

/**
 * Converts an error of the browser's storage to a fault of kind "storage". If the storage is full,
 * the fault says how many bytes were to be written, how many of its quota the site uses, and what
 * to do.
 */
export async function storageFault(thrown: unknown, where: string, what: string, bytes?: number): Promise<Fault> {
  if (thrown instanceof Fault) return thrown;
  const cause = new Error(describe(thrown));
  if (!isFull(thrown)) {
    return new Fault("storage", {
      where,
      detail: what,
      remedy: "check that this is not a private window and that the browser may store site data",
      cause,
    });
  }
  const wanted = bytes === undefined ? "" : ` (${size(bytes)})`;
  return new Fault("storage", {
    where,
    detail: `${what}${wanted}: the storage of this site is full`,
    limit: await used(bytes ?? 0),
    remedy:
      "free space on this device, or remove models or adapters that you do not need, and try again; " +
      "stored data is intact",
    cause,
  });
}

/** Whether an error says that the storage is full. */
export function isFull(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "QuotaExceededError";
}

/** Whether an error says that a file or folder does not exist. */
export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NotFoundError";
}

async function used(wanted: number): Promise<string> {
  try {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    // Some browsers report a quota far above the real one, to prevent fingerprinting. Leave it out
    // then.
    const likely = quota < usage + Math.max(2 * wanted, 64 * MB);
    return `${size(usage)} used${likely ? ` of ${size(quota)}` : ""}`;
  } catch {
    return ""; // not in every browser
  }
}

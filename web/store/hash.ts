// SHA-256: by the browser's own code where the bytes fit into memory at once, else
// piece by piece, which that code does not offer.

import { sha256 as pieces } from "../vendor/@noble/hashes/sha2.js";

const atOnce = 32 << 20;
const piece = 4 << 20;

/** The hash in hexadecimal. */
export async function sha256(data: Uint8Array<ArrayBuffer> | ArrayBuffer): Promise<string> {
  return hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
}

/** The hash of `size` bytes, of which `read` gives those of a range; a few megabytes are in memory at a time. */
export async function sha256Of(size: number, read: (offset: number, size: number) => Promise<Uint8Array<ArrayBuffer>>): Promise<string> {
  if (size <= atOnce) return await sha256(await read(0, size));
  const hash = pieces.create();
  for (let at = 0; at < size; at += piece) hash.update(await read(at, Math.min(piece, size - at)));
  return hexadecimal(hash.digest());
}

function hexadecimal(digest: Uint8Array): string {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

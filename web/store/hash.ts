// SHA-256. The browser's implementation takes all bytes at once; larger inputs are hashed in pieces
// by a JavaScript implementation.

import { sha256 as incremental } from "../vendor/@noble/hashes/sha2.js";

const maxAtOnce = 32 << 20; // bytes
const pieceSize = 4 << 20;

/** Returns the hash in hexadecimal. */
export async function sha256(data: Uint8Array<ArrayBuffer> | ArrayBuffer): Promise<string> {
  return hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
}

/**
 * Returns the hash of `size` bytes. `read` returns a range of them; at most 32 MiB are in memory at
 * a time.
 */
export async function sha256Of(
  size: number,
  read: (offset: number, size: number) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<string> {
  if (size <= maxAtOnce) return await sha256(await read(0, size));
  const hash = incremental.create();
  for (let at = 0; at < size; at += pieceSize) hash.update(await read(at, Math.min(pieceSize, size - at)));
  return hexadecimal(hash.digest());
}

/** Formats bytes in hexadecimal. */
export function hexadecimal(digest: Uint8Array): string {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

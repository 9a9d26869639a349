// Storage as the guest sees it: named byte strings, read by range, replaced
// whole. opfs.ts keeps them on the device, MemoryStore in a test.

import { Fault, quote } from "../fault.js";
import { sha256 } from "../store/hash.js";

/** Bytes in memory that is not shared: what file and GPU calls take. */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Named blobs. Errors are Faults: "missing" for a blob that is not there,
 * "out-of-range" for a range past its end, "storage" for what the medium refuses.
 * Names have passed checkName.
 */
export interface BlobStore {
  size(name: string): Promise<number>;
  /** Fills `into` with the bytes from `offset` on, or throws. */
  read(name: string, offset: number, into: Bytes): Promise<void>;
  /** Replaces the blob whole: after a kill at any instant it holds the earlier bytes or the new ones. */
  write(name: string, data: Bytes): Promise<void>;
  /** Removes the blob, and what there is of it unfinished; one that is not there is no error. */
  delete(name: string): Promise<void>;

  // A blob that is too large to be in memory is put together piece by piece. It is not there for the methods above until it
  // is finished; what there is of it stays after a kill.

  /** Bytes that the blob has so far. */
  partial(name: string): Promise<number>;
  /** Puts bytes at `offset`, which is at most what it has so far; what followed is cut off. */
  append(name: string, offset: number, data: Bytes): Promise<void>;
  /** The SHA-256, in hexadecimal, of `size` bytes from `offset` on of what it has so far. */
  hashPartial(name: string, offset: number, size: number): Promise<string>;
  /** Makes it the blob if it has this hash, and whatever hash it has where none is given; else drops it. Gives the hash. */
  finish(name: string, sha256?: string): Promise<string>;

  /** The names that start with `prefix`, sorted by their bytes in UTF-8. */
  list(prefix: string): Promise<string[]>;
  close(): void;
}

const maxName = 255;
const utf8 = new TextEncoder();

/** Accepts what core/blob's CheckName does: relative slash paths that lead nowhere else. */
export function checkName(name: string): void {
  const bad = (why: string): Fault =>
    new Fault("out-of-range", {
      field: "blob name", detail: `${quote(name)} ${why}`, remedy: 'use a relative path such as "models/base/model.safetensors"',
    });
  if (name === "") throw bad("is empty");
  if (utf8.encode(name).length > maxName) {
    throw new Fault("too-large", { field: "blob name", detail: quote(name), limit: `${maxName} bytes` });
  }
  if (/\p{Surrogate}/u.test(name)) throw bad("is no valid text");
  if (/[\u0000-\u001f\u007f\\:]/.test(name)) throw bad("holds a control character, a backslash or a colon");
  for (const element of name.split("/")) {
    if (element === "") throw bad("is absolute or has an empty element");
    if (element === "." || element === "..") throw bad(`has an element ${element}`);
    if (element.startsWith(".tmp-")) throw bad("has an element reserved for unfinished writes");
  }
}

/** The fault for a blob that is not there. The cause's text is how guests know it. */
export function notExist(name: string): Fault {
  return new Fault("missing", { where: name, detail: "not found", cause: new Error("file does not exist") });
}

/** Throws unless [offset, offset+n) lies inside a blob of `size` bytes. */
export function checkRange(name: string, n: number, offset: number, size: number): void {
  if (offset < 0 || n > size - offset) {
    throw new Fault("out-of-range", {
      where: name, detail: `bytes [${offset}, +${n}) lie outside its ${size} bytes`,
      remedy: "the file is truncated or changed while it was read: fetch it again",
    });
  }
}

/** Throws unless bytes at `offset` follow what a blob has so far. */
export function checkAppend(name: string, offset: number, size: number): void {
  if (offset < 0 || offset > size) {
    throw new Fault("out-of-range", { where: name, detail: `bytes at ${offset} do not follow the ${size} that are there`, remedy: "fetch it again" });
  }
}

/** Throws unless a hash is the one that is wanted, if any is. */
export function checkHash(name: string, got: string, want: string | undefined): void {
  if (want === undefined || got === want) return;
  throw new Fault("mismatch", { where: name, field: "sha256", detail: got, limit: want, remedy: "it was altered or cut short on its way: fetch it again" });
}

/** Sorts names by their UTF-8 bytes, which is by code points (JavaScript's own order is by UTF-16 units). */
export function sortNames(names: string[]): string[] {
  return names.sort((a, b) => {
    const [p, q] = [utf8.encode(a), utf8.encode(b)];
    for (let i = 0; i < p.length && i < q.length; i++) {
      if (p[i] !== q[i]) return p[i]! - q[i]!;
    }
    return p.length - q.length;
  });
}

/** Blobs in memory, for tests and for models that come as bytes. */
export class MemoryStore implements BlobStore {
  readonly #blobs = new Map<string, Bytes>();
  readonly #partial = new Map<string, Bytes>();

  async size(name: string): Promise<number> {
    return this.#get(name).byteLength;
  }

  async read(name: string, offset: number, into: Bytes): Promise<void> {
    const data = this.#get(name);
    checkRange(name, into.byteLength, offset, data.byteLength);
    into.set(data.subarray(offset, offset + into.byteLength));
  }

  async write(name: string, data: Bytes): Promise<void> {
    this.#blobs.set(name, data.slice());
  }

  async delete(name: string): Promise<void> {
    this.#blobs.delete(name);
    this.#partial.delete(name);
  }

  async partial(name: string): Promise<number> {
    return this.#partial.get(name)?.byteLength ?? 0;
  }

  async append(name: string, offset: number, data: Bytes): Promise<void> {
    const before = this.#partial.get(name) ?? new Uint8Array(0);
    checkAppend(name, offset, before.byteLength);
    const after = new Uint8Array(offset + data.byteLength);
    after.set(before.subarray(0, offset));
    after.set(data, offset);
    this.#partial.set(name, after);
  }

  async hashPartial(name: string, offset: number, size: number): Promise<string> {
    const data = this.#partial.get(name) ?? new Uint8Array(0);
    checkRange(name, size, offset, data.byteLength);
    return await sha256(data.slice(offset, offset + size));
  }

  async finish(name: string, want?: string): Promise<string> {
    const data = this.#partial.get(name) ?? new Uint8Array(0);
    this.#partial.delete(name);
    const got = await sha256(data);
    checkHash(name, got, want);
    this.#blobs.set(name, data);
    return got;
  }

  async list(prefix: string): Promise<string[]> {
    return sortNames([...this.#blobs.keys()].filter((name) => name.startsWith(prefix)));
  }

  close(): void {
    this.#blobs.clear();
  }

  #get(name: string): Bytes {
    const data = this.#blobs.get(name);
    if (data === undefined) throw notExist(name);
    return data;
  }
}

/** Names that begin so are kept in the worker's memory, for as long as it lives: what a call needs, and no one else. */
export const scratch = "scratch/";

/** A store that keeps the names under `scratch` in memory, so that they need no space on the device and leave nothing there. */
export class WithScratch implements BlobStore {
  readonly #kept: BlobStore;
  readonly #memory = new MemoryStore();

  constructor(kept: BlobStore) {
    this.#kept = kept;
  }

  size(name: string): Promise<number> {
    return this.#of(name).size(name);
  }

  read(name: string, offset: number, into: Bytes): Promise<void> {
    return this.#of(name).read(name, offset, into);
  }

  write(name: string, data: Bytes): Promise<void> {
    return this.#of(name).write(name, data);
  }

  delete(name: string): Promise<void> {
    return this.#of(name).delete(name);
  }

  partial(name: string): Promise<number> {
    return this.#of(name).partial(name);
  }

  append(name: string, offset: number, data: Bytes): Promise<void> {
    return this.#of(name).append(name, offset, data);
  }

  hashPartial(name: string, offset: number, size: number): Promise<string> {
    return this.#of(name).hashPartial(name, offset, size);
  }

  finish(name: string, want?: string): Promise<string> {
    return this.#of(name).finish(name, want);
  }

  async list(prefix: string): Promise<string[]> {
    return sortNames([...(await this.#kept.list(prefix)), ...(await this.#memory.list(prefix))]);
  }

  close(): void {
    this.#kept.close();
    this.#memory.close();
  }

  #of(name: string): BlobStore {
    return name.startsWith(scratch) ? this.#memory : this.#kept;
  }
}

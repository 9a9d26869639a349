// The guest's storage: named byte strings that are read by range and replaced atomically. opfs.ts
// stores them on disk, MemoryStore in memory.

import { maxBlobName } from "../api.gen.js";
import { Fault, quote } from "../fault.js";
import { sha256 } from "../store/hash.js";

/** Bytes in memory that is not shared, as file and GPU calls require. */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Named blobs. Errors are Faults: "missing" for a blob that does not exist, "out-of-range" for a
 * range past its end, "storage" for an error of the medium. Callers check names with checkName.
 */
export interface BlobStore {
  size(name: string): Promise<number>;
  /** Fills `into` with the bytes from `offset` on. */
  read(name: string, offset: number, into: Bytes): Promise<void>;
  /**
   * Replaces the blob atomically: after a kill at any time it has the old bytes or the new ones.
   */
  write(name: string, data: Bytes): Promise<void>;
  /** Deletes the blob and its unfinished parts. A missing blob is no error. */
  delete(name: string): Promise<void>;

  // A blob that does not fit into memory is appended in pieces. The methods above do not see it
  // until it is finished. The pieces survive a kill.

  /** The bytes that were appended so far. */
  partial(name: string): Promise<number>;
  /** Writes bytes at `offset`, which must not exceed the size so far. Truncates what followed. */
  append(name: string, offset: number, data: Bytes): Promise<void>;
  /** The SHA-256 of `size` appended bytes from `offset` on, in hexadecimal. */
  hashPartial(name: string, offset: number, size: number): Promise<string>;
  /**
   * Makes the pieces the blob and returns its hash. With another hash than `sha256` it deletes them
   * and throws.
   */
  finish(name: string, sha256?: string): Promise<string>;

  /** The names that start with `prefix`, sorted by their UTF-8 bytes. */
  list(prefix: string): Promise<string[]>;
  close(): void;
}

const utf8 = new TextEncoder();

/** Throws unless `name` is a relative path with slashes, by the rules of CheckName in core/blob. */
export function checkName(name: string): void {
  const bad = (why: string): Fault =>
    new Fault("out-of-range", {
      field: "blob name",
      detail: `${quote(name)} ${why}`,
      remedy: 'use a relative path such as "models/base/model.safetensors"',
    });
  if (name === "") throw bad("is empty");
  if (utf8.encode(name).length > maxBlobName) {
    throw new Fault("too-large", { field: "blob name", detail: quote(name), limit: `${maxBlobName} bytes` });
  }
  if (/\p{Surrogate}/u.test(name)) throw bad("is not valid Unicode");
  if (/[\u0000-\u001f\u007f\\:]/.test(name)) throw bad("holds a control character, a backslash or a colon");
  for (const element of name.split("/")) {
    if (element === "") throw bad("is absolute or has an empty element");
    if (element === "." || element === "..") throw bad(`has an element ${element}`);
    if (element.startsWith(".tmp-")) throw bad("has an element reserved for unfinished writes");
  }
}

/** The fault for a missing blob. The guest recognizes it by the text of the cause. */
export function notExist(name: string): Fault {
  return new Fault("missing", { where: name, detail: "not found", cause: new Error("file does not exist") });
}

/** Throws unless [offset, offset + n) lies inside a blob of `size` bytes. */
export function checkRange(name: string, n: number, offset: number, size: number): void {
  if (offset < 0 || n > size - offset) {
    throw new Fault("out-of-range", {
      where: name,
      detail: `bytes [${offset}, +${n}) lie outside its ${size} bytes`,
      remedy: "the file is truncated, or was changed while it was read: download it again",
    });
  }
}

/** Throws unless bytes at `offset` may be appended to a blob of `size` bytes so far. */
export function checkAppend(name: string, offset: number, size: number): void {
  if (offset < 0 || offset > size) {
    const detail = `bytes at ${offset} cannot be appended to ${size} bytes`;
    throw new Fault("out-of-range", { where: name, detail, remedy: "download it again" });
  }
}

/** Throws unless `got` equals `want`, if that is given. */
export function checkHash(name: string, got: string, want: string | undefined): void {
  if (want === undefined || got === want) return;
  const remedy = "the file was changed or truncated in transit: download it again";
  throw new Fault("mismatch", { where: name, field: "sha256", detail: got, limit: want, remedy });
}

/** Sorts names by their UTF-8 bytes. JavaScript's own order is by UTF-16 code units. */
export function sortNames(names: string[]): string[] {
  return names.sort((a, b) => {
    const [p, q] = [utf8.encode(a), utf8.encode(b)];
    for (let i = 0; i < p.length && i < q.length; i++) {
      if (p[i] !== q[i]) return p[i]! - q[i]!;
    }
    return p.length - q.length;
  });
}

/** Bytes that grow: the buffer is longer than the content. */
interface Growing {
  buffer: Bytes;
  size: number;
}

/** Blobs in memory. */
export class MemoryStore implements BlobStore {
  readonly #blobs = new Map<string, Bytes>();
  readonly #partial = new Map<string, Growing>();

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
    return this.#partial.get(name)?.size ?? 0;
  }

  async append(name: string, offset: number, data: Bytes): Promise<void> {
    const partial = this.#partial.get(name) ?? { buffer: new Uint8Array(0), size: 0 };
    checkAppend(name, offset, partial.size);
    partial.size = offset + data.byteLength;
    if (partial.size > partial.buffer.byteLength) {
      const longer = new Uint8Array(Math.max(partial.size, 2 * partial.buffer.byteLength));
      longer.set(partial.buffer.subarray(0, offset));
      partial.buffer = longer;
    }
    partial.buffer.set(data, offset);
    this.#partial.set(name, partial);
  }

  async hashPartial(name: string, offset: number, size: number): Promise<string> {
    const data = this.#appended(name);
    checkRange(name, size, offset, data.byteLength);
    return await sha256(data.slice(offset, offset + size));
  }

  async finish(name: string, want?: string): Promise<string> {
    const data = this.#appended(name).slice();
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
    this.#partial.clear();
  }

  #appended(name: string): Bytes {
    const { buffer, size } = this.#partial.get(name) ?? { buffer: new Uint8Array(0), size: 0 };
    return buffer.subarray(0, size);
  }

  #get(name: string): Bytes {
    const data = this.#blobs.get(name);
    if (data === undefined) throw notExist(name);
    return data;
  }
}

/** Blobs with this prefix stay in the worker's memory until it ends: inputs of single calls. */
export const scratch = "scratch/";

/**
 * A store that keeps blobs under `scratch` in memory, so that they are not written to disk.
 */
export class WithScratch implements BlobStore {
  readonly #stored: BlobStore;
  readonly #memory = new MemoryStore();

  constructor(stored: BlobStore) {
    this.#stored = stored;
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
    return sortNames([...(await this.#stored.list(prefix)), ...(await this.#memory.list(prefix))]);
  }

  close(): void {
    this.#stored.close();
    this.#memory.close();
  }

  #of(name: string): BlobStore {
    return name.startsWith(scratch) ? this.#memory : this.#stored;
  }
}

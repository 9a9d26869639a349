// Blobs in the origin's private file system.
//
// A blob is one file of a flat folder, named `<blob>~<version>.<mark>`: the blob's
// name with everything but letters, digits, "-", "_" and "." escaped, a version
// that grows with each replacement, and random bits. The file holds the bytes, then
// a seal that repeats size, version and mark. Replacing a blob writes a file of the
// next version, flushes it, adds the seal, flushes again, and removes the earlier
// file. So a kill at any instant leaves the earlier file, whole, and perhaps one
// without a seal, which the next scan removes; or two whole ones, of which the
// newer counts. No browser's own notion of an atomic rename is relied on. A file
// that is being written is locked, which is how a scan in another tab knows it.
//
// A blob that is put together in pieces is a file whose name ends in "p". Without
// its seal it is no blob yet, but is kept; with it, it is one like the others.

import { checkAppend, checkHash, checkRange, notExist, sortNames, type BlobStore, type Bytes } from "./blobs.js";
import { storageFault } from "../store/quota.js";
import { sha256Of } from "../store/hash.js";

interface File {
  readonly handle: FileSystemFileHandle;
  readonly name: string;
  readonly version: number;
  readonly size: number; // of the blob: without the seal
}

/** A blob that is not whole yet. */
interface Partial {
  readonly handle: FileSystemFileHandle;
  readonly name: string;
  readonly version: number;
  readonly mark: number;
  size: number;
}

const attempts = 5; // of what another tab may thwart

const sealSize = 32;
const sealMagic = 0x4c51_5853_5145_4e31n; // "1NEQSXQL": any constant will do

/** Access to a file's bytes, closed after use. */
interface Reader {
  read(offset: number, into: Bytes): Promise<number>;
  close(): void;
}

export class OPFSStore implements BlobStore {
  readonly #folder: FileSystemDirectoryHandle;
  #files = new Map<string, File>();
  #partials = new Map<string, Partial>();
  // The file read last stays open: weights are read in many ranges.
  #open: { file: File; reader: Reader } | undefined;
  // Stores on the same folder, in other tabs, tell each other of changes.
  readonly #others: BroadcastChannel;
  #stale = false;

  private constructor(folder: FileSystemDirectoryHandle, path: string) {
    this.#folder = folder;
    this.#others = new BroadcastChannel(`nextquill blobs ${path}`);
    this.#others.onmessage = () => (this.#stale = true);
  }

  /** Opens the store in a folder of the origin's private file system, made when it is not there. */
  static async open(folder: string): Promise<OPFSStore> {
    try {
      let dir = await navigator.storage.getDirectory();
      for (const element of folder.split("/").filter(Boolean)) {
        dir = await dir.getDirectoryHandle(escape(element), { create: true });
      }
      const store = new OPFSStore(dir, folder);
      await store.#scan();
      return store;
    } catch (thrown) {
      throw await storageFault(thrown, folder, "the browser's private storage cannot be opened");
    }
  }

  async size(name: string): Promise<number> {
    return (await this.#find(name)).size;
  }

  async read(name: string, offset: number, into: Bytes): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const file = await this.#find(name);
      checkRange(name, into.byteLength, offset, file.size);
      if (into.byteLength === 0) return;
      try {
        const reader = await this.#reader(file);
        const n = await reader.read(offset, into);
        if (n !== into.byteLength) throw new Error(`${n} of ${into.byteLength} bytes could be read`);
        return;
      } catch (thrown) {
        this.#forget();
        // Another tab may have replaced the blob: then a newer file is there.
        if (attempt > 0 || !isNotFound(thrown)) throw await storageFault(thrown, name, "cannot be read");
        await this.#scan();
      }
    }
  }

  async write(name: string, data: Bytes): Promise<void> {
    await this.#refresh();
    const before = this.#files.get(name);
    for (let attempt = 1; ; attempt++) {
      try {
        this.#files.set(name, await this.#writeFile(name, this.#nextVersion(name), data));
        break;
      } catch (thrown) {
        // A scan in another tab may look into a file, or remove it, that is not locked yet.
        if (attempt === attempts || !(isNotFound(thrown) || isLocked(thrown))) throw await storageFault(thrown, name, "cannot be written", data.byteLength);
      }
    }
    if (before !== undefined) {
      if (this.#open?.file === before) this.#forget();
      await this.#remove(before.name);
    }
    this.#others.postMessage(null);
  }

  async delete(name: string): Promise<void> {
    await this.#refresh();
    const files = [this.#files.get(name), this.#partials.get(name)].filter((file) => file !== undefined);
    if (files.length === 0) return;
    this.#forget();
    for (const file of files) {
      try {
        await this.#folder.removeEntry(file.name);
      } catch (thrown) {
        if (!isNotFound(thrown)) throw await storageFault(thrown, name, "cannot be deleted");
      }
    }
    this.#files.delete(name);
    this.#partials.delete(name);
    this.#others.postMessage(null);
  }

  async partial(name: string): Promise<number> {
    await this.#refresh();
    return this.#partials.get(name)?.size ?? 0;
  }

  async append(name: string, offset: number, data: Bytes): Promise<void> {
    await this.#refresh();
    let partial = this.#partials.get(name);
    checkAppend(name, offset, partial?.size ?? 0);
    try {
      if (partial === undefined) {
        const [version, mark] = [this.#nextVersion(name), randomMark()];
        const fileName = `${fileNameOf(name, version, mark)}p`;
        const handle = await this.#folder.getFileHandle(fileName, { create: true });
        partial = { handle, name: fileName, version, mark, size: 0 };
        this.#partials.set(name, partial);
      }
      await writeParts(partial.handle, [[offset, data]], false);
      partial.size = offset + data.byteLength;
    } catch (thrown) {
      throw await storageFault(thrown, name, "cannot be written", data.byteLength);
    }
  }

  async hashPartial(name: string, offset: number, size: number): Promise<string> {
    await this.#refresh();
    const partial = this.#partials.get(name);
    checkRange(name, size, offset, partial?.size ?? 0);
    if (partial === undefined) return await sha256Of(0, async () => new Uint8Array(0));
    const reader = await openReader(partial.handle);
    try {
      return await sha256Of(size, async (at, n) => {
        const data = new Uint8Array(n);
        if ((await reader.read(offset + at, data)) !== n) throw new Error("it is cut short");
        return data;
      });
    } catch (thrown) {
      throw await storageFault(thrown, name, "cannot be read");
    } finally {
      reader.close();
    }
  }

  async finish(name: string, want?: string): Promise<string> {
    if ((await this.partial(name)) === 0) await this.append(name, 0, new Uint8Array(0));
    const { handle, name: fileName, version, mark, size } = this.#partials.get(name)!;
    const got = await this.hashPartial(name, 0, size);
    try {
      checkHash(name, got, want);
    } catch (thrown) {
      this.#partials.delete(name);
      await this.#remove(fileName);
      throw thrown;
    }
    try {
      await writeParts(handle, [[size, new Uint8Array(0)], [size, seal(size, version, mark)]], true);
    } catch (thrown) {
      throw await storageFault(thrown, name, "cannot be written", sealSize);
    }
    const before = this.#files.get(name);
    this.#partials.delete(name);
    this.#files.set(name, { handle, name: fileName, version, size });
    if (before !== undefined) {
      if (this.#open?.file === before) this.#forget();
      await this.#remove(before.name);
    }
    this.#others.postMessage(null);
    return got;
  }

  async list(prefix: string): Promise<string[]> {
    await this.#refresh();
    return sortNames([...this.#files.keys()].filter((name) => name.startsWith(prefix)));
  }

  close(): void {
    this.#forget();
    this.#others.close();
  }

  async #refresh(): Promise<void> {
    if (this.#stale) await this.#scan();
  }

  // nextVersion is by the clock, so that it is also newer than what a worker writes that was ended a moment ago.
  #nextVersion(name: string): number {
    return Math.max((this.#files.get(name)?.version ?? 0) + 1, Date.now());
  }

  async #writeFile(name: string, version: number, data: Bytes): Promise<File> {
    const mark = randomMark();
    const fileName = fileNameOf(name, version, mark);
    const handle = await this.#folder.getFileHandle(fileName, { create: true });
    try {
      await writeParts(handle, [[0, data], [data.byteLength, seal(data.byteLength, version, mark)]], true);
    } catch (thrown) {
      await this.#remove(fileName);
      throw thrown;
    }
    return { handle, name: fileName, version, size: data.byteLength };
  }

  async #find(name: string): Promise<File> {
    await this.#refresh();
    const file = this.#files.get(name);
    if (file === undefined) throw notExist(name);
    return file;
  }

  // scan reads the folder anew, and removes what a kill has left. What a writer in
  // another tab does meanwhile makes it look again.
  async #scan(): Promise<void> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        if (await this.#scanOnce()) return;
      } catch (thrown) {
        if (!isNotFound(thrown)) throw thrown;
      }
      await new Promise((later) => setTimeout(later, 10 * attempt));
    }
    throw new Error("another tab changes it all the time");
  }

  // scanOnce tells whether what it saw was steady.
  async #scanOnce(): Promise<boolean> {
    this.#stale = false;
    const files = new Map<string, File>();
    const partials = new Map<string, Partial>();
    const older: string[] = [];
    const unsealed: (() => Promise<boolean>)[] = [];
    for await (const [fileName, handle] of this.#folder.entries()) {
      const parsed = /^(.+)~(\d{1,15})\.([0-9a-f]{1,8})(p?)$/.exec(fileName);
      const name = parsed === null ? undefined : unescape(parsed[1]!);
      if (parsed === null || name === undefined || !(handle instanceof FileSystemFileHandle)) continue; // not ours
      const [version, mark] = [Number(parsed[2]), parseInt(parsed[3]!, 16)];
      const size = await sealedSize(handle, version, mark);
      if (size < 0 && parsed[4] === "p") {
        const other = partials.get(name);
        if (other === undefined || version > other.version) partials.set(name, { handle, name: fileName, version, mark, size: (await handle.getFile()).size });
        if (other !== undefined) older.push(version > other.version ? other.name : fileName);
        continue;
      }
      if (size < 0) {
        unsealed.push(() => this.#clear(fileName, handle, version, mark));
        continue;
      }
      const file = { handle, name: fileName, version, size };
      const other = files.get(name);
      const newer = other === undefined || version > other.version || (version === other.version && fileName > other.name);
      if (newer) files.set(name, file);
      if (other !== undefined) older.push(newer ? other.name : fileName);
    }
    for (const clear of unsealed) {
      if (!(await clear())) return false;
    }
    this.#files = files;
    this.#partials = partials;
    for (const fileName of older) await this.#remove(fileName);
    return true;
  }

  // clear removes a file that was not whole, unless it is being written: then its
  // blob's earlier file was there all the time, and has been seen. It tells
  // whether that is still so.
  async #clear(fileName: string, handle: FileSystemFileHandle, version: number, mark: number): Promise<boolean> {
    if (!hasSyncHandles) return true; // nothing tells who is writing it: it stays
    let lock: FileSystemSyncAccessHandle;
    try {
      lock = await handle.createSyncAccessHandle();
    } catch (thrown) {
      if (isLocked(thrown)) return true;
      throw thrown;
    }
    const size = lock.getSize() - sealSize;
    const got = new Uint8Array(sealSize);
    const whole = size >= 0 && lock.read(got, { at: size }) === sealSize && equal(got, seal(size, version, mark));
    lock.close();
    if (!whole) await this.#remove(fileName);
    return !whole;
  }

  // remove drops a file that no longer counts. Another tab may still have it
  // open: then a later scan removes it.
  async #remove(fileName: string): Promise<void> {
    try {
      await this.#folder.removeEntry(fileName);
    } catch {
      // harmless, as said above
    }
  }

  async #reader(file: File): Promise<Reader> {
    if (this.#open?.file !== file) {
      this.#forget();
      this.#open = { file, reader: await openReader(file.handle) };
    }
    return this.#open.reader;
  }

  #forget(): void {
    this.#open?.reader.close();
    this.#open = undefined;
  }
}

function escape(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function unescape(fileName: string): string | undefined {
  try {
    return decodeURIComponent(fileName);
  } catch {
    return undefined;
  }
}

function randomMark(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

function fileNameOf(name: string, version: number, mark: number): string {
  return `${escape(name)}~${version}.${mark.toString(16)}`;
}

function seal(size: number, version: number, mark: number): Bytes {
  const words = new DataView(new ArrayBuffer(sealSize));
  words.setBigUint64(0, sealMagic);
  words.setBigUint64(8, BigInt(size));
  words.setBigUint64(16, BigInt(version));
  words.setBigUint64(24, BigInt(mark));
  return new Uint8Array(words.buffer);
}

function equal(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

// sealedSize gives the size of the blob in a file, or −1 when the file is not whole.
async function sealedSize(handle: FileSystemFileHandle, version: number, mark: number): Promise<number> {
  const file = await handle.getFile();
  const size = file.size - sealSize;
  if (size < 0) return -1;
  try {
    const got = new Uint8Array(await file.slice(size).arrayBuffer());
    return equal(got, seal(size, version, mark)) ? size : -1;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "NotReadableError") return -1; // it changes right now
    throw thrown;
  }
}

/** Only recent browsers let a sync access handle be opened for reading alone. */
type ReadOnly = (options: { mode: "read-only" }) => Promise<FileSystemSyncAccessHandle>;

const hasSyncHandles = "createSyncAccessHandle" in FileSystemFileHandle.prototype;

async function openReader(handle: FileSystemFileHandle): Promise<Reader> {
  if (hasSyncHandles) {
    try {
      const sync = await (handle.createSyncAccessHandle as ReadOnly).call(handle, { mode: "read-only" });
      return { read: async (offset, into) => sync.read(into, { at: offset }), close: () => sync.close() };
    } catch (thrown) {
      // Another tab has it open, in a browser whose handles are all exclusive.
      if (!isLocked(thrown)) throw thrown;
    }
  }
  const file = await handle.getFile();
  return {
    async read(offset, into) {
      const part = new Uint8Array(await file.slice(offset, offset + into.byteLength).arrayBuffer());
      into.set(part);
      return part.byteLength;
    },
    close() {},
  };
}

// writeParts puts bytes at offsets, and cuts off what followed the first. With `flush` each part is on the device before the
// next is written.
async function writeParts(handle: FileSystemFileHandle, parts: readonly (readonly [at: number, data: Bytes])[], flush: boolean): Promise<void> {
  if (!hasSyncHandles) {
    const stream = await handle.createWritable({ keepExistingData: true }); // the file changes when it is closed
    await stream.truncate(parts[0]![0]);
    for (const [position, data] of parts) await stream.write({ type: "write", position, data });
    await stream.close();
    return;
  }
  const sync = await handle.createSyncAccessHandle();
  try {
    sync.truncate(parts[0]![0]);
    for (const [at, data] of parts) {
      const n = data.byteLength === 0 ? 0 : sync.write(data, { at });
      if (n !== data.byteLength) throw new DOMException(`${n} of ${data.byteLength} bytes were taken`, "QuotaExceededError");
      if (flush) sync.flush();
    }
  } finally {
    sync.close();
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NotFoundError";
}

function isLocked(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NoModificationAllowedError";
}

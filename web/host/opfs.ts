// Blobs in the origin's private file system.
//
// A blob is one file of a flat folder, named `<blob>~<version>.<mark>`: the escaped name of the
// blob, a version that grows with each replacement, and random bits. The file has the bytes, then a
// seal that repeats size, version and mark. To replace a blob, a new file is written and flushed,
// the seal is appended and flushed, and the old file is removed. After a kill at any time there is
// the complete old file, perhaps with an unsealed new one, which the next scan removes; or both are
// complete, and the newer one counts. This does not depend on atomic renames. A file that is being
// written is locked, so scans in other tabs leave it alone.
//
// The name of a blob that is appended in pieces ends in "p". Without a seal such a file is kept,
// but is no blob yet.

import { sha256Of } from "../store/hash.js";
import { isNotFound, storageFault } from "../store/quota.js";
import { type BlobStore, type Bytes, checkAppend, checkHash, checkRange, notExist, sortNames } from "./blobs.js";

interface File {
  readonly handle: FileSystemFileHandle;
  readonly name: string;
  readonly version: number;
  readonly size: number; // of the blob: without the seal
}

/** A blob that is not finished. */
interface Partial {
  readonly handle: FileSystemFileHandle;
  readonly name: string;
  readonly version: number;
  readonly mark: number;
  size: number;
}

const attempts = 5; // when another tab interferes

const sealSize = 32;
const sealMagic = 0x4c51_5853_5145_4e31n; // "1NEQSXQL": any constant will do

/** Reads an open file. */
interface Reader {
  read(offset: number, into: Bytes): Promise<number>;
  close(): void;
}

/** Blobs on disk. Several tabs may share a folder. */
export class OPFSStore implements BlobStore {
  readonly #folder: FileSystemDirectoryHandle;
  #files = new Map<string, File>();
  #partials = new Map<string, Partial>();
  // The last file that was read stays open, because weights are read in many ranges.
  #open: { file: File; reader: Reader } | undefined;
  // The stores of other tabs on the same folder. They tell each other about changes.
  readonly #others: BroadcastChannel;
  #stale = false;

  private constructor(folder: FileSystemDirectoryHandle, path: string) {
    this.#folder = folder;
    this.#others = new BroadcastChannel(`nextquill blobs ${path}`);
    this.#others.onmessage = () => (this.#stale = true);
  }

  /**
   * Opens the store in a folder of the origin's private file system, which it creates if needed.
   */
  static async open(folder: string): Promise<OPFSStore> {
    try {
      let dir = await navigator.storage.getDirectory();
      for (const element of folder.split("/").filter(Boolean)) {
        dir = await dir.getDirectoryHandle(encodeName(element), { create: true });
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
        // Another tab may have replaced the blob by a newer file.
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
        // A scan in another tab may open or remove a file that is not locked yet.
        const retry = attempt < attempts && (isNotFound(thrown) || isLocked(thrown));
        if (!retry) throw await storageFault(thrown, name, "cannot be written", data.byteLength);
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
        if ((await reader.read(offset + at, data)) !== n) throw new Error("the file is truncated");
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
      await writeParts(
        handle,
        [
          [size, new Uint8Array(0)],
          [size, seal(size, version, mark)],
        ],
        true,
      );
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

  // Versions follow the clock, so that a version is also newer than that of a worker that has just
  // ended.
  #nextVersion(name: string): number {
    return Math.max((this.#files.get(name)?.version ?? 0) + 1, Date.now());
  }

  async #writeFile(name: string, version: number, data: Bytes): Promise<File> {
    const mark = randomMark();
    const fileName = fileNameOf(name, version, mark);
    const handle = await this.#folder.getFileHandle(fileName, { create: true });
    try {
      await writeParts(
        handle,
        [
          [0, data],
          [data.byteLength, seal(data.byteLength, version, mark)],
        ],
        true,
      );
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

  // Reads the folder and removes the remains of killed writes. Repeats if another tab writes
  // meanwhile.
  async #scan(): Promise<void> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        if (await this.#scanOnce()) return;
      } catch (thrown) {
        if (!isNotFound(thrown)) throw thrown;
      }
      await new Promise((later) => setTimeout(later, 10 * attempt));
    }
    throw new Error("another tab keeps changing the folder");
  }

  // Returns false if the folder changed during the scan.
  async #scanOnce(): Promise<boolean> {
    this.#stale = false;
    const files = new Map<string, File>();
    const partials = new Map<string, Partial>();
    const older: string[] = [];
    const unsealed: (() => Promise<boolean>)[] = [];
    for await (const [fileName, handle] of this.#folder.entries()) {
      const parsed = /^(.+)~(\d{1,15})\.([0-9a-f]{1,8})(p?)$/.exec(fileName);
      const name = parsed === null ? undefined : decodeName(parsed[1]!);
      if (parsed === null || name === undefined || !(handle instanceof FileSystemFileHandle)) continue; // not a blob
      const [version, mark] = [Number(parsed[2]), parseInt(parsed[3]!, 16)];
      const size = await sealedSize(handle, version, mark);
      if (size < 0 && parsed[4] === "p") {
        const other = partials.get(name);
        if (other === undefined || version > other.version) {
          partials.set(name, { handle, name: fileName, version, mark, size: (await handle.getFile()).size });
        }
        if (other !== undefined) older.push(version > other.version ? other.name : fileName);
        continue;
      }
      if (size < 0) {
        unsealed.push(() => this.#clear(fileName, handle, version, mark));
        continue;
      }
      const file = { handle, name: fileName, version, size };
      const other = files.get(name);
      const newer =
        other === undefined || version > other.version || (version === other.version && fileName > other.name);
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

  // Removes an unsealed file, unless another tab is writing it. Returns false if the file was
  // sealed meanwhile, so that the scan has to repeat.
  async #clear(fileName: string, handle: FileSystemFileHandle, version: number, mark: number): Promise<boolean> {
    if (!hasSyncHandles) return true; // no way to tell whether it is being written
    let lock: FileSystemSyncAccessHandle;
    try {
      lock = await handle.createSyncAccessHandle();
    } catch (thrown) {
      if (isLocked(thrown)) return true;
      throw thrown;
    }
    const size = lock.getSize() - sealSize;
    const got = new Uint8Array(sealSize);
    const sealed = size >= 0 && lock.read(got, { at: size }) === sealSize && equal(got, seal(size, version, mark));
    lock.close();
    if (!sealed) await this.#remove(fileName);
    return !sealed;
  }

  // Removes an outdated file. If another tab has it open, a later scan removes it.
  async #remove(fileName: string): Promise<void> {
    try {
      await this.#folder.removeEntry(fileName);
    } catch {
      // see above
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

function encodeName(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decodeName(fileName: string): string | undefined {
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
  return `${encodeName(name)}~${version}.${mark.toString(16)}`;
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

// Returns the size of the blob in a file, or −1 if the file has no valid seal.
async function sealedSize(handle: FileSystemFileHandle, version: number, mark: number): Promise<number> {
  const file = await handle.getFile();
  const size = file.size - sealSize;
  if (size < 0) return -1;
  try {
    const got = new Uint8Array(await file.slice(size).arrayBuffer());
    return equal(got, seal(size, version, mark)) ? size : -1;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "NotReadableError") return -1; // it is being written
    throw thrown;
  }
}

/** Only recent browsers can open a sync access handle for reading only. */
type ReadOnly = (options: { mode: "read-only" }) => Promise<FileSystemSyncAccessHandle>;

const hasSyncHandles = "createSyncAccessHandle" in FileSystemFileHandle.prototype;

async function openReader(handle: FileSystemFileHandle): Promise<Reader> {
  if (hasSyncHandles) {
    try {
      const sync = await (handle.createSyncAccessHandle as ReadOnly).call(handle, { mode: "read-only" });
      return { read: async (offset, into) => sync.read(into, { at: offset }), close: () => sync.close() };
    } catch (thrown) {
      // Another tab has it open, in a browser where all handles are exclusive.
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

type Part = readonly [at: number, data: Bytes];

// Truncates the file at the first offset and writes the parts. With `flush`, each part is on the
// device before the next one is written.
async function writeParts(handle: FileSystemFileHandle, parts: readonly Part[], flush: boolean): Promise<void> {
  if (!hasSyncHandles) {
    const stream = await handle.createWritable({ keepExistingData: true }); // changes the file when it is closed
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
      if (n !== data.byteLength)
        throw new DOMException(`${n} of ${data.byteLength} bytes were written`, "QuotaExceededError");
      if (flush) sync.flush();
    }
  } finally {
    sync.close();
  }
}

function isLocked(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NoModificationAllowedError";
}

// Blobs in the origin's private file system.
//
// A blob is one file of a flat folder, named `<blob>~<version>.<mark>`: the blob's
// name with everything but letters, digits, "-", "_" and "." escaped, a version
// that grows with each replacement, and random bits. The file holds the bytes, then
// a seal that repeats size, version and mark. Replacing a blob writes a file of the
// next version, flushes it, adds the seal, flushes again, and removes the earlier
// file. So a kill at any instant leaves the earlier file, whole, and perhaps one
// without a seal, which the next scan removes; or two whole ones, of which the
// newer counts. No browser's own notion of an atomic rename is relied on.

import { checkRange, notExist, sortNames, type BlobStore, type Bytes } from "./blobs.js";
import { describe, Fault } from "./fault.js";

interface File {
  readonly handle: FileSystemFileHandle;
  readonly name: string;
  readonly version: number;
  readonly size: number; // of the blob: without the seal
}

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
  // The file read last stays open: weights are read in many ranges.
  #open: { file: File; reader: Reader } | undefined;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  /** Opens the store in a folder of the origin's private file system, made when it is not there. */
  static async open(folder: string): Promise<OPFSStore> {
    try {
      let dir = await navigator.storage.getDirectory();
      for (const element of folder.split("/").filter(Boolean)) {
        dir = await dir.getDirectoryHandle(escape(element), { create: true });
      }
      const store = new OPFSStore(dir);
      await store.#scan();
      return store;
    } catch (thrown) {
      throw refused(thrown, folder, "cannot open the browser's private storage");
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
        if (attempt > 0 || !isNotFound(thrown)) throw refused(thrown, name, "cannot be read");
        await this.#scan();
      }
    }
  }

  async write(name: string, data: Bytes): Promise<void> {
    const before = this.#files.get(name);
    const version = (before?.version ?? 0) + 1;
    const mark = crypto.getRandomValues(new Uint32Array(1))[0]!;
    const fileName = `${escape(name)}~${version}.${mark.toString(16)}`;
    try {
      const handle = await this.#folder.getFileHandle(fileName, { create: true });
      try {
        await writeSealed(handle, data, seal(data.byteLength, version, mark));
      } catch (thrown) {
        await this.#remove(fileName);
        throw thrown;
      }
      this.#files.set(name, { handle, name: fileName, version, size: data.byteLength });
    } catch (thrown) {
      throw refused(thrown, name, `${data.byteLength} bytes cannot be written`);
    }
    if (before !== undefined) {
      if (this.#open?.file === before) this.#forget();
      await this.#remove(before.name);
    }
  }

  async delete(name: string): Promise<void> {
    const file = this.#files.get(name);
    if (file === undefined) return;
    this.#forget();
    try {
      await this.#folder.removeEntry(file.name);
    } catch (thrown) {
      if (!isNotFound(thrown)) throw refused(thrown, name, "cannot be deleted");
    }
    this.#files.delete(name);
  }

  async list(prefix: string): Promise<string[]> {
    return sortNames([...this.#files.keys()].filter((name) => name.startsWith(prefix)));
  }

  close(): void {
    this.#forget();
  }

  async #find(name: string): Promise<File> {
    const file = this.#files.get(name);
    if (file === undefined) throw notExist(name);
    return file;
  }

  // scan reads the folder anew, and removes what a kill has left.
  async #scan(): Promise<void> {
    const files = new Map<string, File>();
    const stale: string[] = [];
    for await (const [fileName, handle] of this.#folder.entries()) {
      if (handle.kind !== "file") continue;
      const parsed = /^(.+)~(\d{1,15})\.([0-9a-f]{1,8})$/.exec(fileName);
      if (parsed === null) continue; // not ours
      const [name, version, mark] = [decodeURIComponent(parsed[1]!), Number(parsed[2]), parseInt(parsed[3]!, 16)];
      const size = await sealedSize(handle as FileSystemFileHandle, version, mark);
      if (size < 0) {
        stale.push(fileName);
        continue;
      }
      const file = { handle: handle as FileSystemFileHandle, name: fileName, version, size };
      const other = files.get(name);
      const newer = other === undefined || version > other.version || (version === other.version && fileName > other.name);
      if (newer) files.set(name, file);
      if (other !== undefined) stale.push(newer ? other.name : fileName);
    }
    this.#files = files;
    for (const fileName of stale) await this.#remove(fileName);
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

function seal(size: number, version: number, mark: number): Bytes {
  const words = new DataView(new ArrayBuffer(sealSize));
  words.setBigUint64(0, sealMagic);
  words.setBigUint64(8, BigInt(size));
  words.setBigUint64(16, BigInt(version));
  words.setBigUint64(24, BigInt(mark));
  return new Uint8Array(words.buffer);
}

// sealedSize gives the size of the blob in a file, or −1 when the file is not whole.
async function sealedSize(handle: FileSystemFileHandle, version: number, mark: number): Promise<number> {
  const file = await handle.getFile();
  const size = file.size - sealSize;
  if (size < 0) return -1;
  const got = new Uint8Array(await file.slice(size).arrayBuffer());
  return seal(size, version, mark).every((byte, i) => byte === got[i]) ? size : -1;
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
      if (!(thrown instanceof DOMException) || thrown.name !== "NoModificationAllowedError") throw thrown;
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

async function writeSealed(handle: FileSystemFileHandle, data: Bytes, end: Bytes): Promise<void> {
  if (!hasSyncHandles) {
    const stream = await handle.createWritable(); // the file changes when it is closed
    await stream.write(data);
    await stream.write(end);
    await stream.close();
    return;
  }
  const sync = await handle.createSyncAccessHandle();
  try {
    for (const [at, part] of [[0, data], [data.byteLength, end]] as const) {
      const n = sync.write(part, { at });
      if (n !== part.byteLength) throw new DOMException(`${n} of ${part.byteLength} bytes were taken`, "QuotaExceededError");
      sync.flush();
    }
  } finally {
    sync.close();
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NotFoundError";
}

function refused(thrown: unknown, where: string, detail: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const full = thrown instanceof DOMException && thrown.name === "QuotaExceededError";
  return new Fault("storage", {
    where,
    detail: full ? `${detail}: the storage that the browser gives this site is full` : detail,
    remedy: full
      ? "remove models or adapters that you no longer need, or free space on this device"
      : "check that this is no private window and that the browser may store site data",
    cause: new Error(describe(thrown)),
  });
}

// Forgetting: everything that this site keeps for NextQuill is removed, and what
// the browser still shows is looked up anew to prove it.

import { Fault, describe } from "../fault.js";
import { databaseExists, deleteDatabase, farewell, storeName } from "../store/db.js";

/** What was removed, and what is left: nothing, unless another tab holds on to it. */
export interface Forgotten {
  removed: { files: number; bytes: number; databases: number };
  /** Names of what is still there; empty is the proof. */
  left: string[];
}

const patience = 20; // attempts
const pause = 100; // ms between them

/**
 * Removes history, adapters, checkpoints and models from this device, in all tabs of this site. It needs no GPU. Open instances
 * in this tab must be disposed of before, as NextQuill.forget does.
 */
export async function forget(): Promise<Forgotten> {
  const channel = new BroadcastChannel(storeName);
  channel.postMessage(farewell);
  try {
    const before = await inventory();
    const databases = (await databaseExists()) ? 1 : 0;
    for (let n = 0; n < patience; n++) {
      try {
        await removeFolder();
        break;
      } catch (thrown) {
        // A file that another tab has open cannot be removed until it closes it.
        if (n === patience - 1) throw blocked(thrown);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    await deleteDatabase();
    const left = (await inventory()).map((f) => f.path);
    // Where a browser does not list databases, the deletion's success has to do.
    if (indexedDB.databases !== undefined && (await databaseExists())) left.push(`IndexedDB: ${storeName}`);
    channel.postMessage("change");
    return { removed: { files: before.length, bytes: before.reduce((n, f) => n + f.bytes, 0), databases }, left };
  } finally {
    channel.close();
  }
}

/** Every file in the blob folder, with its size in bytes. */
export async function inventory(): Promise<{ path: string; bytes: number }[]> {
  const files: { path: string; bytes: number }[] = [];
  const walk = async (dir: FileSystemDirectoryHandle, path: string) => {
    for await (const [name, handle] of dir.entries()) {
      const full = `${path}/${name}`;
      if (handle.kind === "directory") await walk(handle as FileSystemDirectoryHandle, full);
      else files.push({ path: full, bytes: await sizeOf(handle as FileSystemFileHandle) });
    }
  };
  try {
    const root = await navigator.storage.getDirectory();
    await walk(await root.getDirectoryHandle(storeName), storeName);
  } catch (thrown) {
    if (!isNotFound(thrown)) throw new Fault("storage", { where: storeName, detail: "the browser's private storage cannot be listed", cause: new Error(describe(thrown)) });
  }
  return files;
}

async function sizeOf(handle: FileSystemFileHandle): Promise<number> {
  try {
    return (await handle.getFile()).size;
  } catch {
    return 0; // gone meanwhile, or held by a writer
  }
}

async function removeFolder(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  try {
    await root.removeEntry(storeName, { recursive: true });
  } catch (thrown) {
    if (!isNotFound(thrown)) throw thrown;
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NotFoundError";
}

function blocked(thrown: unknown): Fault {
  return new Fault("storage", {
    where: "forget", detail: "some files are in use", remedy: "close this site's other tabs and try again", cause: new Error(describe(thrown)),
  });
}

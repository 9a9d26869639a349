// Deletes everything that NextQuill stores on this site, then lists the storage again to verify it.

import { describe, Fault } from "../fault.js";
import { databaseExists, deleteDatabase, forgetMessage, storeName } from "../store/db.js";
import { databasesDenied, isDenied, openChannel } from "../store/denied.js";
import { clearMemory } from "../store/memory.js";
import { isNotFound } from "../store/quota.js";

/** What was deleted, and what is left. Nothing is left unless another tab has files open. */
export interface Forgotten {
  removed: { files: number; bytes: number; databases: number };
  /** The names of what is still stored; empty on success. */
  left: string[];
}

const attempts = 20;
const pause = 100; // ms between attempts

/**
 * Deletes the history, adapters, checkpoints and models of this site, and closes them in its other
 * tabs. Needs no GPU. Instances in this tab must be disposed before, as NextQuill.forget does.
 */
export async function forget(): Promise<Forgotten> {
  const channel = openChannel(storeName);
  channel?.postMessage(forgetMessage);
  try {
    const before = await inventory();
    const denied = await databasesDenied();
    const databases = !denied && (await databaseExists()) ? 1 : 0;
    for (let n = 0; n < attempts; n++) {
      try {
        await removeFolder();
        break;
      } catch (thrown) {
        // A file that another tab has open cannot be removed yet.
        if (n === attempts - 1) throw blocked(thrown);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    if (!denied) await deleteDatabase();
    clearMemory();
    const left = (await inventory()).map((f) => f.path);
    // If the browser cannot list databases, rely on the success of deleteDatabase.
    if (!denied && indexedDB.databases !== undefined && (await databaseExists())) left.push(`IndexedDB: ${storeName}`);
    channel?.postMessage("change");
    return { removed: { files: before.length, bytes: before.reduce((n, f) => n + f.bytes, 0), databases }, left };
  } finally {
    channel?.close();
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
    if (!isNotFound(thrown) && !isDenied(thrown)) {
      const cause = new Error(describe(thrown));
      throw new Fault("storage", { where: storeName, detail: "the browser's private storage cannot be listed", cause });
    }
  }
  return files;
}

async function sizeOf(handle: FileSystemFileHandle): Promise<number> {
  try {
    return (await handle.getFile()).size;
  } catch {
    return 0; // deleted meanwhile, or locked by a writer
  }
}

async function removeFolder(): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(storeName, { recursive: true });
  } catch (thrown) {
    if (!isNotFound(thrown) && !isDenied(thrown)) throw thrown;
  }
}

function blocked(thrown: unknown): Fault {
  const cause = new Error(describe(thrown));
  const remedy = "close the other tabs of this site and try again";
  return new Fault("storage", { where: "forget", detail: "some files are in use", remedy, cause });
}

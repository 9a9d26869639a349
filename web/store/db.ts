// The IndexedDB database: the items of the history, and small records that point at blobs. Records
// change in one transaction, so that other tabs, and the next visit after a kill, see all of a
// change or nothing.

import { type DBSchema, deleteDB, type IDBPDatabase, type IDBPTransaction, openDB } from "../vendor/idb/index.js";
import type { Item } from "./item.js";
import { storageFault } from "./quota.js";

/** The name of the database, the blob folder and the BroadcastChannel between tabs. */
export const storeName = "nextquill";

/** A stored item. `order` keeps items without a time in the order in which they were added. */
export interface StoredItem extends Item {
  order: number;
}

interface Schema extends DBSchema {
  items: { key: string; value: StoredItem; indexes: { order: number } };
  records: { key: string; value: unknown };
}

export type Database = IDBPDatabase<Schema>;

/** A transaction that changes items. */
export type ItemsTransaction = IDBPTransaction<Schema, ["items"], "readwrite">;

/**
 * Opens the database. When another tab deletes it (forget), the connection is closed and `onGone`
 * is called.
 */
export async function openDatabase(onGone: () => void): Promise<Database> {
  return await withStorageFaults("the browser's database cannot be opened", () =>
    openDB<Schema>(storeName, 1, {
      upgrade(db) {
        const items = db.createObjectStore("items", { keyPath: "id" });
        items.createIndex("order", "order");
        db.createObjectStore("records");
      },
      blocking(_current, _blocked, event) {
        (event.target as IDBDatabase).close();
        onGone();
      },
      terminated: onGone,
    }),
  );
}

/** The message on the channel before everything is deleted. Receivers close what they have open. */
export const forgetMessage = "forget";

/** Whether the database exists; true if the browser cannot tell. */
export async function databaseExists(): Promise<boolean> {
  return await withStorageFaults("the browser's databases cannot be listed", async () => {
    const all = await indexedDB.databases?.();
    return all === undefined || all.some((db) => db.name === storeName);
  });
}

/** Deletes the database. */
export async function deleteDatabase(): Promise<void> {
  await withStorageFaults("the browser's database cannot be deleted", () => deleteDB(storeName));
}

/**
 * Runs a database operation that writes about `bytes()` bytes. Its errors become Faults of kind
 * "storage".
 */
export async function withStorageFaults<T>(
  what: string,
  operation: () => Promise<T>,
  bytes?: () => number,
): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    throw await storageFault(thrown, "history", what, bytes?.());
  }
}

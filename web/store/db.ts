// The database in IndexedDB: history items, and the small records that point at
// blobs. A record changes in one transaction, so that other tabs see all of it or
// none, and so does whoever comes after a kill.

import { deleteDB, openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "../vendor/idb/index.js";

import { storageFault } from "./quota.js";
import type { Item } from "./item.js";

/** The name of the database, of the blob folder, and of the channel between tabs. */
export const storeName = "nextquill";

/** An item as it is stored. `order` keeps items without a time in the order in which they came. */
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
 * Opens the database. When another tab deletes it (forget), the connection closes
 * by itself and `onGone` is called.
 */
export async function openDatabase(onGone: () => void): Promise<Database> {
  return await guarded("the browser's database cannot be opened", () =>
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

/** Said on the channel before everything is forgotten: whoever hears it lets go of what it has open. */
export const farewell = "forget";

/** Whether there is a database; yes in a browser that does not tell. */
export async function databaseExists(): Promise<boolean> {
  return await guarded("the browser's databases cannot be listed", async () => {
    const all = await indexedDB.databases?.();
    return all === undefined || all.some((db) => db.name === storeName);
  });
}

/** Deletes the database with all that is in it. */
export async function deleteDatabase(): Promise<void> {
  await guarded("the browser's database cannot be deleted", () => deleteDB(storeName));
}

/** Runs a database operation, which writes about so many bytes; what the medium refuses becomes a Fault of kind "storage". */
export async function guarded<T>(what: string, operation: () => Promise<T>, bytes?: () => number): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    throw await storageFault(thrown, "history", what, bytes?.());
  }
}

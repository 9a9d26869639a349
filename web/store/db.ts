// The IndexedDB database: the items of the history, and small records that point at blobs. Records
// change in one transaction, so that other tabs, and the next visit after a kill, see all of a
// change or nothing.

import { type DBSchema, deleteDB, type IDBPDatabase, type IDBPTransaction, openDB } from "../vendor/idb/index.js";
import { databasesDenied } from "./denied.js";
import type { Item } from "./item.js";
import { MemoryHistory } from "./memory.js";
import { storageFault } from "./quota.js";
import { type ItemsTransaction, type Store, type StoredItem, withoutOrder } from "./store.js";

/** The name of the database, the blob folder and the BroadcastChannel between tabs. */
export const storeName = "nextquill";

interface Schema extends DBSchema {
  items: { key: string; value: StoredItem; indexes: { order: number } };
  records: { key: string; value: unknown };
}

type Items = IDBPTransaction<Schema, ["items"], "readwrite">;

// Items are read in parts, so that no task of the page takes long.
const batch = 250;

/**
 * Opens the database, or a store in memory if the page may not store data. When another tab deletes
 * the database (forget), the connection is closed and `onGone` is called.
 */
export async function openStore(onGone: () => void): Promise<Store> {
  if (await databasesDenied()) return new MemoryHistory();
  return await withStorageFaults("the browser's database cannot be opened", async () => {
    const db = await openDB<Schema>(storeName, 1, {
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
    });
    return new IndexedHistory(db);
  });
}

class IndexedHistory implements Store {
  readonly persistent = true;
  readonly #db: IDBPDatabase<Schema>;

  constructor(db: IDBPDatabase<Schema>) {
    this.#db = db;
  }

  count(): Promise<number> {
    return this.#db.count("items");
  }

  async all(): Promise<Item[]> {
    const index = this.#db.transaction("items").store.index("order");
    const all: Item[] = [];
    let after: IDBKeyRange | null = null;
    for (;;) {
      const part: StoredItem[] = await index.getAll(after, batch);
      for (const stored of part) all.push(withoutOrder(stored));
      const last = part.at(-1);
      if (last === undefined || part.length < batch) return all;
      after = IDBKeyRange.lowerBound(last.order, true);
    }
  }

  get(id: string): Promise<StoredItem | undefined> {
    return this.#db.get("items", id);
  }

  change<T>(operation: (items: ItemsTransaction) => Promise<T>): Promise<T> {
    const tx = this.#db.transaction("items", "readwrite", { durability: "strict" });
    return inTransaction(tx, (tx) => operation(itemsOf(tx)));
  }

  record(key: string): Promise<unknown> {
    return this.#db.get("records", key);
  }

  async setRecords(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    await inTransaction(this.#db.transaction("records", "readwrite", { durability: "strict" }), async (tx) => {
      for (const [key, value] of entries) await (value === undefined ? tx.store.delete(key) : tx.store.put(value, key));
    });
  }

  close(): void {
    this.#db.close();
  }
}

function itemsOf({ store }: Items): ItemsTransaction {
  return {
    get: (id) => store.get(id),
    ids: () => store.getAllKeys(),
    async nextOrder() {
      const cursor = await store.index("order").openKeyCursor(null, "prev");
      return cursor === null ? 1 : (cursor.key as number) + 1;
    },
    put(item) {
      const done = store.put(item).then(() => {});
      done.catch(() => {}); // the transaction fails
      return done;
    },
    delete: (id) => store.delete(id),
    clear: () => store.clear(),
  };
}

// Runs an operation in a transaction. If it fails, the transaction has no effect.
async function inTransaction<T, Tx extends { done: Promise<void>; abort(): void; error: DOMException | null }>(
  tx: Tx,
  operation: (tx: Tx) => Promise<T>,
): Promise<T> {
  try {
    const value = await operation(tx);
    await tx.done;
    return value;
  } catch (thrown) {
    tx.done.catch(() => {}); // it fails with the operation
    try {
      tx.abort();
    } catch {
      // it has already ended
    }
    throw tx.error ?? thrown;
  }
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

// What the person wrote, kept in this browser. It needs no GPU and no model.

import { Fault, quote } from "../fault.js";
import { databaseExists, farewell, guarded, openDatabase, storeName, type Database, type ItemsTransaction, type StoredItem } from "./db.js";
import { chronological, contentID, normalize, toLine, type Item, type NewItem } from "./item.js";
import { readFile, type Format } from "./import/import.js";

/** What an import did. */
export interface ImportResult {
  /** Items that were added. */
  added: number;
  /** Items left out because they were there already. */
  skipped: number;
  /** What could not be read, by place in the file; at most 100. */
  problems: Fault[];
}

/** What a text is changed to; fields left out stay. */
export type Patch = Partial<Pick<NewItem, "context" | "text" | "time">>;

/**
 * The person's texts, in IndexedDB. Fires "change" whenever they change, in this tab or another. Methods throw a Fault:
 * "storage" when the browser refuses (full, private window), "missing" for an id that is not there, "malformed", "too-large"
 * and "unsupported" for what is given.
 */
export class History extends EventTarget {
  #db: Promise<Database> | undefined;
  #channel: BroadcastChannel | undefined;
  #closed = false;

  constructor() {
    super();
    this.#channel = new BroadcastChannel(storeName);
    this.#channel.onmessage = ({ data }) => {
      if (data === farewell) this.#disconnect();
      else this.dispatchEvent(new Event("change"));
    };
  }

  /** The number of items. */
  async count(): Promise<number> {
    return await this.#read("the history cannot be read", 0, (db) => db.count("items"));
  }

  /** All items, oldest first; those without a time come first, in the order in which they were added. */
  async list(): Promise<Item[]> {
    const all = await this.#read("the history cannot be read", [], (db) => db.getAllFromIndex("items", "order"));
    return chronological(all.map(bare));
  }

  /** The item with this id. */
  async get(id: string): Promise<Item> {
    const item = await this.#read("the history cannot be read", undefined, (db) => db.get("items", id));
    if (item === undefined) throw noItem(id);
    return bare(item);
  }

  /** Adds a text and returns the item that it became. One that has the id of another is refused ("malformed"). */
  async add(item: NewItem): Promise<Item> {
    const ready = normalize(item, "item");
    const base = await contentID(ready); // before the transaction, which does not wait for anything else
    const added = await this.#change(async (tx) => {
      let id = ready.id;
      if (id === "") {
        id = base;
        for (let n = 2; (await tx.store.getKey(id)) !== undefined; n++) id = `${base}-${n}`;
      } else if ((await tx.store.getKey(id)) !== undefined) {
        throw new Fault("malformed", { where: "item", field: "id", detail: `${quote(id)} was used before`, remedy: "leave the id out, or update that item" });
      }
      const stored: StoredItem = { ...ready, id, order: await nextOrder(tx.store) };
      await tx.store.add(stored);
      return stored;
    }, () => sizeOf([ready]));
    return bare(added);
  }

  /** Changes an item and returns it. */
  async update(id: string, patch: Patch): Promise<Item> {
    const updated = await this.#change(async (tx) => {
      const old = await tx.store.get(id);
      if (old === undefined) throw noItem(id);
      const time = "time" in patch ? patch.time : old.time;
      const next = normalize({ id, text: patch.text ?? old.text, context: patch.context ?? old.context, time }, "item");
      const stored: StoredItem = { ...next, order: old.order };
      await tx.store.put(stored);
      return stored;
    });
    return bare(updated);
  }

  /** Removes an item; one that is not there is no error. */
  async remove(id: string): Promise<void> {
    await this.#change((tx) => tx.store.delete(id));
  }

  /** Removes all items. */
  async clear(): Promise<void> {
    await this.#change((tx) => tx.store.clear());
  }

  /**
   * Adds the texts of a file, or of text that was pasted: JSONL, CSV, plain text, Markdown, .eml or .mbox, told by the name's
   * ending unless `format` says it. All that can be read is added, in one transaction; items that are there already are left
   * out. Throws when nothing can be read, or when the items cannot be stored: then none was.
   */
  async import(file: Blob | string, options: { format?: Format; name?: string } = {}): Promise<ImportResult> {
    const { items, problems } = await readFile(file, options);
    const added = await this.#change(async (tx) => {
      const there = new Set(await tx.store.getAllKeys());
      let order = await nextOrder(tx.store);
      let n = 0;
      for (const item of items) {
        if (there.has(item.id)) continue;
        there.add(item.id);
        // Not awaited one by one: the transaction fails as a whole, and #change waits for it.
        tx.store.add({ ...item, order: order++ }).catch(() => {});
        n++;
      }
      return n;
    }, () => sizeOf(items));
    return { added, skipped: items.length - added, problems };
  }

  /** All items as JSONL, which import and core/history read back unchanged. */
  async export(): Promise<Blob> {
    return new Blob((await this.list()).map(toLine), { type: "application/jsonl" });
  }

  /** A small record kept beside the items, such as which adapter is in use. @internal */
  async record<T>(key: string): Promise<T | undefined> {
    return (await this.#read("a record cannot be read", undefined, (db) => db.get("records", key))) as T | undefined;
  }

  /** Sets a record, or removes it when the value is undefined. @internal */
  async setRecord(key: string, value: unknown): Promise<void> {
    await this.setRecords([[key, value]]);
  }

  /** Sets or removes several records at once: all of them, or none. @internal */
  async setRecords(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    await this.#run("a record cannot be written", (db) =>
      whole(db.transaction("records", "readwrite", { durability: "strict" }), async (tx) => {
        for (const [key, value] of entries) await (value === undefined ? tx.store.delete(key) : tx.store.put(value, key));
      }));
  }

  /** Closes the connection. The history stays. */
  close(): void {
    this.#closed = true;
    this.#channel?.close();
    this.#channel = undefined;
    this.#disconnect();
  }

  #disconnect(): void {
    void this.#db?.then((db) => db.close(), () => {});
    this.#db = undefined;
  }

  async #change<T>(operation: (tx: ItemsTransaction) => Promise<T>, bytes?: () => number): Promise<T> {
    const result = await this.#run("the change cannot be stored", (db) =>
      whole(db.transaction("items", "readwrite", { durability: "strict" }), operation), bytes);
    this.dispatchEvent(new Event("change"));
    this.#channel?.postMessage("change");
    return result;
  }

  // read gives `empty` where nothing was ever stored, or all was forgotten: looking makes no database.
  async #read<T>(what: string, empty: T, operation: (db: Database) => Promise<T>): Promise<T> {
    if (this.#db === undefined && !this.#closed && !(await databaseExists())) return empty;
    return await this.#run(what, operation);
  }

  async #run<T>(what: string, operation: (db: Database) => Promise<T>, bytes?: () => number): Promise<T> {
    if (this.#closed) throw new Fault("cancelled", { where: "history", detail: "was closed", remedy: "open another one" });
    return await guarded(what, async () => {
      this.#db ??= openDatabase(() => (this.#db = undefined)).catch((thrown: unknown) => {
        this.#db = undefined; // the next call tries again
        throw thrown;
      });
      return await operation(await this.#db);
    }, bytes);
  }
}

// whole runs an operation in a transaction, to its end or without any effect.
async function whole<T, Tx extends { done: Promise<void>; abort(): void; error: DOMException | null }>(
  tx: Tx, operation: (tx: Tx) => Promise<T>,
): Promise<T> {
  try {
    const value = await operation(tx);
    await tx.done;
    return value;
  } catch (thrown) {
    tx.done.catch(() => {}); // it fails as the operation did
    try {
      tx.abort();
    } catch {
      // it has ended already
    }
    throw tx.error ?? thrown;
  }
}

async function nextOrder(store: ItemsTransaction["store"]): Promise<number> {
  const cursor = await store.index("order").openKeyCursor(null, "prev");
  return cursor === null ? 1 : (cursor.key as number) + 1;
}

// sizeOf is about what items take.
function sizeOf(items: readonly Item[]): number {
  return new Blob(items.map(toLine)).size;
}

function bare({ order: _, ...item }: StoredItem): Item {
  return item;
}

function noItem(id: string): Fault {
  return new Fault("missing", { where: "history", field: "id", detail: `there is no item ${quote(id)}`, remedy: "list the items again: it was removed" });
}

/** Opens the history alone, for where there is no GPU. Close it when it is no longer needed. */
export function openHistory(): History {
  return new History();
}

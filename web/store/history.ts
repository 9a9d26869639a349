// The user's texts, stored in this browser. They need no GPU and no model.

import { Fault, quote } from "../fault.js";
import {
  FileImport,
  type FoundTexts,
  type ImportFiles,
  type ImportOptions,
  type ImportSource,
  requireTexts,
} from "../import/session.js";
import {
  type Database,
  databaseExists,
  forgetMessage,
  type ItemsTransaction,
  openDatabase,
  type StoredItem,
  storeName,
  withStorageFaults,
} from "./db.js";
import { assignIDs, chronological, contentID, type Item, type NewItem, normalize, toLine } from "./item.js";

/** The number of items that were added, and of those that were in the history already. */
export interface Added {
  added: number;
  skipped: number;
}

/** The result of an import: what was added, and what was left out and why. */
export interface ImportResult extends Added, Omit<FoundTexts, "items" | "choose" | "fault"> {}

/** The changed fields of an item. The others stay. */
export type Patch = Partial<Pick<NewItem, "context" | "text" | "time">>;

/**
 * The user's texts, in IndexedDB. Fires "change" when they change, in this tab or another. Methods
 * throw a Fault: "storage" for an error of the browser's storage (full, private window), "missing"
 * for an unknown id, "malformed", "too-large" or "unsupported" for invalid input.
 */
export class History extends EventTarget {
  #db: Promise<Database> | undefined;
  #channel: BroadcastChannel | undefined;
  #closed = false;

  readonly #source: ImportSource;

  constructor(source: ImportSource = {}) {
    super();
    this.#source = source;
    this.#channel = new BroadcastChannel(storeName);
    this.#channel.onmessage = ({ data }) => {
      if (data === forgetMessage) this.#disconnect();
      else this.dispatchEvent(new Event("change"));
    };
  }

  /** The number of items. */
  async count(): Promise<number> {
    return await this.#read("the history cannot be read", 0, (db) => db.count("items"));
  }

  /**
   * All items, oldest first. Items without a time come before the others, in the order of their
   * addition.
   */
  async list(): Promise<Item[]> {
    const all = await this.#read("the history cannot be read", [], (db) => db.getAllFromIndex("items", "order"));
    return chronological(all.map(withoutOrder));
  }

  /** The item with this id. */
  async get(id: string): Promise<Item> {
    const item = await this.#read("the history cannot be read", undefined, (db) => db.get("items", id));
    if (item === undefined) throw noItem(id);
    return withoutOrder(item);
  }

  /** Adds a text and returns its item. An id that is in use throws "malformed". */
  async add(item: NewItem): Promise<Item> {
    const ready = normalize(item, "item");
    const base = contentID(ready);
    const added = await this.#change(
      async (tx) => {
        let id = ready.id;
        if (id === "") {
          id = base;
          for (let n = 2; (await tx.store.getKey(id)) !== undefined; n++) id = `${base}-${n}`;
        } else if ((await tx.store.getKey(id)) !== undefined) {
          throw new Fault("malformed", {
            where: "item",
            field: "id",
            detail: `${quote(id)} was used before`,
            remedy: "leave the id out, or update that item",
          });
        }
        const stored: StoredItem = { ...ready, id, order: await nextOrder(tx.store) };
        await tx.store.add(stored);
        return stored;
      },
      () => sizeOf([ready]),
    );
    return withoutOrder(added);
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
    return withoutOrder(updated);
  }

  /** Removes an item. An unknown id is no error. */
  async remove(id: string): Promise<void> {
    await this.#change((tx) => tx.store.delete(id));
  }

  /** Removes all items. */
  async clear(): Promise<void> {
    await this.#change((tx) => tx.store.clear());
  }

  /**
   * Adds texts in one transaction, and skips those that are here already: same id, text and time.
   * If an id is taken by another text, the added text gets another id.
   */
  async addAll(items: readonly NewItem[]): Promise<Added> {
    const ready = items.map((item, i) => normalize(item, `items[${i}]`));
    assignIDs(ready);
    const added = await this.#change(
      async (tx) => {
        const taken = new Set(await tx.store.getAllKeys());
        let order = await nextOrder(tx.store);
        let n = 0;
        for (const item of ready) {
          const id = await freeID(tx.store, taken, item);
          if (id === undefined) continue;
          taken.add(id);
          // Not awaited: if one fails, the transaction fails, and #change waits for that.
          tx.store.add({ ...item, id, order: order++ }).catch(() => {});
          n++;
        }
        return n;
      },
      () => sizeOf(ready),
    );
    return { added, skipped: items.length - added };
  }

  /**
   * Adds the user's texts of files: chats, mail, tables, notes, documents, archives; see
   * docs/texts.md. They are read in a worker, which is fetched now. Rejects with a SendersFault if
   * there are several senders and `me` names none, "missing" if there is no text; nothing is added
   * then. To show the texts first, use openFiles.
   */
  async import(files: ImportFiles, options: ImportOptions = {}): Promise<ImportResult> {
    const opened = await this.openFiles(files, options);
    opened.close();
    const { items, choose: _, fault: __, ...about } = opened.found;
    requireTexts(opened.found);
    return { ...(await this.addAll(items)), ...about };
  }

  /**
   * Reads files without adding their texts: the result has the texts and the senders, and takes the
   * choice of both. Close it after use.
   */
  async openFiles(files: ImportFiles, options: ImportOptions = {}): Promise<FileImport> {
    if (this.#closed) throw closed();
    return await FileImport.open(files, options, this.#source);
  }

  /** All items as JSONL, which import() and core/history read back unchanged. */
  async export(): Promise<Blob> {
    return new Blob((await this.list()).map(toLine), { type: "application/jsonl" });
  }

  /** A small record, such as the adapter in use. @internal */
  async record<T>(key: string): Promise<T | undefined> {
    return (await this.#read("a record cannot be read", undefined, (db) => db.get("records", key))) as T | undefined;
  }

  /** Sets a record, or removes it if the value is undefined. @internal */
  async setRecord(key: string, value: unknown): Promise<void> {
    await this.setRecords([[key, value]]);
  }

  /** Sets or removes several records in one transaction. @internal */
  async setRecords(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    await this.#run("a record cannot be written", (db) =>
      inTransaction(db.transaction("records", "readwrite", { durability: "strict" }), async (tx) => {
        for (const [key, value] of entries)
          await (value === undefined ? tx.store.delete(key) : tx.store.put(value, key));
      }),
    );
  }

  /** Closes the connection. The texts stay stored. */
  close(): void {
    this.#closed = true;
    this.#channel?.close();
    this.#channel = undefined;
    this.#disconnect();
  }

  #disconnect(): void {
    void this.#db?.then(
      (db) => db.close(),
      () => {},
    );
    this.#db = undefined;
  }

  async #change<T>(operation: (tx: ItemsTransaction) => Promise<T>, bytes?: () => number): Promise<T> {
    const result = await this.#run(
      "the change cannot be stored",
      (db) => inTransaction(db.transaction("items", "readwrite", { durability: "strict" }), operation),
      bytes,
    );
    this.dispatchEvent(new Event("change"));
    this.#channel?.postMessage("change");
    return result;
  }

  // Returns `empty` if there is no database: reading must not create one.
  async #read<T>(what: string, empty: T, operation: (db: Database) => Promise<T>): Promise<T> {
    if (this.#db === undefined && !this.#closed && !(await databaseExists())) return empty;
    return await this.#run(what, operation);
  }

  async #run<T>(what: string, operation: (db: Database) => Promise<T>, bytes?: () => number): Promise<T> {
    if (this.#closed) throw closed();
    return await withStorageFaults(
      what,
      async () => {
        this.#db ??= openDatabase(() => (this.#db = undefined)).catch((thrown: unknown) => {
          this.#db = undefined; // the next call tries again
          throw thrown;
        });
        return await operation(await this.#db);
      },
      bytes,
    );
  }
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

async function nextOrder(store: ItemsTransaction["store"]): Promise<number> {
  const cursor = await store.index("order").openKeyCursor(null, "prev");
  return cursor === null ? 1 : (cursor.key as number) + 1;
}

// The approximate size of items in the storage, in bytes.
function sizeOf(items: readonly Item[]): number {
  return new Blob(items.map(toLine)).size;
}

function withoutOrder({ order: _, ...item }: StoredItem): Item {
  return item;
}

function noItem(id: string): Fault {
  return new Fault("missing", {
    where: "history",
    field: "id",
    detail: `there is no item ${quote(id)}`,
    remedy: "list the items again: it may have been removed",
  });
}

function closed(): Fault {
  return new Fault("cancelled", { where: "history", detail: "is closed", remedy: "open another one" });
}

// The id under which an item is added, or undefined if it is here already. An id that another text
// has is numbered.
async function freeID(
  store: ItemsTransaction["store"],
  taken: ReadonlySet<string>,
  item: Item,
): Promise<string | undefined> {
  let id = item.id;
  for (let n = 2; taken.has(id); n++) {
    const there = await store.get(id);
    // Files are read without the white space around a text.
    if (there?.text.trim() === item.text.trim() && there.time === item.time) return undefined;
    id = `${item.id}-${n}`;
  }
  return id;
}

/**
 * Opens the history without a model, which needs no GPU. Close it after use. `source` is where the
 * files of the import module are, if not next to this script.
 */
export function openHistory(source: ImportSource = {}): History {
  return new History(source);
}

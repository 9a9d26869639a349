// The user's texts, stored in this browser. They need no GPU and no model.

import { Fault, quote } from "../fault.js";
import type { ImportFiles, ImportOptions, ImportSource } from "../import/options.js";
import { FileImport, type FoundTexts, requireTexts } from "../import/session.js";
import { databaseExists, forgetMessage, openStore, storeName, withStorageFaults } from "./db.js";
import { databasesDenied, openChannel } from "./denied.js";
import { assignIDs, chronological, contentID, type Item, type NewItem, normalize, toLine } from "./item.js";
import { Pace } from "./pace.js";
import { type ItemsTransaction, type Store, type StoredItem, withoutOrder } from "./store.js";

/** The number of items that were added, and of those that were in the history already. */
export interface Added {
  added: number;
  skipped: number;
}

/** How many of the given items addAll has taken. */
export interface AddProgress {
  done: number;
  total: number;
}

/** The result of an import: what was added, and what was left out and why. */
export interface ImportResult extends Added, Omit<FoundTexts, "items" | "choose" | "fault"> {}

/** The changed fields of an item. The others stay. */
export type Patch = Partial<Pick<NewItem, "context" | "text" | "time">>;

/**
 * The user's texts, in IndexedDB. In a page that may not store data, such as one in a frame of
 * another site in some browsers, they are in memory until the page is closed; see persistent().
 * Fires "change" when they change, in this tab or another, and "forgotten" when another tab deletes
 * everything. Methods throw a Fault: "storage" for an error of the browser's storage (full),
 * "missing" for an unknown id, "malformed", "too-large" or "unsupported" for invalid input.
 */
export class History extends EventTarget {
  #store: Promise<Store> | undefined;
  #records: Map<string, unknown> | undefined; // instead of those of the store
  #channel: BroadcastChannel | undefined;
  #closed = false;

  readonly #source: ImportSource;

  constructor(source: ImportSource = {}) {
    super();
    this.#source = source;
    this.#channel = openChannel(storeName);
    this.#channel?.addEventListener("message", ({ data }) => {
      if (data === forgetMessage) this.#disconnect();
      this.dispatchEvent(new Event(data === forgetMessage ? "forgotten" : "change"));
    });
  }

  /** Whether the texts stay when the page is closed. */
  async persistent(): Promise<boolean> {
    return !(await databasesDenied());
  }

  /** The number of items. */
  async count(): Promise<number> {
    return await this.#read("the history cannot be read", 0, (store) => store.count());
  }

  /**
   * All items, oldest first. Items without a time come before the others, in the order of their
   * addition.
   */
  async list(): Promise<Item[]> {
    const pace = new Pace();
    const all = await this.#read("the history cannot be read", [], (store) => store.all());
    await pace.pause();
    const sorted = chronological(all);
    await pace.pause();
    return sorted;
  }

  /** The item with this id. */
  async get(id: string): Promise<Item> {
    const item = await this.#read("the history cannot be read", undefined, (store) => store.get(id));
    if (item === undefined) throw noItem(id);
    return withoutOrder(item);
  }

  /** Adds a text and returns its item. An id that is in use throws "malformed". */
  async add(item: NewItem): Promise<Item> {
    const ready = normalize(item, "item");
    const base = contentID(ready);
    const added = await this.#change(
      async (items) => {
        let id = ready.id;
        if (id === "") {
          id = base;
          for (let n = 2; (await items.get(id)) !== undefined; n++) id = `${base}-${n}`;
        } else if ((await items.get(id)) !== undefined) {
          throw new Fault("malformed", {
            where: "item",
            field: "id",
            detail: `${quote(id)} was used before`,
            remedy: "leave the id out, or update that item",
          });
        }
        const stored: StoredItem = { ...ready, id, order: await items.nextOrder() };
        await items.put(stored);
        return stored;
      },
      () => sizeOf([ready]),
    );
    return withoutOrder(added);
  }

  /** Changes an item and returns it. */
  async update(id: string, patch: Patch): Promise<Item> {
    const updated = await this.#change(async (items) => {
      const old = await items.get(id);
      if (old === undefined) throw noItem(id);
      const time = "time" in patch ? patch.time : old.time;
      const next = normalize({ id, text: patch.text ?? old.text, context: patch.context ?? old.context, time }, "item");
      const stored: StoredItem = { ...next, order: old.order };
      await items.put(stored);
      return stored;
    });
    return withoutOrder(updated);
  }

  /** Removes an item. An unknown id is no error. */
  async remove(id: string): Promise<void> {
    await this.#change((items) => items.delete(id));
  }

  /** Removes all items. */
  async clear(): Promise<void> {
    await this.#change((items) => items.clear());
  }

  /**
   * Adds texts in one transaction, and skips those that are here already: same id, text and time.
   * If an id is taken by another text, the added text gets another id. The page can handle input
   * meanwhile.
   */
  async addAll(items: readonly NewItem[], onProgress?: (progress: AddProgress) => void): Promise<Added> {
    const pace = new Pace();
    const ready: ReturnType<typeof normalize>[] = [];
    for (const [i, item] of items.entries()) {
      ready.push(normalize(item, `items[${i}]`));
      await pace.pause();
    }
    await assignIDs(ready, () => pace.pause());
    const added = await this.#change(
      async (stored) => {
        const taken = new Set(await stored.ids());
        let order = await stored.nextOrder();
        let n = 0;
        pace.restart();
        for (const [i, item] of ready.entries()) {
          const id = await freeID(stored, taken, item);
          if (id === undefined) continue;
          taken.add(id);
          const done = stored.put({ ...item, id, order: order++ });
          n++;
          if (!pace.over()) continue;
          await done; // in a new task; without a request, the transaction would end
          pace.restart();
          onProgress?.({ done: i + 1, total: ready.length });
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
    if (this.#records !== undefined) return this.#records.get(key) as T | undefined;
    return (await this.#read("a record cannot be read", undefined, (store) => store.record(key))) as T | undefined;
  }

  /** Sets a record, or removes it if the value is undefined. @internal */
  async setRecord(key: string, value: unknown): Promise<void> {
    await this.setRecords([[key, value]]);
  }

  /** Sets or removes several records in one transaction. @internal */
  async setRecords(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    if (this.#records === undefined) {
      await this.#run("a record cannot be written", (store) => store.setRecords(entries));
      return;
    }
    for (const [key, value] of entries) {
      if (value === undefined) this.#records.delete(key);
      else this.#records.set(key, value);
    }
  }

  /**
   * Keeps records in memory from now on, because the blobs that they point at are there too.
   * @internal
   */
  keepRecordsInMemory(): void {
    this.#records ??= new Map();
  }

  /** Closes the connection. The texts stay stored. */
  close(): void {
    this.#closed = true;
    this.#channel?.close();
    this.#channel = undefined;
    this.#disconnect();
  }

  #disconnect(): void {
    void this.#store?.then(
      (store) => store.close(),
      () => {},
    );
    this.#store = undefined;
  }

  async #change<T>(operation: (items: ItemsTransaction) => Promise<T>, bytes?: () => number): Promise<T> {
    const result = await this.#run("the change cannot be stored", (store) => store.change(operation), bytes);
    this.dispatchEvent(new Event("change"));
    this.#channel?.postMessage("change");
    return result;
  }

  // Returns `empty` if there is no database: reading must not create one.
  async #read<T>(what: string, empty: T, operation: (store: Store) => Promise<T>): Promise<T> {
    if (this.#store === undefined && !this.#closed && !(await databasesDenied()) && !(await databaseExists()))
      return empty;
    return await this.#run(what, operation);
  }

  async #run<T>(what: string, operation: (store: Store) => Promise<T>, bytes?: () => number): Promise<T> {
    if (this.#closed) throw closed();
    return await withStorageFaults(
      what,
      async () => {
        this.#store ??= openStore(() => (this.#store = undefined)).catch((thrown: unknown) => {
          this.#store = undefined; // the next call tries again
          throw thrown;
        });
        return await operation(await this.#store);
      },
      bytes,
    );
  }
}

// The approximate size of items in the storage, in bytes.
function sizeOf(items: readonly Item[]): number {
  return new Blob(items.map(toLine)).size;
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
async function freeID(items: ItemsTransaction, taken: ReadonlySet<string>, item: Item): Promise<string | undefined> {
  let id = item.id;
  for (let n = 2; taken.has(id); n++) {
    const there = await items.get(id);
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

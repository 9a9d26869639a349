// The store for pages that may not store data, such as those in the frames of some sites. All
// histories of the page share its data, which ends with the page.

import type { Item } from "./item.js";
import { type ItemsTransaction, type Store, type StoredItem, withoutOrder } from "./store.js";

interface Data {
  items: Map<string, StoredItem>;
  readonly records: Map<string, unknown>;
  /** Settles when the changes so far are done. */
  changes: Promise<unknown>;
}

let shared: Data | undefined;

/** Deletes the data of all histories of this page. */
export function clearMemory(): void {
  shared?.items.clear();
  shared?.records.clear();
}

export class MemoryHistory implements Store {
  readonly persistent = false;
  readonly #data: Data;

  constructor() {
    shared ??= { items: new Map(), records: new Map(), changes: Promise.resolve() };
    this.#data = shared;
  }

  async count(): Promise<number> {
    return this.#data.items.size;
  }

  async all(): Promise<Item[]> {
    return Array.from(this.#data.items.values(), withoutOrder);
  }

  async get(id: string): Promise<StoredItem | undefined> {
    return this.#data.items.get(id);
  }

  // Changes a copy of the items, one change after the other.
  change<T>(operation: (items: ItemsTransaction) => Promise<T>): Promise<T> {
    const data = this.#data;
    const change = data.changes.then(async () => {
      const items = new Map(data.items);
      const value = await operation(transaction(items));
      data.items = items;
      return value;
    });
    data.changes = change.catch(() => {});
    return change;
  }

  async record(key: string): Promise<unknown> {
    return structuredClone(this.#data.records.get(key));
  }

  async setRecords(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void> {
    for (const [key, value] of structuredClone(entries)) {
      if (value === undefined) this.#data.records.delete(key);
      else this.#data.records.set(key, value);
    }
  }

  close(): void {}
}

function transaction(items: Map<string, StoredItem>): ItemsTransaction {
  return {
    get: async (id) => items.get(id),
    ids: async () => [...items.keys()],
    nextOrder: async () => ([...items.values()].at(-1)?.order ?? 0) + 1,
    put: async (item) => void items.set(item.id, item),
    delete: async (id) => void items.delete(id),
    clear: async () => items.clear(),
  };
}

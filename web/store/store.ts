// What the history needs of a store: db.ts keeps items in IndexedDB, memory.ts in memory.

import type { Item } from "./item.js";

/** A stored item. `order` keeps items without a time in the order in which they were added. */
export interface StoredItem extends Item {
  order: number;
}

/** Changes items. All changes of one transaction take effect or, if it throws, none. */
export interface ItemsTransaction {
  get(id: string): Promise<StoredItem | undefined>;
  ids(): Promise<string[]>;
  /** The order of an item that is added now. */
  nextOrder(): Promise<number>;
  /** Adds or replaces an item. It need not be awaited: a failure fails the transaction. */
  put(item: StoredItem): Promise<void>;
  delete(id: string): Promise<void>;
  clear(): Promise<void>;
}

/** Items, and small records that point at blobs. */
export interface Store {
  /** Whether the data stays when the page is closed. */
  readonly persistent: boolean;
  count(): Promise<number>;
  /** All items, in the order in which they were added. */
  all(): Promise<Item[]>;
  get(id: string): Promise<StoredItem | undefined>;
  change<T>(operation: (items: ItemsTransaction) => Promise<T>): Promise<T>;
  record(key: string): Promise<unknown>;
  /** Sets or removes records in one transaction. */
  setRecords(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void>;
  close(): void;
}

/** An item without what only the store needs. */
export function withoutOrder({ order: _, ...item }: StoredItem): Item {
  return item;
}

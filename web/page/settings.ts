// Small settings in localStorage, by the keys of keys.ts. In a frame of another site, the browser
// may refuse it: the settings then last until the page is closed.

const kept = new Map<string, string>();

function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined; // access throws a SecurityError
  }
}

export const settings = {
  get(key: string): string | undefined {
    return kept.get(key) ?? storage()?.getItem(key) ?? undefined;
  },
  set(key: string, value: string): void {
    try {
      storage()?.setItem(key, value);
      kept.delete(key);
    } catch {
      kept.set(key, value); // the storage is full
    }
    if (storage() === undefined) kept.set(key, value);
  },
  remove(key: string): void {
    storage()?.removeItem(key);
    kept.delete(key);
  },
  /** Removes all settings whose key begins with this. */
  removeAll(prefix: string): void {
    for (const key of [...kept.keys(), ...Object.keys(storage() ?? {})]) if (key.startsWith(prefix)) this.remove(key);
  },
};

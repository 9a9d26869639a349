// Small settings in localStorage. In a frame of another site, the browser may refuse it: the
// settings then last until the page is closed.

const prefix = "nextquill.";
const kept = new Map<string, string>();

/** "agreed": the model was downloaded before. "language": the language that the user chose. */
type Name = "agreed" | "language";

function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined; // access throws a SecurityError
  }
}

export const settings = {
  /** Whether the browser lets the page store anything. */
  get works(): boolean {
    return storage() !== undefined;
  },
  get(name: Name): string | null {
    return storage()?.getItem(prefix + name) ?? kept.get(name) ?? null;
  },
  set(name: Name, value: string): void {
    try {
      storage()?.setItem(prefix + name, value);
    } catch {
      // The storage is full.
    }
    kept.set(name, value);
  },
  remove(name: Name): void {
    storage()?.removeItem(prefix + name);
    kept.delete(name);
  },
};

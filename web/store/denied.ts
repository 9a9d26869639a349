// Pages that may not store data: frames of other sites in some browsers, sandboxed frames, and
// sites that the user does not allow to store data. The storage functions exist there, but fail.

/** Whether an error says that this page may not store data. */
export function isDenied(thrown: unknown): boolean {
  if (!(thrown instanceof DOMException)) return false;
  // Chromium names the error of a user's choice "UnknownError".
  return thrown.name === "SecurityError" || (thrown.name === "UnknownError" && /denied|denies/i.test(thrown.message));
}

/** Whether this page may not use IndexedDB. */
export async function databasesDenied(): Promise<boolean> {
  try {
    // Some browsers have no databases(), and some have no indexedDB where it is denied.
    if (globalThis.indexedDB === undefined || globalThis.indexedDB === null) return true;
    await indexedDB.databases?.();
    return false;
  } catch (thrown) {
    return isDenied(thrown);
  }
}

/** Whether this page may not store files. */
export async function filesDenied(): Promise<boolean> {
  try {
    await navigator.storage.getDirectory();
    return false;
  } catch (thrown) {
    return isDenied(thrown);
  }
}

/** Opens a channel to the other tabs; undefined where it is denied, as storage is. */
export function openChannel(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(name);
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    throw thrown;
  }
}

/**
 * Holds a lock while a task runs. Where locks are denied, storage is denied too, so that no other
 * tab can have the same data: the task then runs without the lock.
 */
export async function withLock<T>(
  name: string,
  options: LockOptions,
  task: (lock: Lock | null) => Promise<T>,
): Promise<T> {
  let began = false;
  try {
    return await navigator.locks.request(name, options, async (lock) => {
      began = true;
      return await task(lock);
    });
  } catch (thrown) {
    if (began || !isDenied(thrown)) throw thrown;
    return await task({ name, mode: "exclusive" });
  }
}

/** What the site uses and may use, in bytes. Zeros where the page may not store data. */
export async function siteStorage(): Promise<{ usage: number; quota: number; persisted: boolean }> {
  try {
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    return { usage, quota, persisted: await navigator.storage.persisted() };
  } catch {
    return { usage: 0, quota: 0, persisted: false };
  }
}

// The service worker's caches.

/** The names of the caches start with this; the version of the page follows. */
export const cachePrefix = "nextquill-page-";

/**
 * Deletes a cache, its entries first. Otherwise Chromium keeps the space of the entries in use
 * until it is closed.
 */
export async function deleteCache(name: string): Promise<void> {
  const cache = await caches.open(name);
  for (const entry of await cache.keys()) await cache.delete(entry, { ignoreVary: true });
  await caches.delete(name);
}

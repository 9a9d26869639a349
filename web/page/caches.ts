// The service worker's caches.

/** The names of the caches start with this; the version of the page follows. */
export const cachePrefix = "nextquill-page-";

/** The message to the service worker that all scripts of the page are needed later. */
export const keepMessage = "keep";

/**
 * Deletes a cache, its entries first. Otherwise Chromium keeps the space of the entries in use
 * until it is closed.
 */
export async function deleteCache(name: string): Promise<void> {
  const cache = await caches.open(name);
  for (const entry of await cache.keys()) await cache.delete(entry, { ignoreVary: true });
  await caches.delete(name);
}

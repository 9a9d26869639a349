// Removing caches so that their space is free at once.

/**
 * Removes a cache. Its entries go first: Chromium keeps the bytes of one that is removed whole, and counts them as used, until
 * the browser is closed.
 */
export async function removeCache(name: string): Promise<void> {
  const cache = await caches.open(name);
  for (const entry of await cache.keys()) await cache.delete(entry, { ignoreVary: true });
  await caches.delete(name);
}

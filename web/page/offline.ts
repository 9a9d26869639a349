// The service worker, with which later visits need no network.

import { urls } from "./assets.js";
import { cachePrefix, deleteCache } from "./caches.js";
import { downloadedKey, keyPrefix } from "./keys.js";

export { downloadedKey };

interface PolicyFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

// Under the site's Trusted Types, script URLs must come from this policy. It allows one URL only.
const policy = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes?.createPolicy("nextquill-page", {
  createScriptURL(url) {
    if (url !== urls.serviceWorker) throw new TypeError(`${url} is not a script of this page`);
    return url;
  },
});

/**
 * Installs it. Without one (private windows, plain HTTP) the page works, but needs the network next
 * time.
 */
export async function offline(): Promise<void> {
  try {
    await navigator.serviceWorker.register(policy?.createScriptURL(urls.serviceWorker) ?? urls.serviceWorker);
    await navigator.serviceWorker.ready;
  } catch (error) {
    console.info("NextQuill: offline use is not available:", error);
  }
}

/** Deletes the service worker and its caches. Returns the names of what is left. */
export async function deleteProgram(): Promise<string[]> {
  for (const key of Object.keys(localStorage)) if (key.startsWith(keyPrefix)) localStorage.removeItem(key);
  const mine = (name: string): boolean => name.startsWith(cachePrefix);
  if (!("serviceWorker" in navigator)) return [];
  await (await navigator.serviceWorker.getRegistration(new URL(".", document.baseURI).href))?.unregister();
  for (const name of (await caches.keys()).filter(mine)) await deleteCache(name);
  return (await caches.keys()).filter(mine);
}

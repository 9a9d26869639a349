// The service worker, through which a second visit needs no network.

import { urls } from "./assets.js";
import { removeCache } from "./caches.js";

/** Set in the browser's local storage when the person once agreed to fetch the model; from then on it opens with the page. */
export const agreed = "nextquill.agreed";

interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string };
}

// The site's policy takes script addresses from here only, and this gives one that the build fixed.
const policy = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes?.createPolicy("nextquill-page", {
  createScriptURL(url) {
    if (url !== urls.serviceWorker) throw new TypeError(`${url} is no script of this page`);
    return url;
  },
});

/** Installs it. Without one (private windows, plain http) the page works, and needs the network next time. */
export async function offline(): Promise<void> {
  try {
    await navigator.serviceWorker.register(policy?.createScriptURL(urls.serviceWorker) ?? urls.serviceWorker);
    await navigator.serviceWorker.ready;
  } catch (error) {
    console.info("NextQuill: no offline use:", error);
  }
}

/** Removes the service worker and what the page keeps beside the module, and gives what is left. */
export async function forgetProgram(): Promise<string[]> {
  localStorage.removeItem(agreed);
  const mine = (name: string): boolean => name.startsWith("nextquill-page-");
  if (!("serviceWorker" in navigator)) return [];
  await (await navigator.serviceWorker.getRegistration(new URL(".", document.baseURI).href))?.unregister();
  for (const name of (await caches.keys()).filter(mine)) await removeCache(name);
  return (await caches.keys()).filter(mine);
}

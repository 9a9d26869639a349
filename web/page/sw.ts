// The service worker. It caches the files of the page, so that later visits work without a network,
// and reports every request of the page's workers to the page. The module stores the weights, not
// the service worker.

import { cachePrefix, deleteCache, keepMessage } from "./caches.js";

/**
 * Replaced by cmd/buildwasm/site.go: the files of the page, the scripts that it fetches when they
 * are needed, and a version that changes with them.
 */
declare const SHELL: readonly string[];
declare const LAZY: readonly string[];
declare const VERSION: string;
declare const self: ServiceWorkerGlobalScope;

const cacheName = cachePrefix + VERSION;
const scope = self.registration.scope;
const shell = new Set(SHELL.map((name) => new URL(name, scope).href));

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(cacheName).then((cache) =>
      // The browser may have an old version of files without a hash in their names.
      cache.addAll(
        [...shell].map((url) => {
          return new Request(url, { cache: url.includes("/assets/") ? "default" : "no-cache" });
        }),
      ),
    ),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith(cachePrefix) && name !== cacheName) await deleteCache(name);
      }
      await self.clients.claim();
    })(),
  );
});

// The page has opened the model: later visits need the other scripts, too. The page may have
// fetched them before this worker controlled it.
self.addEventListener("message", (event) => {
  if (event.data !== keepMessage) return;
  event.waitUntil(
    caches.open(cacheName).then(async (cache) => {
      for (const name of LAZY) {
        if ((await cache.match(new URL(name, scope))) === undefined) await cache.add(new URL(name, scope));
      }
    }),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  event.waitUntil(report(request.url, event.clientId));
  if (request.method !== "GET" || !request.url.startsWith(scope) || request.headers.has("range")) return;
  if (request.url.includes("/assets/")) event.respondWith(fromCache(request));
  else if (request.mode === "navigate" || shell.has(request.url)) event.respondWith(fromNetwork(request));
});

/**
 * For files whose names change with their content. Files outside the shell, such as the sample, are
 * cached on first use.
 */
async function fromCache(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request, { ignoreVary: true });
  if (kept !== undefined) return kept;
  const answer = await fetch(request);
  // Without space it is fetched again next time.
  if (answer.ok) await cache.put(request, answer.clone()).catch(() => undefined);
  return answer;
}

/** For files with fixed names: the cache is only used without a network. */
async function fromNetwork(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const cache = await caches.open(cacheName);
    const kept = await cache.match(request.mode === "navigate" ? scope : request, { ignoreVary: true });
    if (kept !== undefined) return kept;
    throw error;
  }
}

// A page can observe its own requests. Only the service worker sees those of its workers.
async function report(url: string, client: string): Promise<void> {
  const from = client === "" ? undefined : await self.clients.get(client);
  if (from === undefined || from.type === "window") return;
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage({ requested: url });
}

// The service worker: keeps the page's own files, so that a second visit works without a network, and tells the page of
// every request that its workers make. Weights are not kept here: the module keeps them, checked, on the device.

import { removeCache } from "./caches.js";

/** What cmd/buildwasm/site.go puts in: the files of the page, and a name that changes with any of them. */
declare const SHELL: readonly string[];
declare const VERSION: string;
declare const self: ServiceWorkerGlobalScope;

const prefix = "nextquill-page-";
const cacheName = prefix + VERSION;
const scope = self.registration.scope;
const shell = new Set(SHELL.map((name) => new URL(name, scope).href));

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(cacheName).then((cache) =>
      // Names without a hash may have old content in the browser's cache.
      cache.addAll([...shell].map((url) => new Request(url, { cache: url.includes("/assets/") ? "default" : "no-cache" })))),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith(prefix) && name !== cacheName) await removeCache(name);
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  event.waitUntil(report(request.url, event.clientId));
  if (request.method !== "GET" || !request.url.startsWith(scope) || request.headers.has("range")) return;
  if (request.url.includes("/assets/")) event.respondWith(fromCache(request));
  else if (request.mode === "navigate" || shell.has(request.url)) event.respondWith(fromNetwork(request));
});

/** For names that change with their content. What is not of the shell, the sample, is kept from the first time that it is asked for. */
async function fromCache(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request, { ignoreVary: true });
  if (kept !== undefined) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone()).catch(() => undefined); // without room it is fetched again
  return answer;
}

/** For names that stay: what is kept only stands in when there is no network. */
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

// A page sees its own requests; those of its workers only we see.
async function report(url: string, client: string): Promise<void> {
  const from = client === "" ? undefined : await self.clients.get(client);
  if (from === undefined || from.type === "window") return;
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage({ requested: url });
}

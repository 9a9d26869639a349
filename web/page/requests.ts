// The line that counts network requests. A PerformanceObserver sees those of the page; the service
// worker reports those of the worker.

import { h } from "../ui/dom.js";
import { serviceWorkers } from "./offline.js";
import { text } from "./strings.js";

const maxShown = 5;

/** Counts the requests of this page since the last call of restart(). */
export class Requests {
  readonly #line: HTMLElement;
  #seen: string[] = [];
  #since = text.sinceLoad;

  constructor(line: HTMLElement) {
    this.#line = line;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#add(entry.name);
    }).observe({ type: "resource", buffered: false });
    serviceWorkers()?.addEventListener("message", (event: MessageEvent<unknown>) => {
      const { data } = event;
      if (typeof data !== "object" || data === null || !("requested" in data)) return;
      if (typeof data.requested === "string") this.#add(data.requested);
    });
    this.#draw();
  }

  restart(since: string): void {
    this.#seen = [];
    this.#since = since;
    this.#draw();
  }

  #add(url: string): void {
    // data: and blob: URLs cause no network request.
    if (!/^https?:/.test(url)) return;
    this.#seen.push(url);
    this.#draw();
  }

  #draw(): void {
    const n = this.#seen.length;
    this.#line.dataset.count = String(n);
    this.#line.replaceChildren(h("b", {}, text.requests(n)), text.sinceText(this.#since));
    if (n === 0) return;
    this.#line.append(h("span", { class: "quiet" }, text.latest(this.#seen.slice(-maxShown).map(shortURL).join(", "))));
  }
}

/** A URL relative to this page, or the complete URL if it is elsewhere. */
function shortURL(url: string): string {
  const here = new URL(".", document.baseURI).href;
  return url.startsWith(here) ? url.slice(here.length) || "this page" : url;
}

// The line that counts requests. The page's own are seen by the browser's observer; those of the worker it starts, by the
// service worker, which stands between both and the network.

import { h } from "./dom.js";
import { plural } from "./format.js";

const shown = 5;

/** Counts what this page has asked of the network since the last call of restart. */
export class Requests {
  readonly #line: HTMLElement;
  #seen: string[] = [];
  #since = "this page loaded";

  constructor(line: HTMLElement) {
    this.#line = line;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#add(entry.name);
    }).observe({ type: "resource", buffered: false });
    navigator.serviceWorker?.addEventListener("message", (event: MessageEvent<unknown>) => {
      const said = event.data;
      if (typeof said === "object" && said !== null && "requested" in said && typeof said.requested === "string") this.#add(said.requested);
    });
    this.#draw();
  }

  restart(since: string): void {
    this.#seen = [];
    this.#since = since;
    this.#draw();
  }

  #add(url: string): void {
    // data: and blob: addresses are in this browser already.
    if (!/^https?:/.test(url)) return;
    this.#seen.push(url);
    this.#draw();
  }

  #draw(): void {
    const n = this.#seen.length;
    this.#line.dataset["count"] = String(n);
    this.#line.replaceChildren(h("b", {}, plural(n, "request")), ` since ${this.#since}.`);
    if (n > 0) this.#line.append(h("span", { class: "quiet" }, ` Latest: ${this.#seen.slice(-shown).map(short).join(", ")}`));
  }
}

/** An address as one reads it from here; of another host the whole. */
function short(url: string): string {
  const here = new URL(".", document.baseURI).href;
  return url.startsWith(here) ? url.slice(here.length) || "this page" : url;
}

// What the parts of the page share: the history, the opened model, and who is at work.

import { Fault } from "../fault.js";
import { openHistory, NextQuill, type History, type Item, type Progress } from "../module/nextquill.js";
import { guestSHA256, urls } from "./assets.js";
import { button, byId, h } from "./dom.js";

/** Fires "items" when the texts changed, "ready" when the model opened or closed, "busy" when a job began, paused or ended. */
export class App extends EventTarget {
  history: History = openHistory();
  /** In order of time. */
  items: readonly Item[] = [];
  model: NextQuill | undefined;
  /** There is no GPU, so there can be no model. */
  unable = false;
  #jobs = 0;
  #held = false;
  readonly #alert = byId("alert", HTMLElement);

  /** A job is running: one worker does one thing at a time. While learning is paused, there is time for another. */
  get busy(): boolean {
    return this.#jobs > (this.#held ? 1 : 0);
  }

  /** No job is running, not even one that is paused. */
  get idle(): boolean {
    return this.#jobs === 0;
  }

  /** Why the model can do nothing now, in words for a person; empty when it can. */
  get lacks(): string {
    if (this.unable) return "Needs a GPU.";
    if (this.model === undefined) return "Fetch the model first.";
    return this.busy ? "The model is at work." : "";
  }

  /** Says that the job is paused, or goes on. */
  hold(held: boolean): void {
    this.#held = held;
    this.dispatchEvent(new Event("busy"));
  }

  /** Reads the texts, now and whenever they change, here or in another tab. */
  async start(): Promise<void> {
    const { history } = this;
    history.addEventListener("change", () => void this.watch(() => this.#read()));
    await this.#read();
  }

  async #read(): Promise<void> {
    this.items = await this.history.list();
    this.dispatchEvent(new Event("items"));
  }

  /** Fetches what is missing of the model, and opens it. */
  async open(onProgress: (event: Progress) => void): Promise<void> {
    this.model = await NextQuill.open({ model: urls.model, worker: urls.worker, guest: urls.guest, guestSHA256, onProgress });
    this.dispatchEvent(new Event("ready"));
  }

  /** Closes what holds on to storage, runs a task without it, and starts anew. */
  async without(task: () => Promise<void>): Promise<void> {
    const model = this.model;
    this.model = undefined;
    this.dispatchEvent(new Event("ready"));
    await model?.dispose();
    this.history.close();
    try {
      await task();
    } finally {
      this.history = openHistory();
      await this.start();
    }
  }

  /** Runs a job of the model's. What goes wrong is shown, and false is given; so it is when the person stopped it. */
  async work(job: (model: NextQuill) => Promise<void>): Promise<boolean> {
    const model = this.model;
    if (model === undefined || this.busy) return false;
    this.#count(1);
    try {
      return await this.guard(() => job(model));
    } finally {
      this.#count(-1);
    }
  }

  #count(change: 1 | -1): void {
    this.#jobs += change;
    this.dispatchEvent(new Event("busy"));
  }

  /** Runs what the person asked for, and shows what goes wrong. What was wrong before is no longer shown. */
  async guard(task: () => Promise<void>): Promise<boolean> {
    this.#alert.hidden = true;
    return await this.watch(task);
  }

  /** Runs what nobody asked for, such as drawing anew, and shows what goes wrong. */
  async watch(task: () => Promise<void>): Promise<boolean> {
    try {
      await task();
      return true;
    } catch (error) {
      if (!(error instanceof Fault && error.kind === "cancelled")) this.complain(error);
      return false;
    }
  }

  /** Says what is wrong and what to do. */
  complain(error: unknown): void {
    const { sentence, remedy } = explain(error);
    this.#alert.hidden = false;
    this.#alert.replaceChildren(h("p", {}, sentence, ...(remedy === "" ? [] : ["\n", h("span", { class: "quiet" }, remedy)])),
      button("×", () => (this.#alert.hidden = true), "close", "Close"));
  }
}

/** An error for a person: what is wrong, and the remedy nearest to its root. */
export function explain(error: unknown): { sentence: string; remedy: string } {
  if (!(error instanceof Fault)) return { sentence: error instanceof Error ? error.message : String(error), remedy: "" };
  const inner = error.cause === undefined ? undefined : explain(error.cause);
  // The person sees which text they edit; what begins with a file's name keeps its letters.
  const [where, field] = error.where === "item" ? ["", ""] : [error.where, error.field];
  const parts = [where, field, error.detail].filter((p) => p !== "").join(": ");
  return {
    sentence: (where === "" ? sentenceCase(parts) : parts) + (error.limit === "" ? "" : ` (limit ${error.limit})`) + (inner === undefined ? "." : `: ${inner.sentence}`),
    remedy: inner?.remedy || (error.remedy === "" ? "" : `${sentenceCase(error.remedy)}.`),
  };
}

function sentenceCase(s: string): string {
  return s.charAt(0).toUpperCase() + s.slice(1);
}

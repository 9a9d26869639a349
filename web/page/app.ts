// The state that the parts of the page share: the history, the open model, and the running jobs.

import { Fault } from "../fault.js";
import {
  type History,
  type Item,
  type ModelSource,
  NextQuill,
  openHistory,
  type Progress,
} from "../module/nextquill.js";
import { button, h } from "../ui/dom.js";
import { explain } from "../ui/faultText.js";
import { guestSHA256, importSource, urls } from "./assets.js";
import { byId } from "./dom.js";
import { chosenKey, chosenModel } from "./keys.js";

/**
 * Fires "items" when the texts change, "ready" when the model opens or closes, "busy" when a job
 * starts, pauses or ends, "closing" before everything may be deleted.
 */
export class App extends EventTarget {
  history: History = openHistory(importSource);
  /** The texts, by time. */
  items: readonly Item[] = [];
  model: NextQuill | undefined;
  /** How many texts to learn from, the newest ones; undefined for all. */
  maxItems: number | undefined;
  /** Whether there is no GPU, and therefore no model. */
  noGPU = false;
  #jobs = 0;
  #paused = false;
  readonly #alert = byId("alert", HTMLElement);

  /**
   * Whether a job is running. The model does one job at a time, but another one while training is
   * paused.
   */
  get busy(): boolean {
    return this.#jobs > (this.#paused ? 1 : 0);
  }

  /** Whether there is no job, not even a paused one. */
  get idle(): boolean {
    return this.#jobs === 0;
  }

  /** Why the model cannot be used now, as a sentence; "" if it can. */
  get unavailable(): string {
    if (this.noGPU) return "Needs a GPU.";
    if (this.model === undefined) return "Download the model first.";
    return this.busy ? "The model is busy." : "";
  }

  /** Reports that the job is paused or continues. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.dispatchEvent(new Event("busy"));
  }

  /** Reads the texts now and when they change, in this tab or another. */
  async start(): Promise<void> {
    const { history } = this;
    history.addEventListener("change", () => void this.watch(() => this.#read()));
    history.addEventListener("forgotten", () => {
      if (this.model !== undefined) return; // it says so itself, when its worker has ended
      this.dispatchEvent(new Event("closing"));
      this.items = [];
      this.dispatchEvent(new Event("items"));
      this.#sayForgotten();
    });
    await this.#read();
  }

  async #read(): Promise<void> {
    this.items = await this.history.list();
    this.dispatchEvent(new Event("items"));
  }

  /** Downloads the missing files of a model, by default the chosen one, and opens it. */
  async open(onProgress: (event: Progress) => void, model: ModelSource = chosenModel() ?? urls.model): Promise<void> {
    const { worker, guest } = urls;
    const options = { model, worker, guest, guestSHA256, onProgress, ...importSource };
    const opened = await NextQuill.open(options).catch((thrown: unknown) => {
      throw model === chosenModel() ? unstored(thrown) : thrown;
    });
    opened.addEventListener("forgotten", () => void this.#forgotten(opened));
    this.model = opened;
    this.dispatchEvent(new Event("ready"));
  }

  // Another tab has deleted everything: shows what is left, which is nothing.
  async #forgotten(model: NextQuill): Promise<void> {
    if (this.model !== model) return;
    await this.whileClosed(async () => {});
    this.#sayForgotten();
  }

  #sayForgotten(): void {
    this.showError(new Error("Another tab of this page has deleted everything."));
  }

  /** Closes the model and the history, runs a task, and opens the history again. */
  async whileClosed(task: () => Promise<void>): Promise<void> {
    const model = this.model;
    this.model = undefined;
    this.dispatchEvent(new Event("closing"));
    this.dispatchEvent(new Event("ready"));
    await model?.dispose();
    this.history.close();
    try {
      await task();
    } finally {
      this.history = openHistory(importSource);
      await this.start();
    }
  }

  /** Runs a job with the model. Shows its error. Returns false if it failed or was cancelled. */
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

  /** Runs an action of the user and shows its error. Hides the error before. */
  async guard(task: () => Promise<void>): Promise<boolean> {
    this.#alert.hidden = true;
    return await this.watch(task);
  }

  /** Runs a background task, such as an update of the page, and shows its error. */
  async watch(task: () => Promise<void>): Promise<boolean> {
    try {
      await task();
      return true;
    } catch (error) {
      if (!(error instanceof Fault && error.kind === "cancelled")) this.showError(error);
      return false;
    }
  }

  /** Shows an error and what to do about it. */
  showError(error: unknown): void {
    const { sentence, remedy } = explain(error);
    this.#alert.hidden = false;
    const advice = remedy === "" ? [] : ["\n", h("span", { class: "quiet" }, remedy)];
    const close = button("×", () => (this.#alert.hidden = true), { class: "close", "aria-label": "Close" });
    this.#alert.replaceChildren(h("p", {}, sentence, ...advice), close);
  }
}

// The chosen model cannot be opened if the browser has deleted it: this page may not download it
// again. Returns what to show, and lets the next attempt open the embedded model.
function unstored(thrown: unknown): unknown {
  if (!(thrown instanceof Fault) || !["missing", "unsupported"].includes(thrown.kind)) return thrown;
  localStorage.removeItem(chosenKey);
  return new Error(
    "The chosen model is not stored in this browser any more. Use the small model, or choose the other one again.",
  );
}

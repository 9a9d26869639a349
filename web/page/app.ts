// The state that the parts of the page share: the history, the open model, and the running jobs.

import {
  Fault,
  type History,
  type Item,
  type ModelSource,
  type NextQuill,
  openHistory,
  type Progress,
} from "../module/nextquill.js";
import { button } from "../ui/dom.js";
import { guestSHA256, importSource, sizes, urls } from "./assets.js";
import { byId } from "./dom.js";
import { errorText } from "./errors.js";
import { chosenKey, chosenModel, downloadedKey } from "./keys.js";
import { keepScripts } from "./offline.js";
import { settings } from "./settings.js";
import { text } from "./strings.js";

/** The texts that learning needs at least. */
export const minTexts = 4;

/**
 * How far the download of the model is. Fired as "download"; `progress` is undefined at its end.
 */
export class DownloadEvent extends Event {
  constructor(readonly progress: Progress | undefined) {
    super("download");
  }
}

/**
 * Fires "items" when the texts change, "ready" when the model opens or closes or the graphics card
 * is known, "busy" when a job starts, pauses or ends, "download" while the model is downloaded,
 * "step" when a step of the page is done, "closing" before everything may be deleted.
 */
export class App extends EventTarget {
  history: History = openHistory(importSource);
  /** The texts, by time. */
  items: readonly Item[] = [];
  model: NextQuill | undefined;
  /** How many texts to learn from, the newest ones; undefined for all. */
  maxItems: number | undefined;
  /** Whether there is a graphics card; undefined until that is known. */
  gpu: boolean | undefined;
  /** Whether the model is stored in this browser. */
  downloaded = settings.get(downloadedKey) !== undefined;
  /** Whether a run is training in this tab. */
  learning = false;
  /** The steps that are done: the model has learnt; a draft is written; a text is explained. */
  readonly done = { learnt: false, written: false, explained: false };
  #jobs = 0;
  #paused = false;
  #opening: Promise<NextQuill> | undefined;
  #reading: Promise<unknown> = Promise.resolve(); // of the texts after the latest change
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
    if (this.gpu === undefined) return text.looking;
    if (!this.gpu) return text.needsGPU;
    // A run pauses while a draft is written or a text explained.
    return this.#jobs > (this.learning ? 1 : 0) ? text.busy : "";
  }

  /** The label of a button that needs the model, with the size of the download if it starts one. */
  label(label: string): string {
    const ready = this.model !== undefined || this.downloaded || this.gpu === false;
    return ready ? label : text.withDownload(label, sizes.model);
  }

  /** Reports that the job is paused or continues. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.dispatchEvent(new Event("busy"));
  }

  /** Marks a step as done, or as not done. */
  mark(step: keyof App["done"], done = true): void {
    if (this.done[step] === done) return;
    this.done[step] = done;
    this.dispatchEvent(new Event("step"));
  }

  /** Reads the texts now and when they change, in this tab or another. */
  async start(): Promise<void> {
    const { history } = this;
    history.addEventListener("change", () => (this.#reading = this.watch(() => this.#read())));
    history.addEventListener("forgotten", () => {
      if (this.model !== undefined) return; // it says so itself, when its worker has ended
      this.dispatchEvent(new Event("closing"));
      this.items = [];
      this.dispatchEvent(new Event("items"));
      this.#sayForgotten();
    });
    await this.#read();
  }

  /** Changes the texts. Resolves when the page shows the change. */
  async change<T>(operation: (history: History) => Promise<T>): Promise<T> {
    const result = await operation(this.history);
    await this.#reading;
    return result;
  }

  async #read(): Promise<void> {
    this.items = await this.history.list();
    this.dispatchEvent(new Event("items"));
  }

  /** Opens a model, by default the chosen one, and downloads what is missing. */
  async open(source: ModelSource = chosenModel() ?? urls.model): Promise<NextQuill> {
    if (this.model !== undefined) return this.model;
    this.#opening ??= this.#open(source).finally(() => {
      this.#opening = undefined;
      this.dispatchEvent(new DownloadEvent(undefined));
    });
    return await this.#opening;
  }

  async #open(model: ModelSource): Promise<NextQuill> {
    const onProgress = (progress: Progress): void => void this.dispatchEvent(new DownloadEvent(progress));
    // The charts come with the module: later, nothing may be requested.
    const [{ NextQuill }] = await Promise.all([import("../module/nextquill.js"), import("./chart.js")]);
    const { worker, guest } = urls;
    const options = { model, worker, guest, guestSHA256, onProgress, ...importSource };
    const opened = await NextQuill.open(options).catch((thrown: unknown) => {
      throw model === chosenModel() ? unstored(thrown) : thrown;
    });
    opened.addEventListener("forgotten", () => void this.#forgotten(opened));
    this.model = opened;
    this.downloaded = true;
    settings.set(downloadedKey, "1");
    void keepScripts();
    await this.#findLearnt();
    this.dispatchEvent(new Event("ready"));
    return opened;
  }

  async #findLearnt(): Promise<void> {
    if (this.model !== undefined) this.mark("learnt", (await this.model.adapter.info()) !== undefined);
  }

  // Another tab has deleted everything: shows what is left, which is nothing.
  async #forgotten(model: NextQuill): Promise<void> {
    if (this.model !== model) return;
    await this.whileClosed(async () => {});
    this.#sayForgotten();
  }

  #sayForgotten(): void {
    this.showError(new Error(text.forgottenElsewhere));
  }

  /** Closes the model and the history, runs a task, and opens the history again. */
  async whileClosed(task: () => Promise<void>): Promise<void> {
    const model = this.model;
    this.model = undefined;
    this.downloaded = false;
    for (const step of ["learnt", "written", "explained"] as const) this.mark(step, false);
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

  /**
   * Runs a job with the model, which it opens first. Shows its error. Returns false if it failed or
   * was cancelled.
   */
  async work(job: (model: NextQuill) => Promise<void>): Promise<boolean> {
    if (this.unavailable !== "") return false;
    this.#count(1);
    try {
      return await this.guard(async () => job(await this.open()));
    } finally {
      this.#count(-1);
      if (this.idle) await this.watch(() => this.#findLearnt());
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
    this.#alert.hidden = false;
    const close = button("×", () => (this.#alert.hidden = true), { class: "close", "aria-label": text.close });
    this.#alert.replaceChildren(errorText(error), close);
  }
}

// The chosen model cannot be opened if the browser has deleted it: this page may not download it
// again. Returns what to show, and lets the next attempt open the embedded model.
function unstored(thrown: unknown): unknown {
  if (!(thrown instanceof Fault) || !["missing", "unsupported"].includes(thrown.kind)) return thrown;
  settings.remove(chosenKey);
  return new Error(text.notStored);
}

// The NextQuill module: a small language model that is trained to write like its user, in the
// browser. All data stays on the device.
//
//	const nq = await NextQuill.open({ model: "model/" });
//	await nq.history.import(file, { me: "ann@example.org" });
//	for await (const event of nq.personalize()) …
//	for await (const piece of nq.write({ context: "lunch on Friday" })) …

import { type DeviceInfo, decodeEvent, decodeResult, type LoadParams, type Methods } from "../api.gen.js";
import { aborted, Fault } from "../fault.js";
import { GuestClient, type Event as GuestEvent } from "../host/client.js";
import { forgetMessage, storeName } from "../store/db.js";
import { openChannel } from "../store/denied.js";
import { type History, openHistory } from "../store/history.js";
import { Adapters } from "./adapters.js";
import { checkEvaluate, checkExplain, checkOpen, checkPersonalize, checkWrite } from "./check.js";
import { fetchModel, lookUp, type Model } from "./download.js";
import { Draft, ResumableText, randomSeed, samplingOf, type WriteOptions } from "./draft.js";
import { type Estimate, estimate as estimateOf } from "./estimate.js";
import { type EvaluateOptions, type Evaluation, evaluationOf, itemsOf, withTexts } from "./evaluate.js";
import { type ExplainOptions, type Explanation, explanationOf } from "./explain.js";
import { type Forgotten, forget } from "./forget.js";
import { KeptModel, keepSeconds } from "./kept.js";
import type { ModelSource } from "./manifest.js";
import type { OpenOptions, PersonalizeOptions } from "./options.js";
import { type RunRecord, runKey, type Unfinished } from "./records.js";
import type { HubOptions } from "./remote.js";
import { isTraining, lost, Run } from "./run.js";
import { aboutFields, promptSource } from "./source.js";
import { measureSpeed, type Speed } from "./speed.js";

export { type Base, type DeviceInfo, type Preset, presets } from "../api.gen.js";
export { type ErrorInfo, Fault, type FaultKind, type FaultParts } from "../fault.js";
export type {
  FileColumn,
  ImportFiles,
  ImportOptions,
  ImportProgress,
  ImportSource,
  NamedFile,
} from "../import/options.js";
export {
  FileImport,
  type FoundTexts,
  type ImportRemark,
  type ImportSender,
  type ImportTable,
  SendersFault,
} from "../import/session.js";
export { type Added, type AddProgress, History, type ImportResult, openHistory, type Patch } from "../store/history.js";
export type { ContextInput, Field, Item, NewItem } from "../store/item.js";
export type { Adapters, KeptAdapter } from "./adapters.js";
export { checkGPU, type GPUCheck } from "./checkGPU.js";
export type { Comparison } from "./compare.js";
export type { Model } from "./download.js";
export { Draft, type WriteOptions, type WriteResult } from "./draft.js";
export type { Estimate } from "./estimate.js";
export type { EvaluateOptions, Evaluation } from "./evaluate.js";
export type {
  CheckpointEvent,
  EvalEvent,
  Phase,
  ProgressEvent,
  RunEvent,
  RunState,
  StageEvent,
  StateEvent,
  StepEvent,
  TextsEvent,
} from "./events.js";
export type { ExplainOptions, Explanation, TokenCause } from "./explain.js";
export { type Forgotten, forget } from "./forget.js";
export type { Manifest, ModelFile, ModelSource, Shard } from "./manifest.js";
export type { LoRAOptions, OpenOptions, PersonalizeOptions, TrainingOptions } from "./options.js";
export type { FileProgress, OnProgress, Progress } from "./progress.js";
export type { AdapterInfo, Unfinished } from "./records.js";
export type { HubOptions } from "./remote.js";
export { Run, type RunResult } from "./run.js";
export type { About } from "./source.js";
export type { Speed } from "./speed.js";

/**
 * Estimates the sizes of a model without opening it. Needs no GPU. `hub` says which files of a
 * repository.
 */
export async function estimate(model: ModelSource, signal?: AbortSignal, hub: HubOptions = {}): Promise<Estimate> {
  const history = openHistory();
  try {
    const { plan, kept } = await lookUp({ ...hub, model }, history, signal);
    return await estimateOf(plan, kept !== undefined);
  } catch (thrown) {
    throw aborted(signal, thrown);
  } finally {
    history.close();
  }
}

/** Fired when the GPU or the worker is lost ("lost"), and when it was opened again ("reopened"). */
export class LossEvent extends Event {
  constructor(
    type: "lost" | "reopened",
    /** The reason of the loss. */ readonly fault: Fault,
  ) {
    super(type);
  }
}

/**
 * A model on this device's GPU, with the user's texts. Methods throw Faults: `kind` says what sort
 * of error it is, `message` what is wrong, where, and what to do. Instances and tabs share what is
 * stored. Each instance has its own worker and GPU memory, which dispose() frees.
 *
 * If the GPU is lost (driver reset, standby), the current or the next call opens it again: a run
 * resumes from its newest checkpoint, drafts and explanations are repeated. The events "lost" and
 * "reopened", which are LossEvents, report it. If another tab deletes everything, the instance is
 * disposed, and the event "forgotten" reports that.
 */
export class NextQuill extends EventTarget {
  /** The user's texts. openHistory gives access to them without a GPU. */
  readonly history: History;
  /** The user's adapters. */
  readonly adapter: Adapters;
  /** The model. */
  readonly model: Model;

  readonly #options: OpenOptions;
  readonly #channel: BroadcastChannel | undefined;
  #client: Promise<GuestClient>;
  #loaded: GuestClient | undefined; // the client in which load() keeps the model on the GPU
  #lost: Fault | undefined; // why the client is unusable, until another one is open
  #run: Run | undefined;
  #disposed = false;
  readonly #kept: KeptModel;
  // The running calls, which dispose() cancels.
  readonly #calls = new Set<AbortController>();

  private constructor(options: OpenOptions, history: History, client: Promise<GuestClient>, model: Model) {
    super();
    this.#options = options;
    this.history = history;
    this.#client = client;
    this.model = model;
    this.#kept = new KeptModel(options.keep ?? keepSeconds, () => void this.#freeIdle());
    this.adapter = new Adapters({
      model,
      history,
      client: () => this.#open(),
      check: (folder) => this.#checkAdapter(folder),
      idle: (where) => this.#checkIdle(where),
    });
    this.#channel = openChannel(storeName);
    this.#channel?.addEventListener("message", ({ data }) => {
      if (data === forgetMessage) this.#closeAtOnce();
    });
  }

  /**
   * Opens a model: starts the worker and the GPU, downloads missing files, and verifies the
   * checksum of every file. Throws "no-adapter" without WebGPU, "missing" if a download fails,
   * "mismatch" for a wrong checksum, "storage" if the storage is full. If the signal aborts, throws
   * its reason, or "cancelled" if it has none.
   */
  static async open(options: OpenOptions): Promise<NextQuill> {
    checkOpen(options);
    const history = openHistory(options);
    let created: NextQuill | undefined;
    const client = openClient(options, options.signal, (why) => {
      if (created !== undefined) created.#lose(why);
    });
    // Records that point at blobs in memory must end with them.
    client.then(
      (opened) => opened.persistent || history.keepRecordsInMemory(),
      () => {}, // awaited below
    );
    try {
      const model = await fetchModel(options, client, history, options.onProgress, options.signal);
      created = new NextQuill(options, history, client, model);
      return created;
    } catch (thrown) {
      history.close();
      await client.then(
        (s) => s.close(),
        () => {},
      );
      throw aborted(options.signal, options.signal?.aborted ? thrown : Fault.from(thrown, "internal"));
    }
  }

  /**
   * Whether texts, training and model stay when the page is closed. They do not in a page that may
   * not store data, such as one in a frame of another site in some browsers: all is in memory then,
   * and a loss of the GPU ends the instance.
   */
  async persistent(): Promise<boolean> {
    return (await this.#open()).persistent && (await this.history.persistent());
  }

  /** The GPU of this instance; sizes in bytes. */
  async gpu(): Promise<DeviceInfo> {
    return (await this.#open()).device;
  }

  /**
   * Trains an adapter on the history as it is now. Starts at once: iterate over the run to get its
   * events, await `result`. After a reload or a crash, the run can be resumed from its newest
   * checkpoint; a loss of the GPU is handled. Rejects with "busy" if this model is being trained
   * already, "missing" with fewer than two texts, "device-limit" if the GPU is too small, "nan" if
   * the training diverges, "storage" if the storage is full.
   */
  personalize(options: PersonalizeOptions = {}): Run {
    checkPersonalize(options);
    this.#checkIdle("personalize");
    void persist();
    const run = new Run(
      {
        model: this.model,
        history: this.history,
        adapter: this.adapter,
        base: this.#options.base,
        client: () => this.#open(),
        reopen: (lost, why) => this.#reopen(lost, why),
      },
      options,
    );
    this.#run = run;
    return run;
  }

  /** The unfinished run of an earlier visit, if any. */
  async unfinished(): Promise<Unfinished | undefined> {
    const record = await this.history.record<RunRecord>(runKey(this.model));
    if (record === undefined) return undefined;
    const { preset, epochs, items, step, steps, phase, made } = record;
    const active = await isTraining(this.model);
    return { preset, epochs, items, step, steps, phase, made, active };
  }

  /**
   * Writes a text in the user's style: with the current adapter, if there is one, and with texts of
   * the history in the prompt. Starts at once. If a run is training in this instance, it pauses
   * until the text is written.
   */
  write(options: WriteOptions = {}): Draft {
    const { plain = false, context, signal } = Object(options) as WriteOptions;
    return new Draft(
      async (onText, stop) => {
        checkWrite(options);
        this.#checkIdle("write");
        const seed = options.seed ?? randomSeed();
        const text = new ResumableText(onText);
        const onEvent = (event: GuestEvent) => {
          if (event.event === "token") text.take(decodeEvent.token(event, "event token", "").text);
        };
        const params = async (client: GuestClient) => {
          const { items, params } = await promptSource(client, this.history, !plain);
          return {
            base: this.#options.base,
            model: this.model.folder,
            keep: this.#kept.on,
            adapter: plain ? "" : await this.adapter.folder(options.adapter),
            ...params,
            no_history: plain,
            context: aboutFields(context, items),
            sampling: samplingOf(options, seed),
          };
        };
        const result = await this.#during(() => this.#call("write", stop, params, onEvent, () => text.again()));
        if (text.broken !== undefined) throw text.broken;
        return { ...result, seed };
      },
      typeof signal?.addEventListener === "function" ? signal : undefined,
    );
  }

  /**
   * Explains a text: the data-side causal effect of the history on each token, and which texts of
   * the history caused it. If a run is training in this instance, it pauses meanwhile.
   */
  async explain(options: ExplainOptions): Promise<Explanation> {
    checkExplain(options);
    this.#checkIdle("explain");
    let history: Parameters<typeof explanationOf>[1] = [];
    const params = async (client: GuestClient) => {
      const { items, params } = await promptSource(client, this.history, true, options.text);
      history = items;
      return {
        base: this.#options.base,
        model: this.model.folder,
        keep: this.#kept.on,
        adapter: options.plain ? "" : await this.adapter.folder(options.adapter),
        ...params,
        context: aboutFields(options.context, items),
        text: options.text.toWellFormed(),
        item: -1,
        influence: options.influence ?? true,
      };
    };
    const result = await this.#during(() => this.#call("explain", options.signal, params));
    return explanationOf(result, history);
  }

  /**
   * Tests the model, with the current adapter and the history in the prompt, on texts that it was
   * not trained on. Texts that are in the history are left out. Throws "busy" while a run is
   * training in this instance, "missing" if no text is left.
   */
  async evaluate(options: EvaluateOptions): Promise<Evaluation> {
    checkEvaluate(options);
    this.#checkIdle("evaluate");
    const { plain = false, signal } = options;
    const items = await itemsOf(options.texts);
    return await withTexts(await this.#open(), items, async (heldout) => {
      return evaluationOf(
        await this.#kept.during(() =>
          this.#call("evaluate", signal, async (client) => {
            // The plain model gets the history too, so that the same texts are left out for both.
            const { items, params } = await promptSource(client, this.history, true);
            return {
              base: this.#options.base,
              model: this.model.folder,
              keep: this.#kept.on,
              adapter: plain ? "" : await this.adapter.folder(),
              retrieval: {},
              no_history: plain || items.length === 0,
              source: { ...params.source, heldout },
            };
          }),
        ),
      );
    });
  }

  /**
   * Keeps the model and all adapters on the GPU, so that calls start at once and can switch between
   * adapters. This needs GPU memory of the model's size until unload() or dispose(), also without
   * calls. Call it again after adapters were added. Throws "busy" while a run is active in this
   * instance.
   */
  async load(signal?: AbortSignal): Promise<void> {
    this.#checkIdle("load");
    await this.#call("load", signal, async () => await this.#loadParams());
    this.#loaded = await this.#open();
  }

  /** Frees the GPU memory that load() or a call holds. */
  async unload(): Promise<void> {
    this.#checkIdle("unload");
    this.#loaded = undefined;
    await this.#call("unload", undefined, async () => ({}));
  }

  /** The sizes of the download, of the storage and of the GPU memory, in bytes. */
  async estimate(): Promise<Estimate> {
    const { plan, kept } = await lookUp({ model: this.model.source, hub: this.#options.hub }, this.history);
    const estimate = await estimateOf(plan, kept !== undefined);
    const state = this.#run?.state;
    const busy = state === "running" || state === "recovering" || state === "paused";
    if (this.#disposed || busy) return estimate;
    const gpu = await this.#call("estimate", undefined, async () => ({
      base: this.#options.base,
      model: this.model.folder,
      lora: {},
      training: {},
    }));
    return { ...estimate, gpu: { write: gpu.write.peak, train: gpu.train.peak } };
  }

  /**
   * Measures how fast this device trains the model, in a few steps on generated texts. It changes
   * nothing that is stored. Throws "busy" while a run is active in this instance.
   */
  async measure(signal?: AbortSignal): Promise<Speed> {
    this.#checkIdle("measure");
    try {
      return await measureSpeed(await this.#open(), this.model.folder, this.#options.base, signal);
    } catch (thrown) {
      throw aborted(signal, thrown);
    }
  }

  /**
   * Deletes the history, adapters, checkpoints and models of this site, also from its other tabs,
   * and disposes of this instance. On success `left` is empty.
   */
  async forget(): Promise<Forgotten> {
    await this.#run?.cancel();
    await this.dispose();
    return await forget();
  }

  /**
   * Frees the worker and the GPU memory. Stored data stays; an active run keeps its newest
   * checkpoint.
   */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#kept.stop();
    this.#channel?.close();
    for (const call of this.#calls) call.abort();
    await this.#run?.leave();
    this.history.close();
    await this.#client.then(
      (client) => client.close(),
      () => {},
    );
  }

  // Another tab deletes everything. Terminates the worker: a last checkpoint or record would be
  // left behind.
  #closeAtOnce(): void {
    this.history.close();
    void this.#client.then(
      (client) => client.terminate(),
      () => {},
    );
    void this.dispose();
    this.dispatchEvent(new Event("forgotten"));
  }

  // Runs a call of the model. An active run pauses meanwhile.
  #during<T>(call: () => Promise<T>): Promise<T> {
    return this.#kept.during(() => (this.#run === undefined ? call() : this.#run.during(call)));
  }

  // Frees the model after idle time. A run, and load(), keep it.
  async #freeIdle(): Promise<void> {
    const state = this.#run?.state;
    const active = state === "running" || state === "recovering" || state === "paused";
    if (this.#disposed || active || this.#loaded !== undefined) return;
    await this.#call("unload", undefined, async () => ({})).catch(() => {}); // the device may be lost
  }

  // Throws unless a call may start now. While a run is active, some calls may.
  #checkIdle(where: string): void {
    if (this.#disposed) throw disposed();
    const state = this.#run?.state;
    const short = where === "write" || where === "explain";
    if (
      (state === "running" && !short) ||
      state === "recovering" ||
      (state === "paused" && !short && where !== "evaluate")
    ) {
      throw new Fault("busy", {
        where,
        detail: "a run is active in this instance",
        remedy: "wait until it is done, or cancel it",
      });
    }
  }

  async #open(): Promise<GuestClient> {
    // A run that dispose() has ended may still use the client.
    if (this.#disposed && this.#run === undefined) throw disposed();
    let client: GuestClient | undefined;
    try {
      client = await this.#client;
      if (!client.ended || this.#disposed) return client;
    } catch (thrown) {
      if (this.#disposed) throw thrown;
    }
    return await this.#reopen(client, this.#lost ?? disposed());
  }

  // Replaces a lost client. If several calls have lost the same one, the first call replaces it.
  async #reopen(lost: GuestClient | undefined, why: Fault): Promise<GuestClient> {
    if (this.#disposed) throw disposed();
    const before = this.#client;
    const now = await before.catch(() => undefined);
    if (before === this.#client && now === lost) {
      this.#lose(why);
      if (lost !== undefined && !lost.persistent) throw lostInMemory(why);
      this.#client = (async () => {
        await lost?.close();
        const client = await openClient(this.#options, undefined, (fault) => this.#lose(fault));
        this.#lost = undefined;
        this.dispatchEvent(new LossEvent("reopened", why));
        return client;
      })();
      this.#client.catch(() => {}); // awaited below and by later calls
    }
    return await this.#client;
  }

  async #loadParams(): Promise<LoadParams> {
    return { base: this.#options.base, model: this.model.folder, adapters: await this.adapter.folders() };
  }

  #lose(why: Fault): void {
    if (this.#lost !== undefined || this.#disposed) return;
    this.#lost = why;
    this.dispatchEvent(new LossEvent("lost", why));
  }

  // Calls a method of the guest. If the GPU is lost, calls it again with a new client, after
  // onRepeat. onEvent receives the events of both.
  async #call<M extends keyof Methods>(
    method: M,
    signal: AbortSignal | undefined,
    params: (client: GuestClient) => Promise<Methods[M]["params"]>,
    onEvent: (event: GuestEvent) => void = () => {},
    onRepeat: () => void = () => {},
  ): Promise<Methods[M]["result"]> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    this.#calls.add(stop);
    let client: GuestClient | undefined;
    const attempt = async () => {
      client = await this.#open();
      if (this.#loaded !== undefined && this.#loaded !== client && method !== "unload") {
        // after a loss
        await client.call("load", await this.#loadParams(), { signal: stop.signal });
        this.#loaded = client;
      }
      const result = await client.call(method, await params(client), { signal: stop.signal, onEvent });
      return decodeResult[method](result, `result of ${method}`, "");
    };
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof Fault) || stop.signal.aborted) throw aborted(signal, thrown);
      if (lost(thrown)) await this.#reopen(client, thrown);
      else if (thrown.kind !== "missing") throw thrown; // another tab may have replaced a file
      onRepeat();
      return await attempt();
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(stop);
    }
  }

  // Checks an adapter by loading it for the model.
  async #checkAdapter(folder: string): Promise<void> {
    await this.#call("write", undefined, async () => ({
      base: this.#options.base,
      model: this.model.folder,
      adapter: folder,
      source: { history: "" },
      retrieval: {},
      no_history: true,
      context: [],
      sampling: { max_tokens: 1 },
    }));
  }
}

function openClient(
  { worker, guest, guestSHA256 }: OpenOptions,
  signal: AbortSignal | undefined,
  onLost: (why: Fault) => void,
): Promise<GuestClient> {
  return GuestClient.open({
    onLost,
    wasm: guest ?? new URL("./nextquill.wasm", import.meta.url),
    worker: worker === undefined ? new URL("./worker.js", import.meta.url) : new URL(worker, document.baseURI),
    blobs: { kind: "opfs", folder: storeName },
    ...(guestSHA256 !== undefined && { sha256: guestSHA256 }),
    ...(signal && { signal }),
  });
}

// Asks the browser not to delete the site's data when space runs low. A refusal changes nothing.
async function persist(): Promise<void> {
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // not in every browser
  }
}

function lostInMemory(cause: Fault): Fault {
  return new Fault("device-lost", {
    where: "NextQuill",
    detail: "the model and its training were in memory only, because this page may not store data",
    remedy: "open the model again",
    cause,
  });
}

function disposed(): Fault {
  return new Fault("cancelled", { where: "NextQuill", detail: "is disposed", remedy: "open another one" });
}

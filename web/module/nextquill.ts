// NextQuill as a module: a small language model that learns to write like one
// person, in this browser, and keeps what it is given on this device.
//
//	const nq = await NextQuill.open({ model: "model/" });
//	await nq.history.import(file);
//	for await (const event of nq.personalize()) …
//	for await (const piece of nq.write({ context: "lunch on Friday" })) …

import { openDevice, unnamed } from "../host/device.js";
import { GuestClient, type DeviceInfo } from "../host/client.js";
import { Fault } from "../fault.js";
import { Adapters } from "./adapters.js";
import { fetchModel, lookUp, type Model } from "./download.js";
import { Draft, samplingOf, seedOf, Told, type WriteOptions, type WriteResult } from "./draft.js";
import { estimate as estimateOf, type Estimate } from "./estimate.js";
import { evaluated, evaluationOf, withTexts, type EvaluateOptions, type Evaluation, type RawEvaluation } from "./evaluate.js";
import { explanationOf, type Explanation, type ExplainOptions, type RawExplanation } from "./explain.js";
import { forget, type Forgotten } from "./forget.js";
import { stopped, type ModelSource } from "./manifest.js";
import type { OnProgress } from "./progress.js";
import { runKey, type RunRecord } from "./records.js";
import { lost, Run, type PersonalizeOptions, type Preset } from "./run.js";
import { aboutFields, promptSource } from "./source.js";
import { farewell, storeName } from "../store/db.js";
import { History, openHistory } from "../store/history.js";

export { Fault, type FaultKind } from "../fault.js";
export { type AdapterInfo, type Adapters, type KeptAdapter } from "./adapters.js";
export { Draft, type WriteOptions, type WriteResult } from "./draft.js";
export type { Estimate } from "./estimate.js";
export type { EvaluateOptions, Evaluation } from "./evaluate.js";
export type { CheckpointEvent, EvalEvent, Phase, RunEvent, RunState, StageEvent, StateEvent, StepEvent } from "./events.js";
export type { Explanation, ExplainOptions, TokenCause } from "./explain.js";
export { forget, type Forgotten } from "./forget.js";
export type { Manifest, ModelFile, ModelSource, Shard } from "./manifest.js";
export type { OnProgress, Progress } from "./progress.js";
export { Run, type PersonalizeOptions, type Preset, type RunResult } from "./run.js";
export type { About } from "./source.js";
export { History, openHistory, type ImportResult, type Patch } from "../store/history.js";
export { accept as importAccept, type Format } from "../store/import/import.js";
export type { ContextInput, Field, Item, NewItem } from "../store/item.js";

/** The presets that personalize knows; the first is the default. */
export const presets: readonly Preset[] = ["nextquill", "nextquill-code", "contextsft", "mce-dce", "mce", "dce", "sft"];

/** The formats of a model's weights on the GPU. */
export type Base = "auto" | "f32" | "f16" | "q8" | "q4";

export interface OpenOptions {
  /** A folder or manifest.json by its URL (relative to the page), or the model's files by name. */
  model: ModelSource;
  /**
   * How the model's weights stay on the GPU: "f32", "f16", "q8", "q4", or "auto", the default, which is the smallest that holds
   * exactly what the files have. A smaller base takes less memory and is no slower.
   */
  base?: Base | undefined;
  /** Stops opening. What was fetched is gone on with the next time. */
  signal?: AbortSignal | undefined;
  /** Takes the progress of the download, in the words of transformers.js. */
  onProgress?: OnProgress | undefined;
  /** The worker's script, of the page's own origin; by default worker.js beside this module. */
  worker?: string | URL | undefined;
  /** The guest; by default nextquill.wasm beside this module. */
  guest?: string | URL | undefined;
  /** The SHA-256, in hexadecimal, that the guest must have. */
  guestSHA256?: string | undefined;
}

/** A run that an earlier visit left, which personalize({resume: true}) goes on with. */
export interface Unfinished {
  preset: string;
  epochs: number;
  /** Texts that it learns from. */
  items: number;
  /** The newest checkpoint's step, of so many in this phase; 0 when there is none. */
  step: number;
  steps: number;
  /** Phases done. */
  phase: number;
  /** When it was started, ISO 8601. */
  made: string;
}

/** What a page can say about the GPU before it fetches anything. */
export interface GPUCheck {
  ok: boolean;
  /** The adapter's name, when there is one and the browser tells it. */
  name: string;
  /** Shaders would run on the processor: it works, slowly. */
  cpu: boolean;
  /** Why not, and what to do; absent when ok. */
  fault?: Fault;
}

/** Looks for a GPU, without keeping it. Never throws. */
export async function checkGPU(): Promise<GPUCheck> {
  try {
    const { device, info } = await openDevice(false);
    device.destroy();
    return { ok: true, name: info.name === unnamed ? "" : info.name, cpu: info.cpu };
  } catch (thrown) {
    return { ok: false, name: "", cpu: false, fault: Fault.from(thrown, "no-adapter") };
  }
}

/** What a model would cost, without opening it and without a GPU. */
export async function estimate(model: ModelSource, signal?: AbortSignal): Promise<Estimate> {
  const history = openHistory();
  try {
    const { plan, kept } = await lookUp(model, history, signal);
    return await estimateOf(plan, kept !== undefined);
  } finally {
    history.close();
  }
}

/** What a NextQuill fires when the GPU, or the worker, is gone ("lost"), and when another is there in its place ("reopened"). */
export class LossEvent extends Event {
  constructor(type: "lost" | "reopened", /** Why it was lost. */ readonly fault: Fault) {
    super(type);
  }
}

/**
 * A model on this device's GPU, and the person's texts. Methods throw Faults: `kind` says what sort of thing is wrong, `message`
 * what, where and what to do about it. Instances share what is stored, also with other tabs; each has its own worker and GPU
 * memory, which dispose() frees.
 *
 * A GPU that goes away (a driver that starts anew, a laptop that slept) is opened again by the call under way or by the next one:
 * a run goes on from its newest checkpoint, a draft and an explanation are made again. Nobody needs to do anything; who wants to
 * know listens to "lost" and "reopened", which are LossEvents.
 */
export class NextQuill extends EventTarget {
  /** The person's texts. They work without a GPU, too: see openHistory. */
  readonly history: History;
  /** The adapter that writes as the person. */
  readonly adapter: Adapters;
  /** The model. */
  readonly model: Model;

  readonly #options: OpenOptions;
  readonly #channel: BroadcastChannel;
  #client: Promise<GuestClient>;
  #resident: GuestClient | undefined; // whose GPU has the model that load() keeps there
  #lost: Fault | undefined; // why the client is of no use, until another is there
  #run: Run | undefined;
  #disposed = false;
  // Calls under way: dispose stops them.
  readonly #calls = new Set<AbortController>();

  private constructor(options: OpenOptions, history: History, client: Promise<GuestClient>, model: Model) {
    super();
    this.#options = options;
    this.history = history;
    this.#client = client;
    this.model = model;
    this.adapter = new Adapters({
      model, history, client: () => this.#open(), check: (folder) => this.#checkAdapter(folder), idle: (where) => this.#idle(where),
    });
    this.#channel = new BroadcastChannel(storeName);
    this.#channel.onmessage = ({ data }) => {
      if (data === farewell) this.#farewell();
    };
  }

  /**
   * Opens a model: starts the worker and the GPU, fetches what is not on the device yet, and checks every file's hash. Throws
   * "no-adapter" without WebGPU, "missing" for what cannot be fetched, "mismatch" for a file that was altered, "storage" when
   * the device is full, "cancelled".
   */
  static async open(options: OpenOptions): Promise<NextQuill> {
    const history = openHistory();
    let made: NextQuill | undefined;
    const client = openClient(options, options.signal, (why) => void (made !== undefined && made.#lose(why)));
    client.catch(() => {}); // awaited below
    try {
      const model = await fetchModel(options.model, client, history, options.onProgress, options.signal);
      made = new NextQuill(options, history, client, model);
      return made;
    } catch (thrown) {
      history.close();
      await client.then((s) => s.close(), () => {});
      throw options.signal?.aborted && !(thrown instanceof Fault) ? stopped(thrown) : Fault.from(thrown, "internal");
    }
  }

  /** The GPU that this instance runs on; sizes in bytes. */
  async gpu(): Promise<DeviceInfo> {
    return (await this.#open()).device;
  }

  /**
   * Learns to write as the person, from the history as it is now. Starts at once and returns a handle: iterate over it for its
   * events, await `result`. The run survives a reload or a crash up to its newest checkpoint, and the loss of the GPU by itself.
   * It rejects with "busy" while this model is being trained elsewhere, "missing" with fewer than two texts, "device-limit"
   * when the GPU is too small, "nan" when the losses run away, "storage" when the device is full.
   */
  personalize(options: PersonalizeOptions = {}): Run {
    this.#idle("personalize");
    void persist();
    const run = new Run({
      model: this.model, history: this.history, adapter: this.adapter, client: () => this.#open(), reopen: (lost, why) => this.#reopen(lost, why),
      base: this.#options.base,
    }, options);
    this.#run = run;
    return run;
  }

  /** The run that an earlier visit left unfinished, if any. */
  async unfinished(): Promise<Unfinished | undefined> {
    const record = await this.history.record<RunRecord>(runKey(this.model));
    if (record === undefined) return undefined;
    const { preset, epochs, items, step, steps, phase, made } = record;
    return { preset, epochs, items, step, steps, phase, made };
  }

  /**
   * Writes a text as the person would: with the adapter, once there is one, and with texts from the history in the prompt.
   * Starts at once. Throws "busy" while a run is training in this instance: pause it, or write in another tab.
   */
  write(options: WriteOptions = {}): Draft {
    const { plain = false, context, signal } = options;
    return new Draft(async (onText, stop) => {
      this.#idle("write");
      const seed = seedOf(options.seed);
      const told = new Told(onText);
      const raw = await this.#call<{ text: string; tokens: number; stopped: string; tokens_per_second: number }>("write", stop, async (client) => {
        const { items, params } = await promptSource(client, this.history, !plain);
        return {
          base: this.#options.base, model: this.model.folder, adapter: plain ? "" : await this.adapter.folder(options.adapter), ...params, no_history: plain,
          context: aboutFields(context, items), sampling: samplingOf(options, seed),
        };
      }, (e) => {
        if (e.event === "token") told.take(String(e["text"]));
      }, () => told.again());
      if (told.broken !== undefined) throw told.broken;
      return { text: raw.text, tokens: raw.tokens, stopped: raw.stopped, tokensPerSecond: raw.tokens_per_second, seed } satisfies WriteResult;
    }, signal);
  }

  /**
   * Tells which part of a text is the person's: per token its direct causal effect, and which texts of the history moved it.
   * Throws "busy" while a run is training in this instance.
   */
  async explain(options: ExplainOptions): Promise<Explanation> {
    this.#idle("explain");
    let history: Parameters<typeof explanationOf>[1] = [];
    const raw = await this.#call<RawExplanation>("explain", options.signal, async (client) => {
      const { items, params } = await promptSource(client, this.history, true, options.text);
      history = items;
      return {
        base: this.#options.base, model: this.model.folder, adapter: options.plain ? "" : await this.adapter.folder(options.adapter), ...params,
        context: aboutFields(options.context, items), text: options.text.toWellFormed(), item: -1, influence: options.influence ?? true,
      };
    });
    return explanationOf(raw, history);
  }

  /**
   * Tests the model, with the adapter and the history in the prompt, on texts that it has not learnt from. Throws "busy" while a run
   * is training in this instance, "missing" when no text fits the model's context.
   */
  async evaluate(options: EvaluateOptions): Promise<Evaluation> {
    this.#idle("evaluate");
    const { plain = false, signal } = options;
    const texts = await evaluated(options.texts);
    return await withTexts(await this.#open(), texts, async (heldout) => evaluationOf(await this.#call<RawEvaluation>("evaluate", signal, async (client) => {
      const { items, params } = await promptSource(client, this.history, !plain);
      const alone = plain || items.length === 0; // the guest wants a history; one that is not shown may be any
      return {
        base: this.#options.base, model: this.model.folder, adapter: plain ? "" : await this.adapter.folder(), retrieval: {}, no_history: alone,
        source: alone ? { history: heldout, heldout } : { ...params.source, heldout },
      };
    })));
  }

  /**
   * Keeps the model on the GPU from now on, with all adapters there are, so that a call starts at once and switching between
   * adapters loads nothing. It costs the model's size in GPU memory until unload() or dispose(). Without it each call loads what
   * it needs and gives it back. Call it again for adapters that came later. Throws "busy" while a run is under way here.
   */
  async load(signal?: AbortSignal): Promise<void> {
    this.#idle("load");
    await this.#call("load", signal, async () => await this.#loadParams());
    this.#resident = await this.#open();
  }

  /** Frees the GPU memory that load() holds. */
  async unload(): Promise<void> {
    this.#idle("unload");
    this.#resident = undefined;
    await this.#call("unload", undefined, async () => ({}));
  }

  /** What is used and what it takes: download, storage, GPU memory, in bytes. */
  async estimate(): Promise<Estimate> {
    const { plan, kept } = await lookUp(this.#options.model, this.history);
    const told = await estimateOf(plan, kept !== undefined);
    const state = this.#run?.state;
    if (this.#disposed || state === "running" || state === "recovering" || state === "paused") return told; // the guest is at work
    const gpu = await this.#call<{ write: { peak: number }; train: { peak: number } }>("estimate", undefined, async () => ({
      base: this.#options.base, model: this.model.folder, lora: {}, training: {},
    }));
    return { ...told, gpu: { write: gpu.write.peak, train: gpu.train.peak } };
  }

  /**
   * Removes everything from this device: history, adapters, checkpoints and models, in all tabs of this site. This instance is
   * disposed of. `left` names what is still there afterwards: nothing.
   */
  async forget(): Promise<Forgotten> {
    await this.#run?.cancel();
    await this.dispose();
    return await forget();
  }

  /** Frees the worker and the GPU memory. What is stored stays; a run under way keeps its newest checkpoint. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#channel.close();
    for (const call of this.#calls) call.abort();
    await this.#run?.leave();
    this.history.close();
    await this.#client.then((client) => client.close(), () => {});
  }

  // farewell lets go of what another tab removes, at once: a last checkpoint or record would bring back what is to be forgotten.
  #farewell(): void {
    this.history.close();
    void this.#client.then((client) => client.terminate(), () => {});
    void this.dispose();
  }

  #idle(where: string): void {
    if (this.#disposed) throw disposed();
    const state = this.#run?.state;
    if (state === "running" || state === "recovering" || (state === "paused" && !["write", "explain", "evaluate"].includes(where))) {
      throw new Fault("busy", { where, detail: "a run is under way in this instance", remedy: "pause it to write, or wait until it is done" });
    }
  }

  async #open(): Promise<GuestClient> {
    // The run that dispose() ends may still wind up.
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

  // reopen gives another client in place of one that is lost. Of several calls that lost the same one the first opens it.
  async #reopen(lost: GuestClient | undefined, why: Fault): Promise<GuestClient> {
    if (this.#disposed) throw disposed();
    const before = this.#client;
    const now = await before.catch(() => undefined);
    if (before === this.#client && now === lost) {
      this.#lose(why);
      this.#client = (async () => {
        await lost?.close();
        const client = await openClient(this.#options, undefined, (fault) => this.#lose(fault));
        this.#lost = undefined;
        this.dispatchEvent(new LossEvent("reopened", why));
        return client;
      })();
      this.#client.catch(() => {}); // awaited below, and by whoever comes next
    }
    return await this.#client;
  }

  async #loadParams(): Promise<object> {
    return { base: this.#options.base, model: this.model.folder, adapters: await this.adapter.folders() };
  }

  #lose(why: Fault): void {
    if (this.#lost !== undefined || this.#disposed) return;
    this.#lost = why;
    this.dispatchEvent(new LossEvent("lost", why));
  }

  // call runs a method of the guest; when the GPU is lost, once more in a new client. onEvent gets the events of both.
  async #call<Result>(
    method: string, signal: AbortSignal | undefined, params: (client: GuestClient) => Promise<object>,
    onEvent: (e: { event: string } & Record<string, unknown>) => void = () => {}, onAgain: () => void = () => {},
  ): Promise<Result> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    this.#calls.add(stop);
    let client: GuestClient | undefined;
    const attempt = async () => {
      client = await this.#open();
      if (this.#resident !== undefined && this.#resident !== client && method !== "unload") { // another client, after a loss
        await client.call("load", await this.#loadParams(), { signal: stop.signal });
        this.#resident = client;
      }
      return await client.call<Result>(method, await params(client), { signal: stop.signal, onEvent });
    };
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof Fault) || stop.signal.aborted) throw thrown;
      if (lost(thrown)) await this.#reopen(client, thrown);
      else if (thrown.kind !== "missing") throw thrown; // another tab may have replaced what was just named
      onAgain();
      return await attempt();
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(stop);
    }
  }

  // checkAdapter has the guest load an adapter for the model: the one check that leaves nothing out.
  async #checkAdapter(folder: string): Promise<void> {
    await this.#call("write", undefined, async () => ({
      base: this.#options.base, model: this.model.folder, adapter: folder, source: { history: "" }, retrieval: {}, no_history: true,
      context: [], sampling: { max_tokens: 1 },
    }));
  }
}

function openClient({ worker, guest, guestSHA256 }: OpenOptions, signal: AbortSignal | undefined, onLost: (why: Fault) => void): Promise<GuestClient> {
  return GuestClient.open({
    onLost,
    wasm: guest ?? new URL("./nextquill.wasm", import.meta.url),
    worker: worker === undefined ? new URL("./worker.js", import.meta.url) : new URL(worker, document.baseURI),
    blobs: { kind: "opfs", folder: storeName },
    ...(guestSHA256 !== undefined && { sha256: guestSHA256 }),
    ...(signal && { signal }),
  });
}

// persist asks the browser to keep the site's data when space runs short. A refusal changes nothing.
async function persist(): Promise<void> {
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // not in every browser
  }
}

function disposed(): Fault {
  return new Fault("cancelled", { where: "NextQuill", detail: "was disposed of", remedy: "open another one" });
}

// Training on the person's texts: one run, which can be paused, gone on with after
// a reload, a kill or the loss of the GPU, and which ends in an adapter.

import type { GuestClient } from "../host/client.js";
import { cancelled, Fault } from "../fault.js";
import { adapterFiles, type Adapters } from "./adapters.js";
import { adapterFolders, adapterKey, runFolder, runKey, runsFolder, type AdapterRecord, type RunRecord } from "./records.js";
import type { History } from "../store/history.js";
import { chronological, toLine } from "../store/item.js";
import type { Model } from "./download.js";
import { fromGuest, type Phase, type RunEvent, type RunState } from "./events.js";

/** The objectives, as core/causal names them. */
export type Preset = "nextquill" | "nextquill-code" | "contextsft" | "sft" | "mce" | "mce-dce" | "dce";

export interface PersonalizeOptions {
  /**
   * The objective; "nextquill" by default, the paper's, in two phases: first a plain adapter (contextsft) that judges which
   * tokens are the person's, then the training proper. "nextquill-code" needs one phase only.
   */
  preset?: Preset;
  /** Passes over the texts in each phase; 3 by default. */
  epochs?: number;
  /** Cancels the run, as cancel() does. */
  signal?: AbortSignal | undefined;
  /** Go on with the run that an earlier visit left unfinished, with its own options; see unfinished(). */
  resume?: boolean;
  /**
   * Learn further from an adapter instead of from the plain model: true for the one in use, or the name of one that is kept. It
   * keeps its rank, alpha and layers, so `lora` has no place beside it.
   */
  from?: boolean | string;
  /** The adapter's shape; rank 16 and alpha 32 by default, on all linear layers. */
  lora?: { rank?: number; alpha?: number; targets?: string[] };
  /**
   * Step size (1e-3), texts a step (8), seed (1), checkpoint every so many steps (10). recompute runs each layer again in the backward
   * pass instead of keeping its activations: less GPU memory, slower, the same result. By default it does where they would pass 512 MiB.
   */
  training?: { lr?: number; batchSize?: number; seed?: number; checkpointEvery?: number; recompute?: boolean; patience?: number };
  /** Learn from so many of the newest texts at most; all by default. */
  maxItems?: number;
  /** The share of the newest texts to test on instead of learning from them; 0.2 by default. */
  heldout?: number;
}

/** What a run came to. */
export interface RunResult {
  preset: Preset;
  /** Optimizer steps of the last phase. */
  steps: number;
  /** Packed tokens trained on in the last phase. */
  tokens: number;
  /** Seconds that the last phase took. */
  seconds: number;
  /** Nats per token: of the last steps, and the best on held-out texts. */
  loss: number;
  heldout: number;
  /** "done", or "early" when the held-out loss stopped falling. */
  stopped: string;
  /** Most bytes held on the GPU. */
  peakBytes: number;
  /** The step that the last phase went on from; 0 when it was not broken. */
  resumed: number;
  /** Texts that did not fit the model's context. */
  skipped: number;
}

/** What a run needs of the module. @internal */
export interface RunContext {
  model: Model;
  adapter: Pick<Adapters, "folder">;
  history: History;
  client(): Promise<GuestClient>;
  /** The format of the model's weights on the GPU; undefined for "auto". */
  base: string | undefined;
  /** Gives another client in place of one whose GPU or worker is lost; `why` goes to whoever listens. */
  reopen(lost: GuestClient | undefined, why: Fault): Promise<GuestClient>;
}

interface Stage {
  preset: Preset;
  out: string;
  expert?: string;
  from?: string;
}

// So many losses of the GPU without a checkpoint between them end the run.
const maxLosses = 3;

// A GPU whose driver starts anew gives no device for a while: it is asked for
// again after so many milliseconds.
const waits = [250, 1000, 4000];

/**
 * A run under way. Iterate over it for its events: each iterator gets all of them, from the first on, and throws what the run
 * throws. One tab at a time trains a model; the others get a Fault of kind "busy".
 */
export class Run implements AsyncIterable<RunEvent> {
  /** Settles when the run does; rejects with a Fault, of kind "cancelled" after cancel(). */
  readonly result: Promise<RunResult>;

  readonly #context: RunContext;
  readonly #options: PersonalizeOptions;
  readonly #events: RunEvent[] = [];
  #wake: PromiseWithResolvers = withResolvers();
  #state: RunState = "running";
  #phase: Phase;
  // Stops the call under way; `intent` says what for.
  #stop = new AbortController();
  #intent: "run" | "pause" | "cancel" | "leave" = "run";
  #resumed: PromiseWithResolvers = withResolvers();
  #quiet: PromiseWithResolvers = withResolvers(); // settles once paused
  #losses = 0;
  // The writes of the record, one after the other.
  #noted: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(context: RunContext, options: PersonalizeOptions) {
    this.#context = context;
    this.#options = options;
    this.#phase = { phase: 1, phases: 1, preset: options.preset ?? "nextquill" };
    const abort = () => void this.cancel().catch(() => {});
    options.signal?.addEventListener("abort", abort);
    this.result = this.#drive().finally(() => options.signal?.removeEventListener("abort", abort));
    this.result.catch(() => {}); // whoever only iterates gets it there
    if (options.signal?.aborted) abort();
  }

  get state(): RunState {
    return this.#state;
  }

  /** Stops after the step under way, with a checkpoint. Resolves when it is written, or when the run has ended. */
  async pause(): Promise<void> {
    if (this.#ended || this.#intent !== "run") return;
    this.#intent = "pause";
    this.#resumed = withResolvers();
    this.#quiet = withResolvers();
    this.#stop.abort();
    await Promise.race([this.#quiet.promise, this.result.catch(() => {})]);
  }

  /** Goes on after pause(). */
  resume(): void {
    if (this.#intent !== "pause") return;
    this.#intent = "run";
    this.#resumed.resolve();
  }

  /** Ends the run and removes its checkpoints. The adapter that was in use before stays. Resolves when that is done. */
  async cancel(): Promise<void> {
    if (!this.#ended) this.#end("cancel");
    await this.result.catch(() => {});
  }

  /** Ends the run and keeps its checkpoints, for personalize({resume: true}). @internal */
  async leave(): Promise<void> {
    if (!this.#ended) this.#end("leave");
    await this.result.catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, void> {
    for (let i = 0; ; ) {
      while (i < this.#events.length) yield this.#events[i++]!;
      if (this.#ended) {
        await this.result;
        return;
      }
      await this.#wake.promise;
    }
  }

  get #ended(): boolean {
    return this.#state === "done" || this.#state === "cancelled" || this.#state === "failed";
  }

  #end(intent: "cancel" | "leave"): void {
    this.#intent = intent;
    this.#stop.abort();
    this.#resumed.resolve();
  }

  async #drive(): Promise<RunResult> {
    try {
      const result = await alone(this.#context.model, () => this.#train());
      this.#setState("done");
      return result;
    } catch (thrown) {
      this.#setState(this.#intent === "cancel" || this.#intent === "leave" ? "cancelled" : "failed");
      throw thrown;
    }
  }

  async #train(): Promise<RunResult> {
    const { model } = this.#context;
    const record = await this.#begin();
    this.#setState("running"); // options and phases are known from here on
    try {
      const stages = stagesOf(model, record);
      let raw: Record<string, unknown> = {};
      for (const [i, stage] of stages.entries()) {
        if (i < record.phase) continue;
        this.#phase = { phase: i + 1, phases: stages.length, preset: stage.preset };
        raw = await this.#serve(record, stage);
        // The guest has left the checkpoint of the last step: a kill before this is noted costs no work.
        record.phase = i + 1;
        record.step = 0;
        if (record.phase < stages.length) await this.#note(record);
      }
      return await this.#adopt(record, raw);
    } catch (thrown) {
      if (this.#intent === "cancel") await this.#discard();
      throw thrown;
    }
  }

  // begin makes a run's record, or takes up the one that was left.
  async #begin(): Promise<RunRecord> {
    const { model, history } = this.#context;
    const left = await history.record<RunRecord>(runKey(model));
    if (this.#options.resume) {
      if (left === undefined) {
        throw new Fault("missing", { where: "personalize", field: "resume", detail: "no run was left unfinished", remedy: "start one without resume" });
      }
      return left;
    }
    const items = chronological(await history.list());
    if (items.length < 2) {
      throw new Fault("missing", { where: "history", detail: `${items.length} texts`, limit: "at least 2", remedy: "add texts of yours: one is kept to test on, the others are learnt from" });
    }
    const { epochs = 3, preset = "nextquill", lora, training, maxItems, heldout, from = false } = this.#options;
    const start = from === false ? "" : await this.#context.adapter.folder(from === true ? undefined : from);
    if (from !== false && start === "") {
      throw new Fault("missing", { where: "personalize", field: "from", detail: "no adapter is in use", remedy: "personalize without it first, or import an adapter" });
    }
    if (from !== false && lora !== undefined) {
      throw new Fault("mismatch", { where: "personalize", field: "lora", detail: "the adapter to start from has a shape of its own", remedy: "leave out one of the two" });
    }
    const record: RunRecord = {
      id: crypto.randomUUID().slice(0, 8), preset, epochs, lora, training, maxItems, heldout, from: from !== false,
      phase: 0, step: 0, steps: 0, items: items.length, made: new Date().toISOString(),
    };
    const { blobs } = await this.#context.client();
    // The run learns from the texts as they are now, whatever is edited meanwhile: only so can it go on bit for bit.
    await blobs.write(`${runFolder(model, record)}/history.jsonl`, new TextEncoder().encode(items.map(toLine).join("")));
    // So it has an adapter of its own to start from, too, whatever becomes of that one.
    if (start !== "") for (const name of adapterFiles) await blobs.write(`${runFolder(model, record)}/from/${name}`, await blobs.read(`${start}/${name}`));
    // In place of a run that was left: until here that one stays whole.
    await this.#note(record);
    await this.#sweep(record);
    return record;
  }

  // note puts the run's record where the next visit finds it.
  async #note(record: RunRecord): Promise<void> {
    const { model, history } = this.#context;
    const copy = { ...record };
    const written = this.#noted.then(() => history.setRecord(runKey(model), copy));
    this.#noted = written.catch(() => {});
    await written;
  }

  // sweep removes what no record names any more: other runs, and what a kill has left of them.
  async #sweep(record: RunRecord | undefined): Promise<void> {
    const { model, history } = this.#context;
    const adapters = [...(await adapterFolders(history, model))];
    const under = (name: string, folder: string | undefined) => folder !== undefined && name.startsWith(`${folder}/`);
    const { blobs } = await this.#context.client();
    for (const name of await blobs.list(runsFolder(model))) {
      const inUse = adapters.some((folder) => under(name, folder)) && !name.includes("/checkpoint/");
      if (!inUse && !under(name, record && runFolder(model, record))) await blobs.delete(name);
    }
  }

  // serve trains one stage to its end, through pauses and losses of the GPU.
  async #serve(record: RunRecord, stage: Stage): Promise<Record<string, unknown>> {
    for (;;) {
      await this.#mayRun();
      let client: GuestClient | undefined;
      try {
        client = await this.#context.client();
        const { signal } = this.#stop;
        return await client.call<Record<string, unknown>>("personalize", paramsOf(this.#context, record, stage), {
          signal, onEvent: (e) => this.#take(fromGuest(e, this.#phase), record),
        });
      } catch (thrown) {
        const fault = Fault.from(thrown, "internal");
        if (this.#stop.signal.aborted && fault.kind === "cancelled") continue; // mayRun knows what for
        if (this.#ended || !lost(fault) || ++this.#losses > maxLosses) throw fault;
        this.#setState("recovering", fault);
        await this.#recover(client, fault);
        if (this.#intent === "run") this.#setState("running");
      }
    }
  }

  async #recover(lost: GuestClient | undefined, why: Fault): Promise<void> {
    for (let n = 0; ; n++) {
      try {
        await this.#context.reopen(lost, why);
        return;
      } catch (thrown) {
        const stopped = this.#intent === "cancel" || this.#intent === "leave";
        if (stopped || n === waits.length || !(thrown instanceof Fault) || thrown.kind !== "no-adapter") throw thrown;
        lost = undefined;
        await new Promise((later) => setTimeout(later, waits[n]));
      }
    }
  }

  async #mayRun(): Promise<void> {
    if (this.#intent === "pause") {
      this.#setState("paused");
      this.#quiet.resolve();
      await this.#resumed.promise;
      if (this.#intent === "pause") return await this.#mayRun();
    }
    if (this.#intent === "cancel" || this.#intent === "leave") throw cancelled();
    if (this.#stop.signal.aborted) this.#stop = new AbortController();
    if (this.#state === "paused") this.#setState("running");
  }

  #take(event: RunEvent | undefined, record: RunRecord): void {
    if (event === undefined) return;
    if (event.event === "step") {
      record.step = event.step;
      record.steps = event.steps;
    }
    if (event.event === "checkpoint") {
      this.#losses = 0;
      // Only shown after a reload: the checkpoint itself knows where it is.
      this.#note({ ...record, step: event.step }).catch(() => {});
    }
    this.#emit(event);
  }

  // adopt makes the run's adapter the one in use, in one step, then removes what is no longer needed.
  async #adopt(record: RunRecord, raw: Record<string, unknown>): Promise<RunResult> {
    const { model, history } = this.#context;
    const number = (key: string) => Number(raw[key] ?? 0);
    const old = await history.record<AdapterRecord>(adapterKey(model));
    await this.#noted;
    await history.setRecords([
      [adapterKey(model), {
        folder: `${runFolder(model, record)}/adapter`, preset: record.preset, epochs: record.epochs, items: record.items,
        heldout: number("heldout"), made: new Date().toISOString(),
      } satisfies AdapterRecord],
      [runKey(model), undefined],
    ]);
    // The run is done: what is still there is only in the way, and the next run removes it if this one cannot.
    await this.#tidy(old?.folder).catch(() => {});
    return {
      preset: record.preset as Preset, steps: number("steps"), tokens: number("tokens"), seconds: number("seconds"), loss: number("loss"), heldout: number("heldout"),
      stopped: String(raw["stopped"] ?? "done"), peakBytes: number("peak_bytes"), resumed: number("resumed"), skipped: number("skipped"),
    };
  }

  async #discard(): Promise<void> {
    const { model, history } = this.#context;
    await this.#noted;
    await history.setRecord(runKey(model), undefined);
    await this.#tidy(undefined);
  }

  async #tidy(adapter: string | undefined): Promise<void> {
    await this.#sweep(undefined);
    const { model, history } = this.#context;
    const { blobs } = await this.#context.client();
    if (adapter !== undefined && !(await adapterFolders(history, model)).has(adapter)) for (const name of await blobs.list(`${adapter}/`)) await blobs.delete(name);
  }

  #setState(state: RunState, fault?: Fault): void {
    this.#state = state;
    this.#emit({ event: "state", ...this.#phase, state, ...(fault && { fault }) });
  }

  #emit(event: RunEvent): void {
    this.#events.push(event);
    this.#wake.resolve();
    this.#wake = withResolvers();
  }
}

// alone holds the model's lock: one tab trains.
async function alone<T>(model: Model, train: () => Promise<T>): Promise<T> {
  return await navigator.locks.request(`nextquill-train-${model.id}`, { ifAvailable: true }, async (lock) => {
    if (lock === null) {
      throw new Fault("busy", {
        where: "personalize", detail: "this model is being trained, in this tab or another", remedy: "wait for that run, or cancel it there; writing works meanwhile",
      });
    }
    return await train();
  });
}

function stagesOf(model: Model, record: RunRecord): Stage[] {
  const folder = runFolder(model, record);
  // The expert learns from scratch: it judges by these texts alone.
  const last: Stage = { preset: record.preset as Preset, out: `${folder}/adapter`, ...(record.from && { from: `${folder}/from` }) };
  if (record.preset !== "nextquill") return [last];
  const expert = `${folder}/expert`;
  return [{ preset: "contextsft", out: expert }, { ...last, expert }];
}

function paramsOf({ model, base }: RunContext, record: RunRecord, stage: Stage): object {
  const { lora = {}, training = {}, maxItems, heldout } = record;
  const { lr, batchSize, seed = 1, checkpointEvery, recompute, patience } = training;
  return {
    base,
    model: model.folder,
    source: { history: `${runFolder(model, record)}/history.jsonl`, heldout_fraction: heldout, max_items: maxItems },
    retrieval: {},
    preset: stage.preset,
    expert: stage.expert,
    from: stage.from,
    lora: { rank: lora.rank ?? 0, alpha: lora.alpha ?? 0, targets: lora.targets },
    training: { epochs: record.epochs, batch_size: batchSize, lr, seed, checkpoint_every: checkpointEvery, recompute, patience },
    out: stage.out,
    resume: true, // goes on from a checkpoint when there is one
    keep_checkpoint: true, // until its end is noted
  };
}

/** Whether a call failed because its GPU, guest or worker is gone, so that another client can do it. @internal */
export function lost(fault: Fault): boolean {
  return fault.kind === "device-lost" || (fault.kind === "internal" && (fault.where === "worker" || fault.where === "guest"));
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve(): void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  const promise = new Promise<void>((r) => (resolve = r));
  return { promise, resolve };
}

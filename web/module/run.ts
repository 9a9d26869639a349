// Training on the user's texts. A run can be paused, resumed after a reload, a kill or the loss of
// the GPU, and ends with an adapter.

import {
  type Base,
  decodeResult,
  defaults,
  type EvaluateParams,
  type EvaluateResult,
  type PersonalizeParams,
  type PersonalizeResult,
  type Preset,
  phases,
  type Phase as RecipePhase,
} from "../api.gen.js";
import { aborted, cancelled, Fault } from "../fault.js";
import type { GuestClient } from "../host/client.js";
import { isDenied, withLock } from "../store/denied.js";
import type { History } from "../store/history.js";
import { chronological, toLine } from "../store/item.js";
import { type Adapters, adapterFiles } from "./adapters.js";
import { type Comparison, compare } from "./compare.js";
import type { Model } from "./download.js";
import { type Phase, type RunEvent, type RunState, runEvent } from "./events.js";
import type { PersonalizeOptions } from "./options.js";
import {
  type AdapterRecord,
  adapterFolders,
  adapterKey,
  type RunRecord,
  runFolder,
  runKey,
  runsFolder,
} from "./records.js";

/** The result of a run. All figures but `preset` are those of the last phase. */
export interface RunResult extends PersonalizeResult {
  preset: Preset;
  /** The gain on the held-out texts, if the option `compare` asks for it and there are any. */
  comparison?: Comparison;
}

/** What a run needs from the module. @internal */
export interface RunContext {
  model: Model;
  adapter: Pick<Adapters, "folder">;
  history: History;
  client(): Promise<GuestClient>;
  /** The format of the model's weights on the GPU; undefined for "auto". */
  base: Base | undefined;
  /** Opens another client after the GPU or worker of `lost` is gone. */
  reopen(lost: GuestClient | undefined, why: Fault): Promise<GuestClient>;
}

/** One call of "personalize". The names are blob folders. */
interface Stage {
  preset: Preset;
  out: string;
  expert: string | undefined;
  from: string | undefined;
  datastore: boolean;
}

// The run fails after this many losses of the GPU without a checkpoint in between.
const maxLosses = 3;

// A GPU is unavailable while its driver restarts. Waits before new attempts to open it, in ms.
const waits = [250, 1000, 4000];

/**
 * A training run. Iterate over it to get its events: each iterator gets all of them, from the first
 * on, and throws the error of the run. Only one tab at a time trains a model; the others get a
 * Fault of kind "busy".
 */
export class Run implements AsyncIterable<RunEvent> {
  /** Resolves when the run is done. Rejects with a Fault, of kind "cancelled" after cancel(). */
  readonly result: Promise<RunResult>;

  readonly #context: RunContext;
  readonly #options: PersonalizeOptions;
  readonly #events: RunEvent[] = [];
  #wake: PromiseWithResolvers = withResolvers();
  #state: RunState = "running";
  #phase: Phase;
  // Stops the current call. #intent says why.
  #stop = new AbortController();
  #intent: "run" | "pause" | "cancel" | "leave" = "run";
  #stays = false; // paused until resume()
  #resumed: PromiseWithResolvers = withResolvers();
  #quiet: PromiseWithResolvers = withResolvers(); // settles when paused
  #losses = 0;
  // The writes of the record run one after the other.
  #saved: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(context: RunContext, options: PersonalizeOptions) {
    this.#context = context;
    this.#options = options;
    this.#phase = { phase: 1, phases: 1, preset: options.preset ?? defaults.preset };
    const abort = () => void this.cancel().catch(() => {});
    options.signal?.addEventListener("abort", abort);
    this.result = this.#drive()
      .catch((thrown: unknown) => {
        throw aborted(options.signal, thrown);
      })
      .finally(() => options.signal?.removeEventListener("abort", abort));
    this.result.catch(() => {}); // the iterator throws it, too
    if (options.signal?.aborted) abort();
  }

  get state(): RunState {
    return this.#state;
  }

  /**
   * Pauses within 2 seconds. A checkpoint has all complete steps; resuming repeats the step that
   * was running. Resolves when the checkpoint is stored, or when the run has ended.
   */
  async pause(): Promise<void> {
    this.#stays = true;
    await this.#suspend();
  }

  /** Continues after pause(). */
  resume(): void {
    this.#stays = false;
    if (this.#intent !== "pause") return;
    this.#intent = "run";
    this.#resumed.resolve();
  }

  /**
   * Runs a call of the model while the run is paused. Then the run continues, unless pause() was
   * called. @internal
   */
  async during<T>(call: () => Promise<T>): Promise<T> {
    if (this.#ended) return await call();
    await this.#suspend();
    try {
      return await call();
    } finally {
      if (!this.#stays) this.resume();
    }
  }

  async #suspend(): Promise<void> {
    if (this.#ended) return;
    if (this.#intent === "run") {
      this.#intent = "pause";
      this.#resumed = withResolvers();
      this.#quiet = withResolvers();
      this.#stop.abort();
    }
    if (this.#intent === "pause") await Promise.race([this.#quiet.promise, this.result.catch(() => {})]);
  }

  /**
   * Ends the run and deletes its checkpoints. The current adapter stays. Resolves when that is
   * done.
   */
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
    this.#setState("running"); // now options and phases are known
    try {
      const stages = stagesOf(model, record);
      let result: PersonalizeResult | undefined;
      for (const [i, stage] of stages.entries()) {
        if (i < record.phase) continue;
        this.#phase = { phase: i + 1, phases: stages.length, preset: stage.preset };
        result = await this.#serve(record, "personalize", paramsOf(this.#context, record, stage));
        // The guest keeps the checkpoint of the last step, so a kill before the record is saved
        // loses no work.
        record.phase = i + 1;
        record.step = 0;
        if (record.phase < stages.length) await this.#save(record);
      }
      const { out } = stages.at(-1)!;
      const comparison = this.#options.compare ? await this.#compare(record, out) : undefined;
      return { ...(await this.#adopt(record, result!, out)), ...(comparison && { comparison }) };
    } catch (thrown) {
      if (this.#intent === "cancel") await this.#discard();
      throw thrown;
    }
  }

  // Creates the record of the run, or returns that of the unfinished one.
  async #begin(): Promise<RunRecord> {
    const { model, history } = this.#context;
    const left = await history.record<RunRecord>(runKey(model));
    if (this.#options.resume) {
      if (left === undefined) {
        const remedy = "start a run without resume";
        throw new Fault("missing", {
          where: "personalize",
          field: "resume",
          detail: "there is no unfinished run",
          remedy,
        });
      }
      return left;
    }
    const items = chronological(await history.list());
    if (items.length < 2) {
      const remedy = "add texts: one is held out for testing, the others are for training";
      throw new Fault("missing", { where: "history", detail: `${items.length} texts`, limit: "at least 2", remedy });
    }
    const {
      epochs = defaults.epochs,
      preset = defaults.preset,
      lora,
      training,
      maxItems,
      heldout,
      from = false,
    } = this.#options;
    const start = from === false ? "" : await this.#context.adapter.folder(from === true ? undefined : from);
    if (from !== false && start === "") {
      const remedy = "personalize without it first, or import an adapter";
      throw new Fault("missing", {
        where: "personalize",
        field: "from",
        detail: "there is no current adapter",
        remedy,
      });
    }
    if (from !== false && lora !== undefined) {
      const detail = "the adapter that is continued determines the shape";
      throw new Fault("mismatch", { where: "personalize", field: "lora", detail, remedy: "leave out lora or from" });
    }
    const record: RunRecord = {
      id: crypto.randomUUID().slice(0, 8),
      preset,
      epochs,
      lora,
      training,
      maxItems,
      heldout,
      from: from !== false,
      phase: 0,
      step: 0,
      steps: 0,
      items: items.length,
      made: new Date().toISOString(),
    };
    const { blobs } = await this.#context.client();
    // The run trains on a copy of the texts. Edits must not change it, or it could not be resumed
    // exactly.
    await blobs.write(
      `${runFolder(model, record)}/history.jsonl`,
      new TextEncoder().encode(items.map(toLine).join("")),
    );
    // It also continues a copy of the adapter.
    if (start !== "") {
      for (const name of adapterFiles) {
        await blobs.write(`${runFolder(model, record)}/from/${name}`, await blobs.read(`${start}/${name}`));
      }
    }
    // This replaces an unfinished run, which is intact until here.
    await this.#save(record);
    await this.#deleteUnused(record);
    return record;
  }

  // Saves the record for the next visit.
  async #save(record: RunRecord): Promise<void> {
    const { model, history } = this.#context;
    const copy = { ...record };
    const written = this.#saved.then(() => history.setRecord(runKey(model), copy));
    this.#saved = written.catch(() => {});
    await written;
  }

  // Deletes blobs that no record refers to: other runs and their remains.
  async #deleteUnused(record: RunRecord | undefined): Promise<void> {
    const { model, history } = this.#context;
    const adapters = [...(await adapterFolders(history, model))];
    const under = (name: string, folder: string | undefined) => folder !== undefined && name.startsWith(`${folder}/`);
    const { blobs } = await this.#context.client();
    for (const name of await blobs.list(runsFolder(model))) {
      const inUse = adapters.some((folder) => under(name, folder)) && !name.includes("/checkpoint/");
      if (!inUse && !under(name, record && runFolder(model, record))) await blobs.delete(name);
    }
  }

  // Tests both models on the texts that the run held out; undefined if there are none.
  async #compare(record: RunRecord, adapter: string): Promise<Comparison | undefined> {
    const params = (plain: boolean): EvaluateParams => ({
      base: this.#context.base,
      model: this.#context.model.folder,
      adapter: plain ? "" : adapter,
      retrieval: {},
      no_history: plain,
      source: sourceOf(this.#context, record),
    });
    try {
      const personalized = await this.#serve(record, "evaluate", params(false));
      return compare(await this.#serve(record, "evaluate", params(true)), personalized);
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
      throw thrown;
    }
  }

  // Runs one call to its end, through pauses and losses of the GPU.
  #serve(record: RunRecord, name: "personalize", p: PersonalizeParams): Promise<PersonalizeResult>;
  #serve(record: RunRecord, name: "evaluate", p: EvaluateParams): Promise<EvaluateResult>;
  async #serve(
    record: RunRecord,
    method: "personalize" | "evaluate",
    params: PersonalizeParams | EvaluateParams,
  ): Promise<PersonalizeResult | EvaluateResult> {
    for (;;) {
      await this.#mayRun();
      let client: GuestClient | undefined;
      try {
        client = await this.#context.client();
        const { signal } = this.#stop;
        const result = await client.call(method, params, {
          signal,
          onEvent: (e) => this.#take(runEvent(e, this.#phase), record),
        });
        return decodeResult[method](result, `result of ${method}`, "");
      } catch (thrown) {
        const fault = Fault.from(thrown, "internal");
        if (this.#stop.signal.aborted && fault.kind === "cancelled") continue; // #mayRun looks at #intent
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
      // The step is only shown after a reload. The checkpoint has its own.
      this.#save({ ...record, step: event.step }).catch(() => {});
    }
    this.#emit(event);
  }

  // Makes the new adapter the current one, in one transaction, then deletes what is no longer
  // needed.
  async #adopt(record: RunRecord, result: PersonalizeResult, folder: string): Promise<RunResult> {
    const { model, history } = this.#context;
    const old = await history.record<AdapterRecord>(adapterKey(model));
    await this.#saved;
    await history.setRecords([
      [
        adapterKey(model),
        {
          folder,
          preset: record.preset,
          epochs: record.epochs,
          items: record.items,
          heldout: result.heldout,
          made: new Date().toISOString(),
        } satisfies AdapterRecord,
      ],
      [runKey(model), undefined],
    ]);
    // The run is done. If this fails, the next run deletes the rest.
    await this.#cleanUp(old?.folder).catch(() => {});
    return { ...result, preset: record.preset as Preset };
  }

  async #discard(): Promise<void> {
    const { model, history } = this.#context;
    await this.#saved;
    await history.setRecord(runKey(model), undefined);
    await this.#cleanUp(undefined);
  }

  async #cleanUp(adapter: string | undefined): Promise<void> {
    await this.#deleteUnused(undefined);
    const { model, history } = this.#context;
    const { blobs } = await this.#context.client();
    if (adapter === undefined || (await adapterFolders(history, model)).has(adapter)) return;
    for (const name of await blobs.list(`${adapter}/`)) await blobs.delete(name);
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

const lockName = (model: Pick<Model, "id">): string => `nextquill-train-${model.id}`;

/** Whether a tab trains this model now. */
export async function isTraining(model: Pick<Model, "id">): Promise<boolean> {
  try {
    const { held = [] } = await navigator.locks.query();
    return held.some(({ name }) => name === lockName(model));
  } catch (thrown) {
    if (isDenied(thrown)) return false; // no other tab shares data with this page
    throw thrown;
  }
}

// Holds the lock of the model, so that only one tab trains it.
async function alone<T>(model: Model, train: () => Promise<T>): Promise<T> {
  return await withLock(lockName(model), { ifAvailable: true }, async (lock) => {
    if (lock === null) {
      throw new Fault("busy", {
        where: "personalize",
        detail: "this model is being trained, in this tab or another",
        remedy: "wait for that run, or cancel it there; writing works meanwhile",
      });
    }
    return await train();
  });
}

// The calls of a run.
function stagesOf(model: Model, record: RunRecord): Stage[] {
  const folder = runFolder(model, record);
  // The guest reports an unknown preset.
  const unknown: RecipePhase[] = [{ preset: record.preset as Preset, out: "adapter", from: true }];
  const all = (phases as Partial<Record<string, readonly RecipePhase[]>>)[record.preset] ?? unknown;
  return all.map(({ preset, out, expert, from, datastore }) => ({
    preset,
    out: `${folder}/${out}`,
    expert: expert === undefined ? undefined : `${folder}/${expert}`,
    from: from && record.from ? `${folder}/from` : undefined,
    datastore: datastore ?? false,
  }));
}

// The texts of the run: a copy of the history, whose newest texts are held out.
function sourceOf({ model }: RunContext, record: RunRecord): PersonalizeParams["source"] {
  const { heldout, maxItems } = record;
  return { history: `${runFolder(model, record)}/history.jsonl`, heldout_fraction: heldout, max_items: maxItems };
}

function paramsOf(context: RunContext, record: RunRecord, stage: Stage): PersonalizeParams {
  const { lora = {}, training = {} } = record;
  const { lr, batchSize, seed = defaults.seed, checkpointEvery, recompute, patience } = training;
  return {
    base: context.base,
    model: context.model.folder,
    source: sourceOf(context, record),
    retrieval: {},
    preset: stage.preset,
    expert: stage.expert,
    from: stage.from,
    datastore: stage.datastore ? defaults.datastore : undefined,
    lora,
    training: {
      epochs: record.epochs,
      batch_size: batchSize,
      lr,
      seed,
      checkpoint_every: checkpointEvery,
      recompute,
      patience,
    },
    out: stage.out,
    resume: true,
    keep_checkpoint: true, // until the record is saved
  };
}

/**
 * Whether a call failed because the GPU, guest or worker is lost, so that another client can repeat
 * it. @internal
 */
export function lost(fault: Fault): boolean {
  return (
    fault.kind === "device-lost" || (fault.kind === "internal" && (fault.where === "worker" || fault.where === "guest"))
  );
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

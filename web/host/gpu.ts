// Runs the guest's command batches on WebGPU.
//
// A batch runs when it is submitted, up to the first dispatch whose pipeline is still compiling.
// The rest waits in a queue. Pipelines compile in the background. WebGPU reports some errors later;
// they are stored and thrown by the next operation that waits (wait, read, load).

import { Access, type DeviceInfo } from "../api.gen.js";
import { cancelled, describe, Fault } from "../fault.js";
import { BatchReader, type Command } from "./abi.js";
import type { BlobStore, Bytes } from "./blobs.js";
import { awaitGPU } from "./firefoxPoll.js";

interface Buffer {
  readonly gpu: GPUBuffer;
  readonly name: string;
  readonly size: number;
}

interface Pipeline {
  readonly name: string;
  readonly layout: GPUBindGroupLayout;
  gpu: GPUComputePipeline | undefined;
  /** Settles when the pipeline is ready or has failed. */
  compiled: Promise<void> | undefined;
}

/** A batch, or the rest of it, that waits for a pipeline. */
interface Queued {
  readonly bytes: Bytes;
  /** Called when all of it was given to WebGPU. */
  readonly executed: () => void;
}

/** The rest of a batch, and the promise of the pipeline that it waits for. */
interface Blocked {
  readonly rest: Bytes;
  readonly until: Promise<void>;
}

type Of<Op extends Command["op"]> = Extract<Command, { op: Op }>;

// GPUBufferUsage and GPUMapMode. The specification fixes the values.
const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;
const mapRead = 0x1;
const computeStage = 0x4;

const bindingTypes: Record<Access, GPUBufferBindingType> = {
  [Access.uniform]: "uniform",
  [Access.read]: "read-only-storage",
  [Access.write]: "storage",
};

const chunkSize = 4 << 20; // bytes of one write during a load
const stagingMax = 16 << 20; // bytes of one copy during a read
const loadsInFlight = 32 << 20; // bytes written before a load waits for the device

/** A WebGPU device with the guest's buffers, pipelines and bind groups, by their handles. */
export class Device {
  readonly info: DeviceInfo;
  readonly #device: GPUDevice;
  readonly #buffers = new Map<number, Buffer>();
  readonly #pipelines = new Map<number, Pipeline>();
  readonly #groups = new Map<number, GPUBindGroup>();

  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #current: Pipeline | undefined; // set in the pass

  // Batches that wait for a pipeline, the first without its executed commands.
  #queue: Queued[] = [];
  #unfinished: Promise<void>[] = []; // for each batch that the GPU has not done, the oldest first
  #pump: Promise<void> | undefined; // works through #queue
  #scopes: Promise<void>[] = []; // pending error scopes
  readonly #compilations = new Set<Promise<void>>(); // pending
  #fault: Fault | undefined; // the first error that was not thrown yet
  #lost: Fault | undefined;
  #staging: GPUBuffer | undefined;

  #closed = false;

  // SwiftShader compiles one of the started pipelines at a time, in arbitrary order. On CPU devices
  // only two are started at once, so that they become ready about in the order requested.
  readonly #compilesAtOnce: number;
  #compiling = 0;
  #waiting: (() => void)[] = []; // start functions of waiting compilations

  /** `onLost` is called when the device is lost, but not for close(). */
  constructor(device: GPUDevice, info: DeviceInfo, onLost: (why: Fault) => void = () => {}) {
    this.#device = device;
    this.info = info;
    this.#compilesAtOnce = info.cpu ? 2 : Infinity;
    void device.lost.then((loss) => {
      this.#lost = new Fault("device-lost", {
        where: info.name,
        detail: loss.message || "the GPU was lost",
        remedy: "open the model again: training resumes from the newest checkpoint",
      });
      if (!this.#closed) onLost(this.#lost);
    });
    device.addEventListener("uncapturederror", (e) => {
      this.#keep(this.#refused("command", (e as GPUUncapturedErrorEvent).error.message));
    });
  }

  /** Why the device was lost, or undefined. */
  get lost(): Fault | undefined {
    return this.#lost;
  }

  /**
   * Runs a batch as far as possible and queues the rest. The caller may reuse `bytes` afterwards.
   */
  submit(bytes: Bytes): void {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#pump !== undefined) {
      this.#queue.push({ bytes: bytes.slice(), executed: this.#track() });
      return;
    }
    const blocked = this.#run(bytes);
    const executed = this.#track();
    if (blocked === undefined) executed();
    else this.#pump = this.#work(blocked.until, { bytes: blocked.rest, executed });
  }

  /**
   * Waits until at most `most` of the submitted batches are not finished, and if it is 0, until all
   * pipelines have compiled.
   */
  async wait(most: number, stop: AbortSignal): Promise<void> {
    while (this.#unfinished.length > most) {
      await unlessAborted(awaitGPU(this.#device.queue, this.#unfinished[0]!), stop);
    }
    if (most === 0) {
      const compiled = Promise.all(this.#compilations).then(() => {});
      await unlessAborted(compiled, stop);
    }
    const fault = this.#lost ?? this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) throw fault;
  }

  /**
   * Waits for the device and copies bytes of a buffer. `into` is called for the target when they
   * are ready.
   */
  async read(handle: number, offset: number, size: number, into: () => Bytes, stop: AbortSignal): Promise<void> {
    await this.#drain(stop);
    try {
      const buffer = this.#buffer(handle, offset, size, "read");
      for (let done = 0; done < size || size === 0; done += stagingMax) {
        const part = Math.min(stagingMax, size - done);
        await this.#copyOut(buffer, offset + done, part, (bytes) => into().set(bytes, done), stop);
        if (size === 0) break;
      }
    } catch (thrown) {
      await unlessAborted(this.#settle(), stop); // an earlier error is more informative
      throw thrown;
    }
    await unlessAborted(this.#settle(), stop);
  }

  /** Copies a range of a blob into a buffer, after everything submitted before. */
  async load(
    store: BlobStore,
    name: string,
    from: number,
    size: number,
    handle: number,
    to: number,
    stop: AbortSignal,
  ): Promise<void> {
    await this.#drain(stop);
    try {
      const buffer = this.#buffer(handle, to, Math.ceil(size / 4) * 4, "load");
      const chunk = new Uint8Array(Math.min(Math.ceil(size / 4) * 4, chunkSize));
      let inFlight = 0;
      for (let done = 0; done < size; done += chunkSize) {
        if (stop.aborted) throw cancelled();
        const part = Math.min(chunkSize, size - done);
        const padded = Math.ceil(part / 4) * 4;
        await store.read(name, from + done, chunk.subarray(0, part));
        if (this.#lost !== undefined) throw this.#lost;
        chunk.fill(0, part, padded);
        this.#scoped("load", () => this.#device.queue.writeBuffer(buffer.gpu, to + done, chunk, 0, padded));
        inFlight += padded;
        if (inFlight >= loadsInFlight) {
          inFlight = 0;
          await awaitGPU(this.#device.queue, this.#device.queue.onSubmittedWorkDone());
        }
      }
    } catch (thrown) {
      await unlessAborted(this.#settle(), stop);
      throw thrown;
    }
    await unlessAborted(this.#settle(), stop);
  }

  /** Destroys the device, like a driver reset. For tests. */
  lose(): void {
    this.#device.destroy();
  }

  /** Frees everything. */
  close(): void {
    this.#queue = [];
    for (const b of this.#buffers.values()) b.gpu.destroy();
    this.#buffers.clear();
    this.#pipelines.clear();
    this.#groups.clear();
    this.#staging?.destroy();
    this.#closed = true;
    this.#device.destroy();
  }

  // Executes a batch. If it reaches a pipeline that is compiling, it returns the rest of the batch
  // and the promise to wait for.
  #run(bytes: Bytes): Blocked | undefined {
    return this.#scoped("command batch", () => {
      try {
        const reader = new BatchReader(bytes);
        for (;;) {
          const start = reader.offset;
          const command = reader.next();
          if (command === undefined) break;
          const until = command.op === "dispatch" ? this.#pipelines.get(command.pipeline)?.compiled : undefined;
          if (until !== undefined) {
            this.#flush();
            return { rest: bytes.slice(start), until };
          }
          try {
            this.#execute(command);
          } catch (thrown) {
            this.#abandon();
            this.#destroyOnly(reader);
            throw thrown;
          }
        }
        this.#flush();
        return undefined;
      } catch (thrown) {
        this.#abandon();
        throw thrown;
      }
    });
  }

  // Runs only the destroy commands in the rest of a failed batch. The guest does not know these
  // handles any more, so nothing else would free them.
  #destroyOnly(reader: BatchReader): void {
    for (let c = reader.next(); c !== undefined; c = reader.next()) {
      if (c.op === "destroyBuffer" || c.op === "destroyPipeline" || c.op === "destroyBindGroup") this.#execute(c);
    }
  }

  // Runs the queue until it is empty, starting with `rest` when `until` settles.
  async #work(until: Promise<void>, rest: Queued): Promise<void> {
    await until;
    for (let next: Queued | undefined = rest; next !== undefined; next = this.#queue.shift()) {
      while (this.#lost === undefined) {
        let blocked: Blocked | undefined;
        try {
          blocked = this.#run(next.bytes);
        } catch (thrown) {
          this.#keep(Fault.from(thrown, "device"));
        }
        if (blocked === undefined) break;
        await blocked.until;
        next = { bytes: blocked.rest, executed: next.executed };
      }
      next.executed();
    }
    this.#pump = undefined;
  }

  // Counts a batch as unfinished. The function that it returns is called when all of the batch was
  // given to WebGPU.
  #track(): () => void {
    let executed!: () => void;
    const done = new Promise<unknown>((resolve) => {
      executed = () => resolve(Promise.race([this.#device.queue.onSubmittedWorkDone(), this.#device.lost]));
    });
    const finished = done
      .catch(() => {}) // the device is lost, which is reported separately
      .then(() => {
        this.#unfinished.shift(); // batches finish in order
      });
    this.#unfinished.push(finished);
    return executed;
  }

  async #drain(stop: AbortSignal): Promise<void> {
    while (this.#pump !== undefined) await unlessAborted(this.#pump, stop);
    if (this.#lost !== undefined) throw this.#lost;
  }

  // Waits for all pending error scopes and throws the first error.
  async #settle(): Promise<void> {
    const scopes = this.#scopes;
    this.#scopes = [];
    await Promise.all(scopes);
    const fault = this.#lost ?? this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) throw fault;
  }

  #execute(c: Command): void {
    switch (c.op) {
      case "dispatch":
        this.#dispatch(c);
        return;
      case "writeBuffer":
        this.#write(c);
        return;
      case "clearBuffer":
        this.#clear(c);
        return;
      case "copyBuffer":
        this.#copy(c);
        return;
      case "createBuffer":
        this.#createBuffer(c);
        return;
      case "createPipeline":
        this.#createPipeline(c);
        return;
      case "createBindGroup":
        this.#createBindGroup(c);
        return;
      case "destroyBuffer":
        this.#destroyBuffer(c);
        return;
      // A compute pass keeps the objects that it uses alive.
      case "destroyPipeline":
        this.#pipelines.delete(c.pipeline);
        return;
      case "destroyBindGroup":
        this.#groups.delete(c.group);
        return;
    }
  }

  #dispatch(c: Of<"dispatch">): void {
    const p = this.#pipelines.get(c.pipeline);
    if (p?.gpu === undefined) throw misuse("dispatch", `pipeline ${c.pipeline} does not exist`);
    const g = this.#groups.get(c.group);
    if (g === undefined) throw misuse(p.name, `bind group ${c.group} does not exist`);
    const most = this.info.max_groups_per_dimension;
    if (c.x > most || c.y > most || c.z > most) {
      throw new Fault("device-limit", {
        where: p.name,
        field: "workgroups",
        detail: `dispatch of ${c.x}×${c.y}×${c.z}`,
        limit: `${most} per dimension`,
        remedy: "use a smaller token budget",
      });
    }
    this.#pass ??= this.#enc().beginComputePass();
    if (this.#current !== p) this.#pass.setPipeline(p.gpu);
    this.#current = p;
    this.#pass.setBindGroup(0, g);
    this.#pass.dispatchWorkgroups(c.x, c.y, c.z);
  }

  // Queue writes are not part of the command stream, so encoded commands are submitted first.
  #write(c: Of<"writeBuffer">): void {
    const b = this.#buffer(c.buffer, c.offset, c.data.byteLength, "write");
    if (c.data.byteLength === 0) return;
    this.#flush();
    this.#device.queue.writeBuffer(b.gpu, c.offset, c.data);
  }

  #clear(c: Of<"clearBuffer">): void {
    const b = this.#buffer(c.buffer, c.offset, c.size, "clear");
    if (c.size > 0) this.#encOutsidePass().clearBuffer(b.gpu, c.offset, c.size);
  }

  #copy(c: Of<"copyBuffer">): void {
    const from = this.#buffer(c.source, c.sourceOffset, c.size, "copy from");
    const to = this.#buffer(c.buffer, c.offset, c.size, "copy to");
    if (c.size > 0) this.#encOutsidePass().copyBufferToBuffer(from.gpu, c.sourceOffset, to.gpu, c.offset, c.size);
  }

  #createBuffer(c: Of<"createBuffer">): void {
    if (c.buffer === 0 || this.#buffers.has(c.buffer))
      throw misuse(c.name, `buffer handle ${c.buffer} is already in use`);
    const tooLarge = (detail: string): Fault =>
      new Fault("device-limit", {
        where: this.info.name,
        field: c.name,
        detail,
        limit: `${this.info.max_buffer_size} bytes`,
        remedy: "use a smaller token budget or a smaller model",
      });
    if (c.size <= 0 || c.size > this.info.max_buffer_size) throw tooLarge(`a buffer of ${c.size} bytes`);
    this.#device.pushErrorScope("out-of-memory");
    const gpu = this.#device.createBuffer({
      label: c.name,
      size: c.size,
      usage: usage.copySource | usage.copyTarget | usage.uniform | (c.uniform ? 0 : usage.storage),
    });
    const buffer = { gpu, name: c.name, size: c.size };
    this.#buffers.set(c.buffer, buffer);
    this.#watch(this.#device.popErrorScope(), () => {
      if (this.#buffers.get(c.buffer) === buffer) this.#buffers.delete(c.buffer);
      return tooLarge(`no memory for a buffer of ${c.size} bytes`);
    });
  }

  #createPipeline(c: Of<"createPipeline">): void {
    if (c.pipeline === 0 || this.#pipelines.has(c.pipeline))
      throw misuse(c.name, `pipeline handle ${c.pipeline} is already in use`);
    const { name: label } = c;
    const device = this.#device;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label, code: c.wgsl });
    const layout = device.createBindGroupLayout({
      label,
      entries: c.bindings.map((access, binding) => ({
        binding,
        visibility: computeStage,
        buffer: { type: bindingTypes[access] },
      })),
    });
    const pipelineLayout = device.createPipelineLayout({ label, bindGroupLayouts: [layout] });
    const scope = device.popErrorScope();
    const pipeline: Pipeline = { name: c.name, layout, gpu: undefined, compiled: undefined };
    this.#pipelines.set(c.pipeline, pipeline);
    const wanted = (): boolean => this.#pipelines.get(c.pipeline) === pipeline;
    const compute = { module, entryPoint: "main" };
    const made = this.#inTurn(async () =>
      wanted() ? await device.createComputePipelineAsync({ label, layout: pipelineLayout, compute }) : undefined,
    );
    const finish = async (): Promise<void> => {
      try {
        const [error, gpu] = await Promise.all([scope, made]);
        if (error !== null) throw error;
        pipeline.gpu = gpu;
      } catch (thrown) {
        if (wanted()) {
          this.#pipelines.delete(c.pipeline);
          this.#keep(this.#refused(`kernel ${c.name}`, await compilationErrors(module, c.wgsl, thrown)));
        }
      }
      pipeline.compiled = undefined;
    };
    const compiled = finish();
    pipeline.compiled = compiled;
    this.#compilations.add(compiled);
    void compiled.then(() => this.#compilations.delete(compiled));
  }

  // Runs compile when fewer than #compilesAtOnce compilations are running.
  async #inTurn<T>(compile: () => Promise<T>): Promise<T> {
    if (this.#compiling < this.#compilesAtOnce) this.#compiling++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await compile();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#compiling--;
      else next();
    }
  }

  #createBindGroup(c: Of<"createBindGroup">): void {
    const p = this.#pipelines.get(c.pipeline);
    if (p === undefined) throw misuse("bind group", `pipeline ${c.pipeline} does not exist`);
    if (c.group === 0 || this.#groups.has(c.group))
      throw misuse(p.name, `bind group handle ${c.group} is already in use`);
    const entries = c.entries.map((e, binding) => ({
      binding,
      resource: { buffer: this.#buffer(e.buffer, e.offset, e.size, p.name).gpu, offset: e.offset, size: e.size },
    }));
    // The label appears in WebGPU's error messages.
    this.#groups.set(c.group, this.#device.createBindGroup({ label: p.name, layout: p.layout, entries }));
  }

  // Destroying an unknown buffer is no error: its creation may have failed.
  #destroyBuffer(c: Of<"destroyBuffer">): void {
    const b = this.#buffers.get(c.buffer);
    if (b === undefined) return;
    this.#flush();
    this.#buffers.delete(c.buffer);
    b.gpu.destroy();
  }

  // Looks up a handle and checks that the range lies inside the buffer.
  #buffer(handle: number, offset: number, size: number, what: string): Buffer {
    const b = this.#buffers.get(handle);
    if (b === undefined) throw misuse(what, `buffer ${handle} does not exist`);
    if (offset < 0 || size > b.size - offset) {
      throw misuse(`${what} ${b.name}`, `bytes ${offset} to ${offset + size} of a buffer of ${b.size}`);
    }
    if (offset % 4 !== 0 || size % 4 !== 0) {
      throw misuse(`${what} ${b.name}`, `offset ${offset} and size ${size} must be multiples of 4`);
    }
    return b;
  }

  #enc(): GPUCommandEncoder {
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  #encOutsidePass(): GPUCommandEncoder {
    this.#endPass();
    return this.#enc();
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = this.#current = undefined;
  }

  // Submits the encoded commands.
  #flush(): void {
    if (this.#encoder === undefined) return;
    this.#endPass();
    const commands = this.#encoder.finish();
    this.#encoder = undefined;
    this.#device.queue.submit([commands]);
  }

  // Drops the encoded commands.
  #abandon(): void {
    this.#pass = this.#current = this.#encoder = undefined;
  }

  async #copyOut(
    buffer: Buffer,
    offset: number,
    size: number,
    take: (bytes: Uint8Array) => void,
    stop: AbortSignal,
  ): Promise<void> {
    if (size === 0) return;
    const staging = this.#scoped("read", () => {
      const staging = this.#reserve(size);
      this.#enc().copyBufferToBuffer(buffer.gpu, offset, staging, 0, size);
      this.#flush();
      return staging;
    });
    try {
      await unlessAborted(awaitGPU(this.#device.queue, staging.mapAsync(mapRead, 0, size)), stop);
    } catch (thrown) {
      if (stop.aborted) {
        // The buffer may be mapped later.
        this.#staging = undefined;
        staging.destroy();
        throw cancelled();
      }
      if (this.#staging === staging) this.#staging = undefined; // it may still be mapped
      await this.#mayBeLost();
      throw this.#lost ?? this.#refused(`read ${buffer.name}`, describe(thrown));
    }
    take(new Uint8Array(staging.getMappedRange(0, size)));
    staging.unmap();
  }

  #reserve(size: number): GPUBuffer {
    if (this.#staging === undefined || this.#staging.size < size) {
      this.#staging?.destroy();
      this.#staging = this.#device.createBuffer({
        label: "staging",
        size: Math.max(size, 64 << 10),
        usage: usage.mapRead | usage.copyTarget,
      });
    }
    return this.#staging;
  }

  // After a failure that a loss may have caused: waits until the loss is reported.
  async #mayBeLost(): Promise<void> {
    await Promise.race([this.#device.lost, new Promise((later) => setTimeout(later, 250))]);
    await Promise.resolve(); // let the handler of device.lost run first
  }

  // Runs f inside one error scope of each kind. WebGPU's messages name the buffer or kernel by its
  // label.
  #scoped<T>(what: string, f: () => T): T {
    const device = this.#device;
    device.pushErrorScope("internal");
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    try {
      return f();
    } finally {
      for (let i = 0; i < 3; i++)
        this.#watch(device.popErrorScope(), (error) => this.#refused(what, error.message, error));
    }
  }

  #watch(scope: Promise<GPUError | null>, fault: (error: GPUError) => Fault): void {
    const known = scope.then(
      (error) => {
        if (error !== null) this.#keep(fault(error));
      },
      () => {}, // the device is lost, which is reported separately
    );
    this.#scopes.push(known);
    if (this.#scopes.length > 1024) this.#scopes = [Promise.all(this.#scopes).then(() => {})];
  }

  #keep(fault: Fault): void {
    this.#fault ??= fault;
  }

  #refused(field: string, detail: string, error?: GPUError): Fault {
    const memory = typeof GPUOutOfMemoryError !== "undefined" && error instanceof GPUOutOfMemoryError;
    return new Fault(memory ? "device-limit" : "device", {
      where: this.info.name,
      field,
      detail: detail.trim().split("\n").slice(0, 12).join("\n"),
      remedy: memory
        ? "use a smaller token budget, activation recompute, or a smaller model"
        : "this is a bug in a kernel or in the driver: report it with the name of the GPU",
    });
  }
}

/** Awaits a promise, or throws a Fault of kind "cancelled" as soon as `stop` fires. */
async function unlessAborted(promise: Promise<void>, stop: AbortSignal): Promise<void> {
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(cancelled());
    stop.addEventListener("abort", abort);
    if (stop.aborted) abort();
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    stop.removeEventListener("abort", abort);
  }
}

// Returns the compiler's messages for a shader, each with its source line.
async function compilationErrors(module: GPUShaderModule, wgsl: string, thrown: unknown): Promise<string> {
  try {
    const { messages } = await module.getCompilationInfo();
    const lines = wgsl.split("\n");
    const errors = messages
      .filter((m) => m.type === "error")
      .map((m) => `line ${m.lineNum}, column ${m.linePos}: ${m.message}\n  ${lines[m.lineNum - 1]?.trim() ?? ""}`);
    if (errors.length > 0) return errors.join("\n");
  } catch {
    // the device is lost: only the first error is known
  }
  return thrown instanceof Error || thrown instanceof DOMException ? describe(thrown) : (thrown as GPUError).message;
}

function misuse(field: string, detail: string): Fault {
  return new Fault("device", {
    where: "command batch",
    field,
    detail,
    remedy: "this is a bug in NextQuill: report it",
  });
}

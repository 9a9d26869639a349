// The host: runs the guest, and does what it asks for. What wasm/host is in Go.

import * as abi from "./abi.js";
import { checkName, type BlobStore, type Bytes } from "./blobs.js";
import { cancelled, describe, Fault, quote, type ErrorInfo } from "../fault.js";
import type { Device } from "./gpu.js";
import { Exit, Log, wasi } from "./wasi.js";

/** An event of a method: JSON with a name in `event`. */
export type Event = { event: string } & Record<string, unknown>;

/** What an asynchronous import asked for. It runs when the guest has parked, and gives the reply. */
type Operation = (stop: AbortSignal) => Promise<Bytes | void>;

/** A value of an import's argument: an i32 as JavaScript gives it (signed), or an i64. */
type Argument = number | bigint;

interface Call {
  readonly onEvent: (event: Event) => void;
  readonly stop: AbortController;
  pending: { operation: Operation; token: number } | undefined;
  response: string | undefined;
}

const nothing: Bytes = new Uint8Array(0);

// A worker hears of a cancellation only between its tasks.
const longestTask = 12; // ms

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });

export class Host {
  readonly #device: Device;
  readonly #blobs: BlobStore;
  readonly #log: Log;
  #guest!: abi.Exports;
  #call: Call | undefined;
  #reply = nothing;
  #broken: Fault | undefined;
  #taskStart = 0;

  private constructor(device: Device, blobs: BlobStore, log: Log) {
    this.#device = device;
    this.#blobs = blobs;
    this.#log = log;
  }

  /** Starts a guest. One that imports anything outside the ABI is refused. */
  static async open(module: WebAssembly.Module, device: Device, blobs: BlobStore, print: (line: string) => void): Promise<Host> {
    checkModule(module);
    const host = new Host(device, blobs, new Log(print));
    try {
      const instance = await WebAssembly.instantiate(module, {
        [abi.moduleName]: host.#imports(),
        [abi.wasiModuleName]: wasi(() => host.#guest.memory, host.#log),
      });
      host.#guest = instance.exports as unknown as abi.Exports;
      host.#guest._initialize();
    } catch (thrown) {
      throw host.#trapped("starting", thrown);
    }
    const version = host.#guest.start(abi.version);
    if (version !== abi.version) {
      throw new Fault("mismatch", {
        where: "guest", field: "ABI version", detail: `${version}`, limit: `${abi.version}`,
        remedy: "serve the guest and the scripts of one build",
      });
    }
    return host;
  }

  /**
   * Serves one call to its end. When `stop` fires, the guest is told at the next operation that it waits for; the fault
   * is then "cancelled" as a rule, and the host stays usable. Calls must not overlap.
   */
  async call(method: string, params: unknown, onEvent: (event: Event) => void, stop: AbortSignal): Promise<unknown> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#device.lost !== undefined) throw this.#device.lost;
    if (stop.aborted) throw cancelled();
    if (this.#call !== undefined) throw new Fault("internal", { where: "host", field: method, detail: "called during another call" });
    const request = utf8.encode(JSON.stringify({ method, params: params === null ? undefined : params }));
    if (request.byteLength > abi.maxMessage) {
      throw new Fault("too-large", {
        where: method, field: "params", detail: `${request.byteLength} bytes`, limit: `${abi.maxMessage} bytes`,
        remedy: "pass large data as a blob",
      });
    }
    // A signal of our own: it is replaced once the guest knows that it is to stop.
    const call: Call = { onEvent, stop: new AbortController(), pending: undefined, response: undefined };
    const forward = () => call.stop.abort();
    stop.addEventListener("abort", forward);
    this.#call = call;
    this.#taskStart = performance.now();
    try {
      await this.#drive(call, method, request, stop);
    } catch (thrown) {
      throw (this.#broken = this.#trapped(method, thrown));
    } finally {
      stop.removeEventListener("abort", forward);
      this.#call = undefined;
      this.#reply = nothing;
    }
    return decodeResponse(call.response!);
  }

  // drive runs the guest until it parks, does what it waits for, and resumes it.
  // What it throws means that the guest is of no further use.
  async #drive(call: Call, method: string, request: Bytes, stop: AbortSignal): Promise<void> {
    const guest = this.#guest;
    const at = guest.alloc(request.byteLength);
    this.#view(method, at, request.byteLength, abi.maxMessage).set(request);
    let state = guest.call(at, request.byteLength);
    let told = false;
    while (state === abi.State.parked) {
      if (call.pending === undefined) throw new Error("it waits for nothing");
      const { operation, token } = call.pending;
      call.pending = undefined;
      // Once the guest knows that it is to stop, what it still asks for (a last
      // checkpoint) is its own decision, and is done.
      const status = await this.#perform(operation, told ? new AbortController().signal : call.stop.signal);
      if (performance.now() - this.#taskStart > longestTask) await this.#nextTask();
      if (stop.aborted && !told) {
        told = true;
        guest.cancel();
      }
      state = guest.resume(token, status);
    }
    if (state !== abi.State.done) throw new Error(abi.statusText(state));
    if (call.response === undefined) throw new Error("it gave no response");
  }

  async #perform(operation: Operation, stop: AbortSignal): Promise<number> {
    try {
      if (stop.aborted) throw cancelled();
      this.#reply = (await operation(stop)) ?? nothing;
      return this.#reply.byteLength;
    } catch (thrown) {
      return this.#refuse(thrown);
    }
  }

  async #nextTask(): Promise<void> {
    await nextTask();
    this.#taskStart = performance.now();
  }

  // The imports. None lets an exception pass through the guest: that would leave
  // it unusable. Everything in the arguments is the guest's word only.
  #imports(): Record<abi.ImportName, (...args: Argument[]) => number> {
    const sync = (serve: (...args: Argument[]) => number) => (...args: Argument[]): number => {
      try {
        return serve(...args);
      } catch (thrown) {
        return this.#refuse(thrown);
      }
    };
    const async = (name: string, start: (...args: Argument[]) => Operation) =>
      sync((...args) => {
        const call = this.#call;
        if (call === undefined || call.pending !== undefined) throw misuse(name, "called while another operation is under way");
        const token = u32(args.pop()!);
        call.pending = { operation: start(...args), token };
        return 0;
      });
    const blobs = this.#blobs;
    return {
      gpu_info: sync(() => {
        this.#reply = utf8.encode(JSON.stringify(this.#device.info));
        return this.#reply.byteLength;
      }),
      gpu_submit: sync((at, size) => {
        this.#device.submit(this.#view("gpu_submit", u32(at), u32(size), abi.maxBatch));
        return 0;
      }),
      emit: sync((at, size) => {
        const event = this.#json("emit", u32(at), u32(size));
        if (!isEvent(event)) throw new Fault("malformed", { where: "event", field: "event", detail: "no JSON with a name" });
        this.#call?.onEvent(event);
        return 0;
      }),
      respond: sync((at, size) => {
        const response = strict.decode(this.#view("respond", u32(at), u32(size), abi.maxMessage));
        if (this.#call !== undefined) this.#call.response = response;
        return 0;
      }),
      reply_read: sync((at, size) => {
        const reply = this.#reply;
        if (u32(size) >= reply.byteLength) this.#view("reply_read", u32(at), reply.byteLength, abi.maxMessage).set(reply);
        return reply.byteLength;
      }),
      gpu_read: async("gpu_read", (buffer, offset, at, size) => {
        const into = () => this.#view("gpu_read", u32(at), u32(size));
        into();
        return () => this.#device.read(u32(buffer), i64(offset), u32(size), into);
      }),
      blob_size: async("blob_size", (at, size) => {
        const name = this.#name("blob_size", at, size);
        return async () => {
          const reply = new DataView(new ArrayBuffer(8));
          reply.setBigUint64(0, BigInt(await blobs.size(name)), true);
          return new Uint8Array(reply.buffer);
        };
      }),
      blob_read: async("blob_read", (nameAt, nameSize, offset, at, size) => {
        const name = this.#name("blob_read", nameAt, nameSize);
        const into = () => this.#view("blob_read", u32(at), u32(size));
        into();
        return () => blobs.read(name, i64(offset), into());
      }),
      blob_write: async("blob_write", (nameAt, nameSize, at, size) => {
        const name = this.#name("blob_write", nameAt, nameSize);
        const from = () => this.#view("blob_write", u32(at), u32(size));
        from();
        return () => blobs.write(name, from());
      }),
      blob_delete: async("blob_delete", (at, size) => {
        const name = this.#name("blob_delete", at, size);
        return () => blobs.delete(name);
      }),
      blob_list: async("blob_list", (at, size) => {
        const prefix = strict.decode(this.#view("blob_list", u32(at), u32(size), abi.maxNameArg));
        return async () => {
          const reply = utf8.encode(JSON.stringify(await blobs.list(prefix)));
          if (reply.byteLength > abi.maxMessage) {
            throw new Fault("too-large", {
              where: "blob_list", detail: `a list of ${reply.byteLength} bytes`, limit: `${abi.maxMessage} bytes`,
              remedy: "ask with a longer prefix",
            });
          }
          return reply;
        };
      }),
      blob_to_gpu: async("blob_to_gpu", (nameAt, nameSize, offset, size, buffer, to) => {
        const name = this.#name("blob_to_gpu", nameAt, nameSize);
        const [from, n, at] = [i64(offset), i64(size), i64(to)];
        if (from < 0 || n < 0 || at < 0) throw misuse("blob_to_gpu", "an offset or size out of bounds");
        return (stop) => this.#device.load(blobs, name, from, n, u32(buffer), at, stop);
      }),
      yield: async("yield", () => () => this.#nextTask()),
    };
  }

  // refuse makes what was thrown the reply, and gives the status that says so.
  #refuse(thrown: unknown): number {
    this.#reply = utf8.encode(JSON.stringify(Fault.from(thrown, "internal", { where: "host" }).info()));
    return abi.failed;
  }

  // view gives bytes of the guest's memory, checked. Growing the memory detaches
  // views, so they are taken when they are used.
  #view(what: string, at: number, size: number, limit = 2 ** 32): Bytes {
    if (size > limit) throw new Fault("too-large", { where: "guest", field: what, detail: `${size} bytes`, limit: `${limit} bytes` });
    if (size === 0) return nothing;
    const buffer = this.#guest.memory.buffer as ArrayBuffer;
    if (at === 0 || at + size > buffer.byteLength) {
      throw new Fault("out-of-range", {
        where: "guest", field: what, detail: `${size} bytes at ${at} lie outside its memory of ${buffer.byteLength}`,
        remedy: "the guest is broken: build it again",
      });
    }
    return new Uint8Array(buffer, at, size);
  }

  #name(what: string, at: Argument, size: Argument): string {
    const bytes = this.#view(what, u32(at), u32(size), abi.maxNameArg);
    let name: string;
    try {
      name = strict.decode(bytes);
    } catch {
      throw new Fault("out-of-range", { field: "blob name", detail: "is not valid UTF-8" });
    }
    checkName(name);
    return name;
  }

  #json(what: string, at: number, size: number): unknown {
    try {
      return JSON.parse(strict.decode(this.#view(what, at, size, abi.maxMessage)));
    } catch (thrown) {
      throw Fault.from(thrown, "malformed", { where: what });
    }
  }

  // trapped is the fault of a guest that cannot go on, with the last that it said.
  #trapped(doing: string, thrown: unknown): Fault {
    if (thrown instanceof Fault && thrown.kind === "internal") return thrown;
    const { reason } = this.#log;
    return new Fault("internal", {
      where: "guest", field: doing, detail: reason === "" ? "it stopped" : `it stopped, saying ${quote(reason)}`,
      remedy: "open the session again; training resumes from the newest checkpoint",
      cause: thrown instanceof Exit ? thrown : new Error(describe(thrown)),
    });
  }
}

/** Refuses a module that asks for more than the ABI gives, or offers less. */
function checkModule(module: WebAssembly.Module): void {
  const given = wasi(() => new WebAssembly.Memory({ initial: 0 }), new Log(() => {}));
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const known =
      (from === abi.moduleName && (abi.importNames as readonly string[]).includes(name)) ||
      (from === abi.wasiModuleName && Object.hasOwn(given, name));
    if (!known || kind !== "function") {
      throw new Fault("unsupported", {
        where: "guest", field: `import ${from}.${name}`, detail: "is not part of the ABI",
        remedy: "serve the guest and the scripts of one build",
      });
    }
  }
  const exported = new Map(WebAssembly.Module.exports(module).map((e) => [e.name, e.kind]));
  for (const name of [...abi.exportNames, "memory"]) {
    if (exported.get(name) !== (name === "memory" ? "memory" : "function")) {
      throw new Fault("mismatch", {
        where: "guest", field: `export ${name}`, detail: "missing", remedy: "serve the guest and the scripts of one build",
      });
    }
  }
}

function decodeResponse(text: string): unknown {
  let response: { result?: unknown; error?: ErrorInfo };
  try {
    response = JSON.parse(text) as typeof response;
  } catch (thrown) {
    throw new Fault("malformed", { where: "response", detail: "no JSON", cause: thrown });
  }
  if (response.error !== undefined) throw Fault.fromInfo(response.error);
  return response.result;
}

function isEvent(value: unknown): value is Event {
  return typeof value === "object" && value !== null && "event" in value && typeof value.event === "string" && value.event !== "";
}

function misuse(what: string, detail: string): Fault {
  return new Fault("malformed", { where: "guest", field: what, detail, remedy: "the guest is broken: build it again" });
}

function u32(v: Argument): number {
  return Number(v) >>> 0;
}

// An offset or size; what is beyond 2⁵³ is beyond everything.
function i64(v: Argument): number {
  return Number(v);
}

// nextTask resolves in a new task of the worker, at once: timers would wait.
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}

// Runs the guest and serves its imports. wasm/host is the same in Go.

import type { ErrorInfo } from "../api.gen.js";
import * as api from "../api.gen.js";
import { cancelled, describe, Fault, quote } from "../fault.js";
import { type Exports, statusText } from "./abi.js";
import { type BlobStore, type Bytes, checkName } from "./blobs.js";
import type { Device } from "./gpu.js";
import { Exit, Log, wasi } from "./wasi.js";

/** An event of a method, as JSON. `event` is its name. */
export type Event = { event: string } & Record<string, unknown>;

/** The work of an asynchronous import. It runs after the guest has parked and returns the reply. */
type Operation = (stop: AbortSignal) => Promise<Bytes> | Promise<void>;

/** An argument of an import: an i32, which JavaScript passes as a signed number, or an i64. */
type Argument = number | bigint;

interface Call {
  readonly onEvent: (event: Event) => void;
  readonly stop: AbortController;
  pending: { operation: Operation; token: number } | undefined;
  response: string | undefined;
}

const nothing: Bytes = new Uint8Array(0);

// The worker receives messages, such as a cancellation, only between its tasks.
const longestTask = 12; // ms

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });

/** A running guest with its device and blobs. */
export class GuestHost {
  readonly #device: Device;
  readonly #blobs: BlobStore;
  readonly #log: Log;
  #guest!: Exports;
  #call: Call | undefined;
  #reply = nothing;
  #broken: Fault | undefined;
  #taskStart = 0;

  private constructor(device: Device, blobs: BlobStore, log: Log) {
    this.#device = device;
    this.#blobs = blobs;
    this.#log = log;
  }

  /** Starts a guest. Refuses a module that imports anything outside the ABI. */
  static async open(
    module: WebAssembly.Module,
    device: Device,
    blobs: BlobStore,
    print: (line: string) => void,
  ): Promise<GuestHost> {
    checkModule(module);
    const host = new GuestHost(device, blobs, new Log(print));
    try {
      const instance = await WebAssembly.instantiate(module, {
        [api.abiModule]: host.#imports(),
        [api.wasiModule]: wasi(() => host.#guest.memory, host.#log),
      });
      host.#guest = instance.exports as unknown as Exports;
      host.#guest._initialize();
    } catch (thrown) {
      throw host.#trapped("starting", thrown);
    }
    const version = host.#guest.start(api.abiVersion);
    if (version !== api.abiVersion) {
      throw new Fault("mismatch", {
        where: "guest",
        field: "ABI version",
        detail: `${version}`,
        limit: `${api.abiVersion}`,
        remedy: "serve the guest and the scripts of one build",
      });
    }
    return host;
  }

  /**
   * Serves one call. When `stop` fires, the guest is told at the next operation that it waits for.
   * The call then usually throws "cancelled", and the host stays usable. Calls must not overlap.
   */
  async call(method: string, params: unknown, onEvent: (event: Event) => void, stop: AbortSignal): Promise<unknown> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#device.lost !== undefined) throw this.#device.lost;
    if (stop.aborted) throw cancelled();
    if (this.#call !== undefined)
      throw new Fault("internal", { where: "host", field: method, detail: "called during another call" });
    const request = utf8.encode(JSON.stringify({ method, params: params === null ? undefined : params }));
    if (request.byteLength > api.maxMessage) {
      throw new Fault("too-large", {
        where: method,
        field: "params",
        detail: `${request.byteLength} bytes`,
        limit: `${api.maxMessage} bytes`,
        remedy: "pass large data as a blob",
      });
    }
    // The call has its own signal, because operations after the cancellation must not see it; see
    // #drive.
    const call: Call = { onEvent, stop: new AbortController(), pending: undefined, response: undefined };
    const forward = () => call.stop.abort();
    stop.addEventListener("abort", forward);
    this.#call = call;
    this.#taskStart = performance.now();
    try {
      await this.#drive(call, method, request, stop);
    } catch (thrown) {
      this.#broken = this.#trapped(method, thrown);
      throw this.#broken;
    } finally {
      stop.removeEventListener("abort", forward);
      this.#call = undefined;
      this.#reply = nothing;
    }
    return decodeResponse(call.response!);
  }

  // Runs the guest until it parks, performs the operation that it waits for, and resumes it. If
  // this throws, the guest is unusable.
  async #drive(call: Call, method: string, request: Bytes, stop: AbortSignal): Promise<void> {
    const guest = this.#guest;
    const at = guest.alloc(request.byteLength);
    this.#view(method, at, request.byteLength, api.maxMessage).set(request);
    let state = guest.call(at, request.byteLength);
    let cancelSent = false;
    while (state === api.State.parked) {
      if (call.pending === undefined) throw new Error("it parked without an operation");
      const { operation, token } = call.pending;
      call.pending = undefined;
      // A guest that knows about the cancellation may still work, such as write a last checkpoint.
      const status = await this.#perform(operation, cancelSent ? new AbortController().signal : call.stop.signal);
      if (performance.now() - this.#taskStart > longestTask) await this.#nextTask();
      if (stop.aborted && !cancelSent) {
        cancelSent = true;
        guest.cancel();
      }
      state = guest.resume(token, status);
    }
    if (state !== api.State.done) throw new Error(statusText(state));
    if (call.response === undefined) throw new Error("it returned no response");
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

  // The imports. None throws through the guest, which would leave it unusable. The arguments are
  // not trusted.
  #imports(): Record<(typeof api.importNames)[number], (...args: Argument[]) => number> {
    const sync =
      (serve: (...args: Argument[]) => number) =>
      (...args: Argument[]): number => {
        try {
          return serve(...args);
        } catch (thrown) {
          return this.#refuse(thrown);
        }
      };
    const async = (name: string, start: (...args: Argument[]) => Operation) =>
      sync((...args) => {
        const call = this.#call;
        if (call === undefined || call.pending !== undefined)
          throw misuse(name, "called while another operation is under way");
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
        this.#device.submit(this.#view("gpu_submit", u32(at), u32(size), api.maxBatch));
        return 0;
      }),
      emit: sync((at, size) => {
        const event = this.#json("emit", u32(at), u32(size));
        if (!isEvent(event))
          throw new Fault("malformed", { where: "event", field: "event", detail: "is not JSON with a name" });
        this.#call?.onEvent(event);
        return 0;
      }),
      respond: sync((at, size) => {
        const response = strict.decode(this.#view("respond", u32(at), u32(size), api.maxMessage));
        if (this.#call !== undefined) this.#call.response = response;
        return 0;
      }),
      reply_read: sync((at, size) => {
        const reply = this.#reply;
        if (u32(size) >= reply.byteLength)
          this.#view("reply_read", u32(at), reply.byteLength, api.maxMessage).set(reply);
        return reply.byteLength;
      }),
      gpu_wait: async("gpu_wait", (unfinished) => {
        const most = u32(unfinished!);
        return (stop) => this.#device.wait(most, stop);
      }),
      gpu_read: async("gpu_read", (buffer, offset, at, size) => {
        const into = () => this.#view("gpu_read", u32(at), u32(size));
        into();
        return (stop) => this.#device.read(u32(buffer), i64(offset), u32(size), into, stop);
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
        const prefix = strict.decode(this.#view("blob_list", u32(at), u32(size), api.maxNameArg));
        return async () => {
          const reply = utf8.encode(JSON.stringify(await blobs.list(prefix)));
          if (reply.byteLength > api.maxMessage) {
            throw new Fault("too-large", {
              where: "blob_list",
              detail: `a list of ${reply.byteLength} bytes`,
              limit: `${api.maxMessage} bytes`,
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

  // Makes an error the reply and returns the status of a failure.
  #refuse(thrown: unknown): number {
    this.#reply = utf8.encode(JSON.stringify(Fault.from(thrown, "internal", { where: "host" }).info()));
    return api.statusFailed;
  }

  // Returns a checked view of the guest's memory. Growing the memory detaches views, so a view is
  // created when it is used.
  #view(what: string, at: number, size: number, limit = 2 ** 32): Bytes {
    if (size > limit)
      throw new Fault("too-large", { where: "guest", field: what, detail: `${size} bytes`, limit: `${limit} bytes` });
    if (size === 0) return nothing;
    const buffer = this.#guest.memory.buffer as ArrayBuffer;
    if (at === 0 || at + size > buffer.byteLength) {
      throw new Fault("out-of-range", {
        where: "guest",
        field: what,
        detail: `${size} bytes at ${at} lie outside its memory of ${buffer.byteLength}`,
        remedy: "the guest is faulty: build it again",
      });
    }
    return new Uint8Array(buffer, at, size);
  }

  #name(what: string, at: Argument, size: Argument): string {
    const bytes = this.#view(what, u32(at), u32(size), api.maxNameArg);
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
      return JSON.parse(strict.decode(this.#view(what, at, size, api.maxMessage)));
    } catch (thrown) {
      throw Fault.from(thrown, "malformed", { where: what });
    }
  }

  // The fault of a guest that has stopped, with the reason that it logged.
  #trapped(doing: string, thrown: unknown): Fault {
    if (thrown instanceof Fault && thrown.kind === "internal") return thrown;
    const { reason } = this.#log;
    return new Fault("internal", {
      where: "guest",
      field: doing,
      detail: reason === "" ? "the guest stopped" : `the guest stopped: ${quote(reason)}`,
      remedy: "open the model again; training resumes from the newest checkpoint",
      cause: thrown instanceof Exit ? thrown : new Error(describe(thrown)),
    });
  }
}

/** Throws unless a module imports only what the ABI has, and exports all of it. */
function checkModule(module: WebAssembly.Module): void {
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const known =
      (from === api.abiModule && (api.importNames as readonly string[]).includes(name)) ||
      (from === api.wasiModule && (api.wasiNames as readonly string[]).includes(name));
    if (!known || kind !== "function") {
      throw new Fault("unsupported", {
        where: "guest",
        field: `import ${from}.${name}`,
        detail: "is not part of the ABI",
        remedy: "serve the guest and the scripts of one build",
      });
    }
  }
  const exported = new Map(WebAssembly.Module.exports(module).map((e) => [e.name, e.kind]));
  for (const name of [...api.exportNames, "memory"]) {
    if (exported.get(name) !== (name === "memory" ? "memory" : "function")) {
      throw new Fault("mismatch", {
        where: "guest",
        field: `export ${name}`,
        detail: "missing",
        remedy: "serve the guest and the scripts of one build",
      });
    }
  }
}

function decodeResponse(text: string): unknown {
  let response: { result?: unknown; error?: ErrorInfo };
  try {
    response = JSON.parse(text) as typeof response;
  } catch (thrown) {
    throw new Fault("malformed", { where: "response", detail: "is not JSON", cause: thrown });
  }
  if (response.error !== undefined) throw Fault.fromInfo(response.error);
  return response.result;
}

function isEvent(value: unknown): value is Event {
  return (
    typeof value === "object" &&
    value !== null &&
    "event" in value &&
    typeof value.event === "string" &&
    value.event !== ""
  );
}

function misuse(what: string, detail: string): Fault {
  return new Fault("malformed", { where: "guest", field: what, detail, remedy: "the guest is faulty: build it again" });
}

function u32(v: Argument): number {
  return Number(v) >>> 0;
}

// An offset or size. Values above 2⁵³ lose precision, but are out of range anyway.
function i64(v: Argument): number {
  return Number(v);
}

// Resolves in a new task of the worker without delay. A timer would wait.
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}

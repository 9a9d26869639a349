// The page's side of the worker: starts it, calls methods of the guest and accesses its blobs.

import type { DeviceInfo } from "../api.gen.js";
import { cancelled, type ErrorInfo, Fault } from "../fault.js";
import type { Bytes } from "./blobs.js";
import type { Event } from "./guest.js";
import type { Answer, BlobsOption, Notice, Opened, Request } from "./protocol.js";
import { startWorker, workerFault } from "./startWorker.js";

export type { FaultKind } from "../fault.js";
export { type BlobsOption, type Bytes, type DeviceInfo, type ErrorInfo, type Event, Fault };

export interface OpenOptions {
  /** The guest: its URL, or its bytes, which are transferred to the worker. */
  wasm: string | URL | ArrayBuffer;
  /** The SHA-256 that the guest must have, in hexadecimal. */
  sha256?: string;
  /** Where blobs are stored; by default on this device. */
  blobs?: BlobsOption;
  /** The worker's script; by default worker.js next to this module. See startWorker. */
  worker?: string | URL;
  /** Use the default limits of WebGPU and no features, like the weakest device. */
  baseline?: boolean;
  /** Receives each line that the guest prints. */
  onLog?: (line: string) => void;
  /** Called once when the GPU or the worker is lost, even when no call is running. */
  onLost?: ((why: Fault) => void) | undefined;
  /** Cancels opening. */
  signal?: AbortSignal;
}

export interface CallOptions {
  /** Receives each event of the method. */
  onEvent?: (event: Event) => void;
  /** Cancels the method. It saves its state, and the call throws a Fault of kind "cancelled". */
  signal?: AbortSignal | undefined;
}

interface Pending {
  resolve(value: unknown): void;
  reject(fault: Fault): void;
  onEvent: ((event: Event) => void) | undefined;
}

const closeTimeout = 5000; // ms

// Any request without its id.
type Body<R> = R extends Request ? Omit<R, "id"> : never;

/**
 * A guest in a worker, with a GPU and blobs. Calls run one after the other. Every error is a Fault.
 * After one of kind "device-lost" or "internal", close the client and open another one; blobs are
 * intact.
 */
export class GuestClient {
  /** The blobs. An operation waits for the calls before it. */
  readonly blobs = {
    size: (name: string) => this.#ask<number>({ type: "blob size", name }),
    read: (name: string) => this.#ask<Bytes>({ type: "blob read", name }),
    write: (name: string, data: Bytes) => this.#ask<void>({ type: "blob write", name, data }),
    delete: (name: string) => this.#ask<void>({ type: "blob delete", name }),
    /** The SHA-256 of a blob of any size, in hexadecimal. */
    hash: (name: string) => this.#ask<string>({ type: "blob hash", name }),
    // For large blobs in pieces, see BlobStore. append transfers the buffer of `data`.
    partial: (name: string) => this.#ask<number>({ type: "blob partial", name }),
    append: (name: string, offset: number, data: Bytes) =>
      this.#ask<void>({ type: "blob append", name, offset, data }, {}, [data.buffer]),
    hashPartial: (name: string, offset: number, size: number) =>
      this.#ask<string>({ type: "blob hash partial", name, offset, size }),
    finish: (name: string, sha256?: string) => this.#ask<string>({ type: "blob finish", name, sha256 }),
    list: (prefix = "") => this.#ask<string[]>({ type: "blob list", prefix }),
  };

  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #options: OpenOptions;
  #opened: Opened | undefined;
  #lastID = 0;
  #closed: Fault | undefined;
  #lost = false;

  private constructor(script: URL, options: OpenOptions) {
    const worker = startWorker(script);
    this.#worker = worker;
    this.#options = options;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#take(data);
    worker.onerror = (e) => {
      e.preventDefault();
      const why = workerFault(script, e.message);
      this.#lose(why);
      this.#end(why);
    };
  }

  /** Starts a worker with the guest and the GPU. */
  static async open(options: OpenOptions): Promise<GuestClient> {
    const { wasm, sha256, blobs = { kind: "opfs" }, baseline = false, signal } = options;
    if (signal?.aborted) throw cancelled();
    const url = new URL(options.worker ?? "./worker.js", import.meta.url);
    const client = new GuestClient(url, options);
    const stop = () => client.#end(cancelled());
    signal?.addEventListener("abort", stop);
    try {
      const source = wasm instanceof ArrayBuffer ? wasm : new URL(wasm, document.baseURI).href;
      const transfer = wasm instanceof ArrayBuffer ? [wasm] : [];
      const open = { wasm: source, sha256, blobs, baseline };
      client.#opened = await client.#ask<Opened>({ type: "open", open }, {}, transfer);
      return client;
    } catch (thrown) {
      client.#end(Fault.from(thrown, "internal"));
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** The GPU; sizes are in bytes. */
  get device(): DeviceInfo {
    return this.#opened!.device;
  }

  /** The hash and size of the guest. */
  get guest(): { sha256: string; bytes: number } {
    const { sha256, bytes } = this.#opened!;
    return { sha256, bytes };
  }

  /** Whether blobs stay when the worker ends. */
  get persistent(): boolean {
    return this.#opened!.persistent;
  }

  /** Whether the worker has ended. A worker whose GPU is lost still serves blobs. */
  get ended(): boolean {
    return this.#closed !== undefined;
  }

  /** Runs a method of the guest and returns its result as JSON. core/api has the methods. */
  call<Result = unknown>(method: string, params: unknown = null, options: CallOptions = {}): Promise<Result> {
    return this.#ask<Result>({ type: "call", method, params }, options);
  }

  /** Destroys the device, like a driver reset; calls then throw "device-lost". For tests. */
  loseDevice(): void {
    this.#notify({ type: "lose device" });
  }

  /** Cancels running calls and frees everything. */
  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    for (const id of this.#pending.keys()) this.#notify({ type: "cancel", id });
    // The worker may have crashed or hang: do not wait forever.
    const timeout = new Promise((later) => setTimeout(later, closeTimeout));
    await Promise.race([this.#ask({ type: "close" }).catch(() => {}), timeout]);
    this.#end(new Fault("cancelled", { where: "guest client", detail: "is closed", remedy: "open another one" }));
  }

  /** Ends the worker at once, like closing the tab. Blobs stay intact. */
  terminate(): void {
    this.#end(new Fault("cancelled", { where: "guest client", detail: "was terminated", remedy: "open another one" }));
  }

  async #ask<Result>(
    body: Body<Request>,
    { onEvent, signal }: CallOptions = {},
    transfer: Transferable[] = [],
  ): Promise<Result> {
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted) throw cancelled();
    const id = ++this.#lastID;
    const stop = () => this.#notify({ type: "cancel", id });
    signal?.addEventListener("abort", stop);
    try {
      return (await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onEvent });
        this.#worker.postMessage({ ...body, id } as Request, transfer);
      })) as Result;
    } catch (thrown) {
      throw Fault.from(thrown, "malformed", { where: "request" }); // such as parameters that cannot be posted
    } finally {
      this.#pending.delete(id);
      signal?.removeEventListener("abort", stop);
    }
  }

  #notify(notice: Notice): void {
    this.#worker.postMessage(notice);
  }

  #take(answer: Answer): void {
    switch (answer.type) {
      case "log":
        this.#options.onLog?.(answer.line);
        return;
      case "lost":
        this.#lose(Fault.fromInfo(answer.error));
        return;
      case "event":
        this.#pending.get(answer.id)?.onEvent?.(answer.event);
        return;
      case "result":
        this.#pending.get(answer.id)?.resolve(answer.value);
        return;
      case "error":
        this.#pending.get(answer.id)?.reject(Fault.fromInfo(answer.error));
        return;
    }
  }

  // A loss during open() is thrown by open() itself.
  #lose(why: Fault): void {
    if (this.#lost || this.#closed !== undefined || this.#opened === undefined) return;
    this.#lost = true;
    this.#options.onLost?.(why);
  }

  #end(why: Fault): void {
    this.#closed ??= why;
    this.#worker.terminate();
    for (const pending of this.#pending.values()) pending.reject(why);
    this.#pending.clear();
  }
}

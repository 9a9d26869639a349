// A client in a worker, as a page sees it: open, call a method, close.

import type { DeviceInfo } from "./device.js";
import type { Bytes } from "./blobs.js";
import { cancelled, Fault, type ErrorInfo } from "../fault.js";
import type { Event } from "./guest.js";
import type { Answer, BlobsOption, Notice, Opened, Request } from "./protocol.js";

export { Fault, type DeviceInfo, type BlobsOption, type Bytes, type ErrorInfo, type Event };
export type { FaultKind } from "../fault.js";

export interface OpenOptions {
  /** The guest: its address, or its bytes, which are handed to the worker. */
  wasm: string | URL | ArrayBuffer;
  /** The hash, in hexadecimal, that the guest must have. */
  sha256?: string;
  /** Where blobs are kept; by default on the device. */
  blobs?: BlobsOption;
  /** The worker's script; by default worker.js beside this module. It must be of the page's own origin. */
  worker?: string | URL;
  /** Use WebGPU's default limits and no features, as on the weakest device. */
  baseline?: boolean;
  /** Takes what the guest prints; by default it is dropped. */
  onLog?: (line: string) => void;
  /** Told once when the GPU or the worker is gone, whether or not a call was under way. */
  onLost?: ((why: Fault) => void) | undefined;
  /** Gives up opening. */
  signal?: AbortSignal;
}

export interface CallOptions {
  /** Takes each event of the method as it happens. */
  onEvent?: (event: Event) => void;
  /** Stops the method: it saves what it is to save, and the call throws a Fault of kind "cancelled". */
  signal?: AbortSignal | undefined;
}

interface Pending {
  resolve(value: unknown): void;
  reject(fault: Fault): void;
  onEvent: ((event: Event) => void) | undefined;
}

const closePatience = 5000; // ms

// A request without its id, whichever it is.
type Body<R> = R extends Request ? Omit<R, "id"> : never;

/**
 * A guest on this device's GPU. Calls are served one after the other. Every failure is a Fault; after one of kind
 * "device-lost" or "internal" close the client and open another: blobs are whole.
 */
export class GuestClient {
  /** The blobs of the client. A read or write waits for the calls before it. */
  readonly blobs = {
    size: (name: string) => this.#ask<number>({ type: "blob size", name }),
    read: (name: string) => this.#ask<Bytes>({ type: "blob read", name }),
    write: (name: string, data: Bytes) => this.#ask<void>({ type: "blob write", name, data }),
    delete: (name: string) => this.#ask<void>({ type: "blob delete", name }),
    /** The SHA-256 in hexadecimal; a blob of any size. */
    hash: (name: string) => this.#ask<string>({ type: "blob hash", name }),
    // A large blob in pieces, see BlobStore. append takes the bytes' buffer with it.
    partial: (name: string) => this.#ask<number>({ type: "blob partial", name }),
    append: (name: string, offset: number, data: Bytes) => this.#ask<void>({ type: "blob append", name, offset, data }, {}, [data.buffer]),
    hashPartial: (name: string, offset: number, size: number) => this.#ask<string>({ type: "blob hash partial", name, offset, size }),
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

  private constructor(worker: Worker, options: OpenOptions) {
    this.#worker = worker;
    this.#options = options;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#take(data);
    worker.onerror = (e) => {
      e.preventDefault();
      const why = new Fault("internal", { where: "worker", detail: e.message || "its script cannot be loaded", remedy: "reload the page" });
      this.#lose(why);
      this.#end(why);
    };
  }

  /** Starts a worker, the guest in it, and the GPU. */
  static async open(options: OpenOptions): Promise<GuestClient> {
    const { wasm, sha256, blobs = { kind: "opfs" }, baseline = false, signal } = options;
    if (signal?.aborted) throw cancelled();
    const url = new URL(options.worker ?? "./worker.js", import.meta.url);
    const client = new GuestClient(new Worker(trusted(url), { type: "module", name: "nextquill" }), options);
    const stop = () => client.#end(cancelled());
    signal?.addEventListener("abort", stop);
    try {
      const source = wasm instanceof ArrayBuffer ? wasm : new URL(wasm, document.baseURI).href;
      const transfer = wasm instanceof ArrayBuffer ? [wasm] : [];
      client.#opened = await client.#ask<Opened>({ type: "open", open: { wasm: source, sha256, blobs, baseline } }, {}, transfer);
      return client;
    } catch (thrown) {
      client.#end(Fault.from(thrown, "internal"));
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** The GPU. */
  get device(): DeviceInfo {
    return this.#opened!.device;
  }

  /** The guest that runs: its hash and size. */
  get guest(): { sha256: string; bytes: number } {
    const { sha256, bytes } = this.#opened!;
    return { sha256, bytes };
  }

  /** Whether the worker is gone: closed, or broken down. One whose GPU is lost still serves blobs. */
  get ended(): boolean {
    return this.#closed !== undefined;
  }

  /** Runs a method of core/session and returns its result. */
  call<Result = unknown>(method: string, params: unknown = null, options: CallOptions = {}): Promise<Result> {
    return this.#ask<Result>({ type: "call", method, params }, options);
  }

  /** Takes the GPU away as a driver that resets would: calls then throw "device-lost". For tests. */
  loseDevice(): void {
    this.#notify({ type: "lose device" });
  }

  /** Frees everything. Calls under way are cancelled. */
  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    for (const id of this.#pending.keys()) this.#notify({ type: "cancel", id });
    // A worker that is gone or hangs is ended all the same.
    const patience = new Promise((later) => setTimeout(later, closePatience));
    await Promise.race([this.#ask({ type: "close" }).catch(() => {}), patience]);
    this.#end(new Fault("cancelled", { where: "client", detail: "closed", remedy: "open another one" }));
  }

  /** Ends the worker at once, whatever it is doing, as closing the tab does. Blobs stay whole. */
  terminate(): void {
    this.#end(new Fault("cancelled", { where: "client", detail: "terminated", remedy: "open another one" }));
  }

  async #ask<Result>(body: Body<Request>, { onEvent, signal }: CallOptions = {}, transfer: Transferable[] = []): Promise<Result> {
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
      throw Fault.from(thrown, "malformed", { where: "request" }); // what cannot be posted, for one
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

  // What is lost before it was open, open itself throws.
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

// Where the page enforces Trusted Types, a worker's address needs a policy, which
// the page's own must allow by the name "nextquill".
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: { createScriptURL(url: string): string } | undefined;

function trusted(url: URL): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  if (url.origin !== location.origin) {
    throw new Fault("unsupported", { where: url.href, field: "worker", detail: "is of another origin", remedy: "serve the script from the page's own site" });
  }
  if (trustedTypes === undefined) return url.href;
  policy ??= trustedTypes.createPolicy("nextquill", { createScriptURL: (href) => href });
  return policy.createScriptURL(url.href);
}

// The boundary between guest and host in constants, and the decoding of command
// batches. ../wasm/abi/README.md says it in words.

import { Fault } from "../fault.js";

/** Checked when a guest starts. */
export const version = 1;

/** The guest's import module; WASI beside it has what wasi.ts gives. */
export const moduleName = "nextquill";
export const wasiModuleName = "wasi_snapshot_preview1";

/** What call and resume return; below zero the export did nothing. */
export const State = { done: 0, parked: 1 } as const;

/** An import's or operation's failure; the reply is then an ErrorInfo. */
export const failed = -1;

/** Limits that both sides hold to. */
export const maxBatch = 8 << 20;
export const maxCommands = 1 << 16;
export const maxMessage = 32 << 20;
export const maxNameArg = 4 << 10;
const maxBindings = 64;

/** The guest's exports. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  start(version: number): number;
  alloc(size: number): number;
  free(ptr: number): void;
  call(ptr: number, len: number): number;
  resume(token: number, status: number): number;
  cancel(): void;
}

export const exportNames = ["_initialize", "start", "alloc", "free", "call", "resume", "cancel"] as const;

/** The imports of `moduleName`. Nothing else reaches the outside. */
export const importNames = [
  "gpu_info", "gpu_submit", "gpu_read", "blob_size", "blob_read", "blob_write", "blob_delete", "blob_list",
  "blob_to_gpu", "yield", "emit", "respond", "reply_read",
] as const;

export type ImportName = (typeof importNames)[number];

/** What statuses below −1 mean. */
export function statusText(status: number): string {
  switch (status) {
    case -2: return "busy with another call";
    case -3: return "not started, or started with another ABI version";
    case -4: return "nothing waits for this token";
    case -5: return "the request is not in memory from alloc";
  }
  return `unknown status ${status}`;
}

/** How a shader uses one binding. */
export type Access = 1 | 2 | 3; // uniform, read-only storage, storage

export interface Entry {
  buffer: number;
  offset: number;
  size: number;
}

/** One decoded command. `data` is a view of the batch. */
export type Command =
  | { op: "createBuffer"; buffer: number; size: number; uniform: boolean; name: string }
  | { op: "destroyBuffer"; buffer: number }
  | { op: "writeBuffer"; buffer: number; offset: number; data: Uint8Array<ArrayBuffer> }
  | { op: "clearBuffer"; buffer: number; offset: number; size: number }
  | { op: "copyBuffer"; source: number; sourceOffset: number; buffer: number; offset: number; size: number }
  | { op: "createPipeline"; pipeline: number; name: string; wgsl: string; bindings: Access[] }
  | { op: "destroyPipeline"; pipeline: number }
  | { op: "createBindGroup"; group: number; pipeline: number; entries: Entry[] }
  | { op: "destroyBindGroup"; group: number }
  | { op: "dispatch"; pipeline: number; group: number; x: number; y: number; z: number };

const utf8 = new TextDecoder();

/**
 * Reads a batch command by command, so that a long one is never in memory twice.
 * It checks the form only; handles and ranges are the device's to check.
 */
export class BatchReader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #offset = 0;
  #commands = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    if (bytes.byteLength > maxBatch) {
      throw new Fault("too-large", { where: "command batch", detail: `${bytes.byteLength} bytes`, limit: `${maxBatch} bytes` });
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far: a batch cut here is two batches. */
  get offset(): number {
    return this.#offset;
  }

  /** The next command, or undefined at the end. */
  next(): Command | undefined {
    if (this.#offset === this.#bytes.byteLength) return undefined;
    if (++this.#commands > maxCommands) {
      throw new Fault("too-large", { where: "command batch", detail: "more commands than one batch may hold", limit: `${maxCommands}` });
    }
    return this.#command();
  }

  #command(): Command {
    const op = this.#word();
    switch (op) {
      case 1: {
        const [buffer, size, usage] = [this.#word(), this.#long(), this.#word()];
        if (usage !== 1 && usage !== 2) throw this.#problem("no such usage");
        return { op: "createBuffer", buffer, size, uniform: usage === 2, name: this.#text() };
      }
      case 2:
        return { op: "destroyBuffer", buffer: this.#word() };
      case 3:
        return { op: "writeBuffer", buffer: this.#word(), offset: this.#long(), data: this.#data() };
      case 4:
        return { op: "clearBuffer", buffer: this.#word(), offset: this.#long(), size: this.#long() };
      case 5:
        return {
          op: "copyBuffer", source: this.#word(), sourceOffset: this.#long(),
          buffer: this.#word(), offset: this.#long(), size: this.#long(),
        };
      case 6:
        return {
          op: "createPipeline", pipeline: this.#word(), name: this.#text(), wgsl: this.#text(),
          bindings: this.#list(() => this.#access()),
        };
      case 7:
        return { op: "destroyPipeline", pipeline: this.#word() };
      case 8:
        return {
          op: "createBindGroup", group: this.#word(), pipeline: this.#word(),
          entries: this.#list(() => ({ buffer: this.#word(), offset: this.#long(), size: this.#long() })),
        };
      case 9:
        return { op: "destroyBindGroup", group: this.#word() };
      case 10:
        return {
          op: "dispatch", pipeline: this.#word(), group: this.#word(), x: this.#word(), y: this.#word(), z: this.#word(),
        };
    }
    throw this.#problem(`no operation ${op}`);
  }

  #word(): number {
    if (this.#bytes.byteLength - this.#offset < 4) throw this.#problem("cut short");
    const v = this.#view.getUint32(this.#offset, true);
    this.#offset += 4;
    return v;
  }

  // A size or offset. What is beyond 2⁵³ no buffer has; it may lose its last bits.
  #long(): number {
    const [low, high] = [this.#word(), this.#word()];
    if (high >= 0x8000_0000) throw this.#problem("a negative offset or size");
    return high * 0x1_0000_0000 + low;
  }

  #data(): Uint8Array<ArrayBuffer> {
    const n = this.#word();
    const padded = Math.ceil(n / 4) * 4;
    if (padded > this.#bytes.byteLength - this.#offset) throw this.#problem("a length past the end");
    const data = this.#bytes.subarray(this.#offset, this.#offset + n);
    this.#offset += padded;
    return data;
  }

  #text(): string {
    return utf8.decode(this.#data());
  }

  #list<T>(element: () => T): T[] {
    const n = this.#word();
    if (n > maxBindings) throw this.#problem("too many bindings");
    return Array.from({ length: n }, element);
  }

  #access(): Access {
    const a = this.#word();
    if (a !== 1 && a !== 2 && a !== 3) throw this.#problem("no such access");
    return a;
  }

  #problem(what: string): Fault {
    return new Fault("malformed", {
      where: "command batch",
      detail: `command ${this.#commands - 1} before byte ${this.#offset}: ${what}`,
      remedy: "guest and host are of different builds, or the guest is broken",
    });
  }
}

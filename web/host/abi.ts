// The boundary between guest and host: the exports of the guest, and the decoding of command
// batches. The constants come from ../api.gen.ts; ../../wasm/abi/README.md describes both.

import { Access, maxBatch, maxBindings, maxCommands, Op, statusTexts, Usage } from "../api.gen.js";
import { Fault } from "../fault.js";

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

/** The text of a status below statusFailed. */
export function statusText(status: number): string {
  return statusTexts[status] ?? `unknown status ${status}`;
}

/** One entry of a bind group: a range of a buffer, in bytes. */
export interface Entry {
  buffer: number;
  offset: number;
  size: number;
}

/** One decoded command. `data` is a view of the batch, not a copy. */
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
 * Decodes a batch one command at a time, so that a long batch is never in memory twice. It checks
 * the encoding only; the device checks handles and ranges.
 */
export class BatchReader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #offset = 0;
  #commands = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    if (bytes.byteLength > maxBatch) {
      throw new Fault("too-large", {
        where: "command batch",
        detail: `${bytes.byteLength} bytes`,
        limit: `${maxBatch} bytes`,
      });
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The number of bytes read so far. A batch may be split here. */
  get offset(): number {
    return this.#offset;
  }

  /** Returns the next command, or undefined at the end. */
  next(): Command | undefined {
    if (this.#offset === this.#bytes.byteLength) return undefined;
    if (++this.#commands > maxCommands) {
      throw new Fault("too-large", {
        where: "command batch",
        detail: "more commands than one batch may hold",
        limit: `${maxCommands}`,
      });
    }
    return this.#command();
  }

  #command(): Command {
    const op = this.#word();
    switch (op) {
      case Op.createBuffer: {
        const [buffer, size, usage] = [this.#word(), this.#long(), this.#word()];
        if (usage !== Usage.storage && usage !== Usage.uniform) throw this.#problem("unknown usage");
        return { op: "createBuffer", buffer, size, uniform: usage === Usage.uniform, name: this.#text() };
      }
      case Op.destroyBuffer:
        return { op: "destroyBuffer", buffer: this.#word() };
      case Op.writeBuffer:
        return { op: "writeBuffer", buffer: this.#word(), offset: this.#long(), data: this.#data() };
      case Op.clearBuffer:
        return { op: "clearBuffer", buffer: this.#word(), offset: this.#long(), size: this.#long() };
      case Op.copyBuffer:
        return {
          op: "copyBuffer",
          source: this.#word(),
          sourceOffset: this.#long(),
          buffer: this.#word(),
          offset: this.#long(),
          size: this.#long(),
        };
      case Op.createPipeline:
        return {
          op: "createPipeline",
          pipeline: this.#word(),
          name: this.#text(),
          wgsl: this.#text(),
          bindings: this.#list(() => this.#access()),
        };
      case Op.destroyPipeline:
        return { op: "destroyPipeline", pipeline: this.#word() };
      case Op.createBindGroup:
        return {
          op: "createBindGroup",
          group: this.#word(),
          pipeline: this.#word(),
          entries: this.#list(() => ({ buffer: this.#word(), offset: this.#long(), size: this.#long() })),
        };
      case Op.destroyBindGroup:
        return { op: "destroyBindGroup", group: this.#word() };
      case Op.dispatch:
        return {
          op: "dispatch",
          pipeline: this.#word(),
          group: this.#word(),
          x: this.#word(),
          y: this.#word(),
          z: this.#word(),
        };
    }
    throw this.#problem(`unknown operation ${op}`);
  }

  #word(): number {
    if (this.#bytes.byteLength - this.#offset < 4) throw this.#problem("truncated");
    const v = this.#view.getUint32(this.#offset, true);
    this.#offset += 4;
    return v;
  }

  // A size or offset. Values above 2⁵³ lose their last bits, but no buffer is that large.
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
    if (a !== Access.uniform && a !== Access.read && a !== Access.write) throw this.#problem("unknown access");
    return a;
  }

  #problem(what: string): Fault {
    return new Fault("malformed", {
      where: "command batch",
      detail: `command ${this.#commands - 1} before byte ${this.#offset}: ${what}`,
      remedy: "use a guest and scripts of the same build",
    });
  }
}

// The functions of WASI that Go's runtime imports (wasm/abi lists them): the clock, random bytes,
// an empty environment, and standard streams that go to a log. None opens a file or a socket.

import type { wasiNames } from "../api.gen.js";

const ok = 0;
const badDescriptor = 8;
const invalid = 28;

/** Thrown by proc_exit. The instance cannot be used any more. */
export class Exit extends Error {
  constructor(readonly code: number) {
    super(`exited with code ${code}`);
  }
}

/** Splits output into lines, and keeps the reason that Go's runtime prints before it stops. */
export class Log {
  /** The line with the reason, or "". */
  reason = "";
  #line = "";
  readonly #decoder = new TextDecoder();

  constructor(private readonly print: (line: string) => void) {}

  write(bytes: Uint8Array): void {
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#line = lines.pop()!.slice(0, 4096);
    for (const line of lines) {
      if (this.reason === "" && /^(fatal error|panic): /.test(line)) this.reason = line;
      this.print(line);
    }
  }
}

/** The functions of wasi_snapshot_preview1. `memory` is called when the guest runs. */
export function wasi(
  memory: () => WebAssembly.Memory,
  log: Log,
): Record<(typeof wasiNames)[number], (...args: never[]) => number> {
  const view = () => new DataView(memory().buffer);
  const sizes = (count: number, bytes: number) => {
    view().setUint32(count, 0, true);
    view().setUint32(bytes, 0, true);
    return ok;
  };
  const nanoseconds = (clock: number): bigint => {
    const ms = clock === 0 ? performance.timeOrigin + performance.now() : performance.now();
    return BigInt(Math.round(ms * 1e6));
  };
  return {
    args_get: () => ok,
    args_sizes_get: sizes,
    environ_get: () => ok,
    environ_sizes_get: sizes,
    clock_time_get(clock: number, _precision: bigint, at: number): number {
      if (clock !== 0 && clock !== 1) return invalid;
      view().setBigUint64(at >>> 0, nanoseconds(clock), true);
      return ok;
    },
    random_get(at: number, size: number): number {
      // getRandomValues accepts at most 64 KiB.
      for (let done = 0; done < size >>> 0; done += 65536) {
        const n = Math.min(65536, (size >>> 0) - done);
        crypto.getRandomValues(new Uint8Array(memory().buffer as ArrayBuffer, (at >>> 0) + done, n));
      }
      return ok;
    },
    // A worker cannot sleep without shared memory. Go's runtime polls until the time has come, so
    // every subscription may be answered at once.
    poll_oneoff(subscriptions: number, events: number, count: number, written: number): number {
      const v = view();
      for (let i = 0; i < count >>> 0; i++) {
        const [from, to] = [(subscriptions >>> 0) + 48 * i, (events >>> 0) + 32 * i];
        new Uint8Array(memory().buffer, to, 32).fill(0);
        v.setBigUint64(to, v.getBigUint64(from, true), true); // userdata
        v.setUint8(to + 10, v.getUint8(from + 8)); // type
      }
      v.setUint32(written >>> 0, count, true);
      return ok;
    },
    sched_yield: () => ok,
    proc_exit(code: number): number {
      throw new Exit(code);
    },
    fd_read(fd: number, _vectors: number, _count: number, read: number): number {
      if (fd !== 0) return badDescriptor;
      view().setUint32(read >>> 0, 0, true);
      return ok;
    },
    fd_write(fd: number, vectors: number, count: number, written: number): number {
      if (fd !== 1 && fd !== 2) return badDescriptor;
      const v = view();
      let total = 0;
      for (let i = 0; i < count >>> 0; i++) {
        const at = (vectors >>> 0) + 8 * i;
        const n = v.getUint32(at + 4, true);
        log.write(new Uint8Array(v.buffer, v.getUint32(at, true), n));
        total += n;
      }
      v.setUint32(written >>> 0, total, true);
      return ok;
    },
    fd_close: (fd: number) => (fd >= 0 && fd < 3 ? ok : badDescriptor),
    fd_fdstat_get(fd: number, at: number): number {
      if (fd < 0 || fd > 2) return badDescriptor;
      new Uint8Array(memory().buffer, at >>> 0, 24).fill(0);
      view().setUint8(at >>> 0, 2); // a character device
      return ok;
    },
    fd_fdstat_set_flags: (fd: number) => (fd >= 0 && fd < 3 ? ok : badDescriptor),
    fd_prestat_get: () => badDescriptor,
    fd_prestat_dir_name: () => badDescriptor,
  };
}

// Instruments for the page: importing this file counts the workers that are alive, and lets a write
// to the database fail. faultyWorker.ts does the same for what happens in the worker.

/** The workers of this page that are not terminated. */
export const workers = new Set<Worker>();

globalThis.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    workers.add(this);
  }

  override terminate(): void {
    workers.delete(this);
    super.terminate();
  }
};

let writesLeft = 0;
let onFailure = (): void => {};

/**
 * Makes the n-th write to the database from now on fail; 0 ends that. `failed` is called when it
 * happens.
 */
export function failDatabaseWrite(n: number, failed: () => void = () => {}): void {
  writesLeft = n;
  onFailure = failed;
}

for (const name of ["add", "put"] as const) {
  const write = IDBObjectStore.prototype[name];
  IDBObjectStore.prototype[name] = function (...args: Parameters<typeof write>) {
    if (writesLeft > 0 && --writesLeft === 0) {
      onFailure();
      throw new DOMException("no space is left", "QuotaExceededError");
    }
    return write.apply(this, args);
  };
}

/** What faultyWorker.ts takes. All workers of the origin take it. */
export interface WorkerCommand {
  /** The n-th write to a file from now on fails; 0 ends that. */
  fail?: number;
  /**
   * The next write to a file whose name contains this is cut in the middle, and the worker hangs.
   */
  tear?: string;
  /** Devices are lost soon after they are created. */
  loseDevices?: boolean;
  /** Destroys all devices. */
  destroy?: true;
  /** Asks for the number of live buffers. */
  count?: true;
}

/** What faultyWorker.ts tells. */
export interface WorkerNotice {
  started?: true;
  armed?: true;
  /** The write that failed. */
  failed?: "create" | "write" | "flush";
  torn?: true;
  /** Buffers that are alive. */
  live?: number;
  /** Buffers that were alive when their device was destroyed. */
  left?: number;
}

const channel = new BroadcastChannel("test");

export function tellWorkers(command: WorkerCommand): void {
  channel.postMessage(command);
}

/** Calls f with each notice of the workers, until the function that it returns is called. */
export function onNotice(f: (notice: WorkerNotice) => void): () => void {
  const listen = ({ data }: MessageEvent<WorkerNotice>) => f(data);
  channel.addEventListener("message", listen);
  return () => channel.removeEventListener("message", listen);
}

/** Resolves to the next notice that has the field. */
export function nextNotice<K extends keyof WorkerNotice>(field: K): Promise<NonNullable<WorkerNotice[K]>> {
  return new Promise((resolve) => {
    const stop = onNotice((notice) => {
      const value = notice[field];
      if (value === undefined) return;
      stop();
      resolve(value as NonNullable<WorkerNotice[K]>);
    });
  });
}

/** Makes the n-th write to a file from now on fail; 0 ends that. */
export async function failFileWrite(n: number): Promise<void> {
  const armed = nextNotice("armed");
  tellWorkers({ fail: n });
  await armed;
}

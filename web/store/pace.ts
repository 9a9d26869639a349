// Long work of the main thread, in slices.

// A slice in ms. Tasks of 50 ms and more delay input noticeably.
const slice = 10;

interface Scheduler {
  yield?(): Promise<void>;
}

/** Says when work has run for so long that the browser should handle input. */
export class Pace {
  #since = performance.now();

  /** Whether the slice is over. A new one begins when the work continues. */
  over(): boolean {
    return performance.now() - this.#since >= slice;
  }

  /** Begins a new slice. Call it in a new task. */
  restart(): void {
    this.#since = performance.now();
  }

  /** Lets the browser handle input if the slice is over. */
  async pause(): Promise<void> {
    if (!this.over()) return;
    await nextTask();
    this.restart();
  }
}

async function nextTask(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: Scheduler };
  if (scheduler?.yield !== undefined) await scheduler.yield();
  else await new Promise((resolve) => setTimeout(resolve));
}

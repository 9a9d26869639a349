// A model that stays on the GPU between calls, until nothing has used it for a while.

/** Seconds without a call after which the model leaves the GPU, by default. */
export const keepSeconds = 300;

// The limit while the page is hidden.
const hiddenSeconds = 30;

/** Counts the calls that use the model, and frees it when it has been idle. */
export class KeptModel {
  readonly #seconds: number;
  readonly #free: () => void;
  #calls = 0;
  #held = false; // whether a call may have left the model on the GPU
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #look = () => this.#wait();

  /** `free` is called after `seconds` without a call, or sooner if the page is hidden. */
  constructor(seconds: number, free: () => void) {
    this.#seconds = seconds;
    this.#free = free;
    if (seconds > 0) globalThis.document?.addEventListener("visibilitychange", this.#look);
  }

  /** Whether calls are to leave the model on the GPU. */
  get on(): boolean {
    return this.#seconds > 0;
  }

  /** Runs a call that uses the model. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#calls++;
    this.#held = this.on;
    this.#wait();
    try {
      return await call();
    } finally {
      this.#calls--;
      this.#wait();
    }
  }

  stop(): void {
    this.#held = false;
    this.#wait();
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#calls > 0 || !this.#held) return;
    const seconds = document.hidden ? Math.min(this.#seconds, hiddenSeconds) : this.#seconds;
    this.#timer = setTimeout(() => {
      this.#held = false;
      this.#free();
    }, seconds * 1e3);
  }
}

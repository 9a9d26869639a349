// Writing: a text that is streamed.

import { defaults, type WriteResult as GuestWriteResult, type Sampling } from "../api.gen.js";
import { aborted, cancelled, Fault } from "../fault.js";
import type { About } from "./source.js";

export interface WriteOptions {
  /** What to write about. */
  context?: About;
  /**
   * Cancels writing: the iterator and `result` throw the reason of the signal. Without a reason
   * they throw a Fault of kind "cancelled", with the name "AbortError".
   */
  signal?: AbortSignal | undefined;
  /**
   * Strengthens the user's style: adds this multiple of the history's effect to the logits. −10 to
   * 10; 0 (off) by default.
   */
  steer?: number;
  /** 0 always takes the most likely token; 0.7 by default. */
  temperature?: number;
  /** Sample from this number of most likely tokens; 40 by default, 0 is off. */
  topK?: number;
  /**
   * Sample from the most likely tokens with this total probability; 0.95 by default, 1 is off, 0
   * takes the most likely token.
   */
  topP?: number;
  /** Makes tokens that were used already less likely; 1.1 by default, 1 is off. */
  repetitionPenalty?: number;
  /** The seed of the sampling, from 0 to 2³²−1; random by default. */
  seed?: number;
  /** The maximum length in tokens; 96 by default. */
  maxTokens?: number;
  /** The name of a kept adapter to use instead of the current one. */
  adapter?: string;
  /** Use the base model, without an adapter and without history. For comparison. */
  plain?: boolean;
}

/**
 * The complete text. `stopped` is "eos" if the model ended it, or "length" if it reached maxTokens.
 */
export interface WriteResult extends GuestWriteResult {
  /** The seed that was used. The same seed, texts and adapter give the same draft. */
  seed: number;
}

/**
 * A text that is being written. Await it to get the text, or iterate over it once to get its
 * pieces; leaving the loop early cancels it. Writing continues whether or not you iterate; `result`
 * has the text with its figures.
 */
export class Draft implements AsyncIterable<string>, PromiseLike<string> {
  /** Resolves when the text is complete. Rejects with a Fault. */
  readonly result: Promise<WriteResult>;

  readonly #pieces: string[] = [];
  readonly #stop = new AbortController();
  #settled = false;
  #wake: (() => void) | undefined;

  /** @internal */
  constructor(
    write: (onText: (text: string) => void, signal: AbortSignal) => Promise<WriteResult>,
    signal: AbortSignal | undefined,
  ) {
    const abort = () => this.#stop.abort();
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    const take = (text: string) => {
      this.#pieces.push(text);
      this.#wake?.();
    };
    this.result = (async () => {
      try {
        if (this.#stop.signal.aborted) throw cancelled();
        return await write(take, this.#stop.signal);
      } catch (thrown) {
        throw aborted(signal, Fault.from(thrown, "internal"));
      } finally {
        signal?.removeEventListener("abort", abort);
        this.#settled = true;
        this.#wake?.();
      }
    })();
    this.result.catch(() => {}); // the iterator throws it, too
  }

  /** Cancels writing. */
  cancel(): void {
    this.#stop.abort();
  }

  /** Makes `await draft` the complete text. */
  // biome-ignore lint/suspicious/noThenProperty: a draft is meant to be awaited
  then<A = string, B = never>(
    onText?: ((text: string) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(({ text }) => text).then(onText, onError);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, void> {
    try {
      for (;;) {
        while (this.#pieces.length > 0) yield this.#pieces.shift()!;
        if (this.#settled) break;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      await this.result;
    } finally {
      this.#stop.abort();
    }
  }
}

/**
 * Passes the pieces of a text on. If the text is written again after the GPU was lost, the same
 * seed gives the same text, and the pieces that were passed on before are skipped.
 */
export class ResumableText {
  /** Set if the second text differs from the first. */
  broken: Fault | undefined;
  readonly #to: (text: string) => void;
  #passed = "";
  #repeated = ""; // of #passed
  #repeating = false;

  constructor(to: (text: string) => void) {
    this.#to = to;
  }

  take(text: string): void {
    if (this.#repeating) {
      this.#repeated += text;
      if (this.#passed.startsWith(this.#repeated)) return;
      if (!this.#repeated.startsWith(this.#passed)) {
        this.broken ??= new Fault("device-lost", {
          where: "write",
          detail: "the GPU was lost and the adapter was replaced: the text cannot be continued",
          remedy: "write it again",
        });
        return;
      }
      text = this.#repeated.slice(this.#passed.length);
      this.#repeating = false;
    }
    this.#passed += text;
    if (text !== "") this.#to(text);
  }

  again(): void {
    this.#repeated = "";
    this.#repeating = true;
  }
}

/** The sampling parameters, with the defaults of the command line. */
export function samplingOf(o: WriteOptions, seed: number): Sampling {
  const d = defaults.sampling;
  return {
    temperature: o.temperature ?? d.temperature,
    top_k: o.topK ?? d.top_k,
    top_p: o.topP ?? d.top_p,
    repetition_penalty: o.repetitionPenalty ?? d.repetition_penalty,
    max_tokens: o.maxTokens ?? d.max_tokens,
    steer: o.steer ?? 0,
    seed,
  };
}

/** A random seed. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

// Writing: a text that comes piece by piece.

import { cancelled, Fault } from "../fault.js";
import type { About } from "./source.js";

export interface WriteOptions {
  /** What to write about. */
  context?: About;
  /** Stops writing; the iterator and `result` then throw a Fault of kind "cancelled". */
  signal?: AbortSignal | undefined;
  /** Pushes towards the person: adds this share of the history's effect to the logits. −10 to 10, 0 (off) by default. */
  steer?: number;
  /** 0 takes the likeliest token each time; 0.7 by default. */
  temperature?: number;
  /** Draw among so many likeliest tokens; 40 by default, 0 is off. */
  topK?: number;
  /** Draw among the likeliest tokens that hold this probability; 0.95 by default, 1 is off. */
  topP?: number;
  /** Makes tokens that were used less likely; 1.1 by default, 1 is off. */
  repetitionPenalty?: number;
  /** Fixes the draw, from 0 to 2³²−1; random by default. */
  seed?: number;
  /** The longest text, in tokens; 96 by default. */
  maxTokens?: number;
  /** The name of a kept adapter to write with, instead of the one in use. */
  adapter?: string;
  /** Write as anyone would: without the adapter and without history. For comparison. */
  plain?: boolean;
}

/** The whole text. */
export interface WriteResult {
  text: string;
  tokens: number;
  /** "eos" when the model ended it, "length" when it was cut at maxTokens. */
  stopped: string;
  tokensPerSecond: number;
  /** The seed of the draw: the same seed, texts and adapter give the same draft. */
  seed: number;
}

/**
 * A text being written. Iterate over it, once, for its pieces; leaving the loop early stops it. Writing goes on whether or not
 * anyone iterates; `result` has the whole.
 */
export class Draft implements AsyncIterable<string> {
  /** Settles when the text is whole; rejects with a Fault. */
  readonly result: Promise<WriteResult>;

  readonly #pieces: string[] = [];
  readonly #stop = new AbortController();
  #settled = false;
  #wake: (() => void) | undefined;

  /** @internal */
  constructor(write: (onText: (text: string) => void, signal: AbortSignal) => Promise<WriteResult>, signal: AbortSignal | undefined) {
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
        throw Fault.from(thrown, "internal");
      } finally {
        signal?.removeEventListener("abort", abort);
        this.#settled = true;
        this.#wake?.();
      }
    })();
    this.result.catch(() => {}); // whoever only iterates gets it there
  }

  /** Stops writing. */
  cancel(): void {
    this.#stop.abort();
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
 * The text that a reader has been given. When it is made again, because the GPU was lost, the same seed gives the same text:
 * what was given already is left out.
 */
export class Told {
  /** Set when the text came out otherwise the second time. */
  broken: Fault | undefined;
  readonly #to: (text: string) => void;
  #given = "";
  #repeated = ""; // of what was given
  #repeating = false;

  constructor(to: (text: string) => void) {
    this.#to = to;
  }

  take(text: string): void {
    if (this.#repeating) {
      this.#repeated += text;
      if (this.#given.startsWith(this.#repeated)) return;
      if (!this.#repeated.startsWith(this.#given)) {
        this.broken ??= new Fault("device-lost", {
          where: "write", detail: "the GPU went away, and the text cannot be gone on with: the adapter was replaced meanwhile", remedy: "write it again",
        });
        return;
      }
      text = this.#repeated.slice(this.#given.length);
      this.#repeating = false;
    }
    this.#given += text;
    if (text !== "") this.#to(text);
  }

  again(): void {
    this.#repeated = "";
    this.#repeating = true;
  }
}

/** Sampling as the guest takes it, with the defaults of the command line. */
export function samplingOf(o: WriteOptions, seed: number): object {
  return {
    temperature: o.temperature ?? 0.7, top_k: o.topK ?? 40, top_p: o.topP ?? 0.95, repetition_penalty: o.repetitionPenalty ?? 1.1,
    steer: o.steer ?? 0, seed, max_tokens: o.maxTokens ?? 96,
  };
}

/** The seed that was given, checked, or a random one. */
export function seedOf(given: number | undefined): number {
  if (given === undefined) return crypto.getRandomValues(new Uint32Array(1))[0]!;
  if (Number.isInteger(given) && given >= 0 && given < 2 ** 32) return given;
  throw new Fault("out-of-range", { where: "write", field: "seed", detail: String(given), limit: "0 to 2³²−1" });
}

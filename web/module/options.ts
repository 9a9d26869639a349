// Options of a training run.

import type { Preset } from "../api.gen.js";

export type { Preset };

/** The shape of a new adapter. By default rank 16 and alpha 32, on all linear layers. */
export interface LoRAOptions {
  rank?: number;
  alpha?: number;
  targets?: string[];
}

export interface TrainingOptions {
  /** The learning rate; 1e-3 by default. */
  lr?: number;
  /** Texts per step; 8 by default. */
  batchSize?: number;
  /** The seed of the adapter and of the order of the texts; 1 by default. */
  seed?: number;
  /** Steps between checkpoints; 10 by default. */
  checkpointEvery?: number;
  /**
   * Run each layer again in the backward pass instead of storing its activations: less GPU memory,
   * slower, same result. By default used if the activations would exceed 512 MiB.
   */
  recompute?: boolean;
  /**
   * Stop after this many tests without a lower held-out loss. By default training never stops
   * early.
   */
  patience?: number;
}

export interface PersonalizeOptions {
  /**
   * The objective; "quill" by default, which trains like "contextsft" and then stores the user's
   * tokens in a datastore. "nextquill" is the method of the paper, in two phases: it first trains
   * an adapter with "contextsft", which then decides which tokens are the user's own during the
   * second phase. "nextquill-code" needs one phase only.
   */
  preset?: Preset;
  /** Passes over the texts in each phase; 3 by default. */
  epochs?: number;
  /** Cancels the run, as cancel() does. */
  signal?: AbortSignal | undefined;
  /** Resume the unfinished run of an earlier visit, with its options; see unfinished(). */
  resume?: boolean;
  /**
   * Continue training an adapter instead of creating one: true for the current one, or the name of
   * a kept one. It keeps its rank, alpha and layers, so `lora` must not be set.
   */
  from?: boolean | string;
  lora?: LoRAOptions;
  training?: TrainingOptions;
  /** The maximum number of texts to train on, the newest ones; all by default. */
  maxItems?: number;
  /** The share of the newest texts that are held out for testing; 0.2 by default. */
  heldout?: number;
}

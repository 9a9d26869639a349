// Options of opening a model and of a training run.

import type { Base, Preset } from "../api.gen.js";
import type { ImportSource } from "../import/options.js";
import type { ModelSource } from "./manifest.js";
import type { OnProgress } from "./progress.js";
import type { HubOptions } from "./remote.js";

export type { Preset };

export interface OpenOptions extends ImportSource, HubOptions {
  /**
   * The model: the id of a Hugging Face repository, a GGUF file (its URL, File or Blob), the URL of
   * a folder or manifest.json, or the files by name. URLs are relative to the page; that of a
   * folder ends in a slash.
   */
  model: ModelSource;
  /**
   * The format of the weights on the GPU. "auto", the default, is the smallest format that
   * represents the values of the files exactly. A smaller format needs less memory and is not
   * slower.
   */
  base?: Base | undefined;
  /**
   * The seconds for which write(), explain() and evaluate() leave the model on the GPU, so that the
   * next call starts at once; 300 by default. 0 frees it after each call. While the page is hidden,
   * it is freed after at most 30 seconds.
   */
  keep?: number | undefined;
  /** Cancels opening. The next attempt resumes the download. */
  signal?: AbortSignal | undefined;
  /** Receives the progress of the download, in the format of transformers.js. */
  onProgress?: OnProgress | undefined;
  /** The worker's script; by default worker.js next to this module. See docs/hosting.md. */
  worker?: string | URL | undefined;
  /** The URL of the guest; by default nextquill.wasm next to this module. */
  guest?: string | URL | undefined;
  /** The SHA-256 that the guest must have, in hexadecimal. */
  guestSHA256?: string | undefined;
}

/** The shape of a new adapter. By default rank 16 and alpha 32, on all linear layers. */
export interface LoRAOptions {
  rank?: number;
  alpha?: number;
  targets?: string[];
}

export interface TrainingOptions {
  /** The learning rate; 1e-3 by default. */
  lr?: number;
  /** Texts per step; by default a twentieth of the training texts, at least 2, at most 8. */
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
  /**
   * Also test the original model and the personalized one on the held-out texts at the end. The
   * result then has `comparison`.
   */
  compare?: boolean;
}

// Checks of arguments. A mistake is reported in the caller's terms, before anything starts.

import { ranges } from "../api.gen.js";
import { type Checks, checkAll, kind, numberIn, signal, text } from "../checks.js";
import type { WriteOptions } from "./draft.js";
import type { EvaluateOptions } from "./evaluate.js";
import type { ExplainOptions } from "./explain.js";
import type { OpenOptions, PersonalizeOptions } from "./options.js";

const { LoRA, Sampling, Source, Training } = ranges;

const seed = numberIn({ min: 0, max: 2 ** 32 - 1, int: true });
const flag = kind("true or false", (v) => typeof v === "boolean");
// Fields or text; aboutFields checks them.
const about = kind("text or fields", (v) => typeof v === "string" || (typeof v === "object" && v !== null));

const write: Checks<WriteOptions> = {
  context: about,
  signal,
  steer: numberIn(Sampling.steer),
  temperature: numberIn(Sampling.temperature),
  topK: numberIn(Sampling.top_k),
  topP: numberIn(Sampling.top_p),
  repetitionPenalty: numberIn(Sampling.repetition_penalty),
  seed,
  maxTokens: numberIn(Sampling.max_tokens),
  adapter: text,
  plain: flag,
};

const explain: Checks<ExplainOptions> = {
  context: about,
  text,
  signal,
  influence: flag,
  adapter: text,
  plain: flag,
};

const evaluate: Checks<EvaluateOptions> = {
  texts: kind("a list of texts", Array.isArray),
  plain: flag,
  signal,
};

const url = kind("a URL", (v) => typeof v === "string" || v instanceof URL);

const open: Checks<OpenOptions> = {
  model: kind("an id, a URL or files", (v) => typeof v === "string" || (typeof v === "object" && v !== null)),
  revision: text,
  file: text,
  hub: url,
  base: text, // the guest knows the formats
  keep: numberIn({ min: 0, max: 86400 }),
  signal,
  onProgress: kind("a function", (v) => typeof v === "function"),
  worker: url,
  guest: url,
  guestSHA256: text,
  importModule: url,
  importWorker: url,
  importSHA256: text,
};

const training: Checks<Required<PersonalizeOptions>["training"]> = {
  lr: numberIn(Training.lr),
  batchSize: numberIn(Training.batch_size),
  seed: numberIn({ min: 0, max: Number.MAX_SAFE_INTEGER, int: true }),
  checkpointEvery: numberIn(Training.checkpoint_every),
  recompute: flag,
  patience: numberIn(Training.patience),
};

const lora: Checks<Required<PersonalizeOptions>["lora"]> = {
  rank: numberIn(LoRA.rank),
  alpha: numberIn(LoRA.alpha),
  targets: kind("a list of names", (v) => Array.isArray(v) && v.every((name) => typeof name === "string")),
};

const personalize: Checks<PersonalizeOptions> = {
  preset: text, // the guest knows the presets
  epochs: numberIn(Training.epochs),
  signal,
  resume: flag,
  from: kind("true, false or the name of an adapter", (v) => typeof v === "boolean" || typeof v === "string"),
  lora: (where, field, value) => checkAll(where, `${field}.`, value, lora),
  training: (where, field, value) => checkAll(where, `${field}.`, value, training),
  maxItems: numberIn(Source.max_items),
  heldout: numberIn(Source.heldout_fraction),
  compare: flag,
};

/** Checks the options of write(). Throws "out-of-range" or "malformed" and names the option. */
export const checkWrite = (options: unknown): void => checkAll("write", "", options, write);

/** Checks the options of explain(), as checkWrite does. */
export const checkExplain = (options: unknown): void => checkAll("explain", "", options, explain, "text");

/** Checks the options of evaluate(), as checkWrite does. */
export const checkEvaluate = (options: unknown): void => checkAll("evaluate", "", options, evaluate, "texts");

/** Checks the options of NextQuill.open(), as checkWrite does. */
export const checkOpen = (options: unknown): void => checkAll("open", "", options, open, "model");

/** Checks the options of personalize(), as checkWrite does. */
export const checkPersonalize = (options: unknown): void => checkAll("personalize", "", options, personalize);

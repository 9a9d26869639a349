// Code generated from the Go types by web/genapi. DO NOT EDIT. To regenerate: go generate ./web/genapi
//
// Parameters are sent as they are, so their fields are named as in JSON. Results and events are
// decoded: every field is checked, and named in camel case.

import { boolean, integer, list, literal, number, optional, record, string, type Decoder } from "./decode.js";


/** The formats of a base model's weights on the GPU. */
export type Base = "auto" | "f32" | "f16" | "q8" | "q4";

/** The shapes of the learning rate's decay. */
export type Decay = "cosine" | "linear" | "constant";

/** The training objectives, the default first. */
export type Preset =
  | "quill"
  | "contextsft"
  | "dce"
  | "mce"
  | "mce-dce"
  | "nextquill"
  | "nextquill-code"
  | "sft";

export const presets: readonly Preset[] = ["quill", "contextsft", "dce", "mce", "mce-dce", "nextquill", "nextquill-code", "sft"];

/** How the items of a prompt are retrieved. */
export type RetrievalKind = "latest" | "bm25" | "listed";

/** How prompts are laid out. */
export type Template = "plain" | "chat";

/**
 * What sort of error a fault is. "internal" is a bug in NextQuill; "busy" means that another
 * tab or call is working.
 */
export type FaultKind =
  | "malformed"
  | "too-large"
  | "out-of-range"
  | "mismatch"
  | "missing"
  | "unsupported"
  | "no-adapter"
  | "device-limit"
  | "device"
  | "device-lost"
  | "storage"
  | "cancelled"
  | "nan"
  | "internal"
  | "busy";

/** The lower bounds of |DCE| of the four shades of a token. */
export const shadeLevels = [
  0.01,
  0.05,
  0.15,
  0.4
] as const;

/** The phases of a run with each preset; see core/api. */
export const phases: Readonly<Record<Preset, readonly Phase[]>> = {
  "contextsft": [
    {
      "preset": "contextsft",
      "out": "adapter",
      "from": true
    }
  ],
  "dce": [
    {
      "preset": "dce",
      "out": "adapter",
      "from": true
    }
  ],
  "mce": [
    {
      "preset": "mce",
      "out": "adapter",
      "from": true
    }
  ],
  "mce-dce": [
    {
      "preset": "mce-dce",
      "out": "adapter",
      "from": true
    }
  ],
  "nextquill": [
    {
      "preset": "contextsft",
      "out": "contextsft"
    },
    {
      "preset": "nextquill",
      "out": "adapter",
      "expert": "contextsft",
      "from": true
    }
  ],
  "nextquill-code": [
    {
      "preset": "nextquill-code",
      "out": "adapter",
      "from": true
    }
  ],
  "quill": [
    {
      "preset": "quill",
      "out": "adapter",
      "from": true,
      "datastore": true
    }
  ],
  "sft": [
    {
      "preset": "sft",
      "out": "adapter",
      "from": true
    }
  ]
};

/** The defaults of the module; see core/api. */
export const defaults = {
  "preset": "quill",
  "epochs": 3,
  "seed": 1,
  "sampling": {
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.95,
    "repetition_penalty": 1.1,
    "max_tokens": 96
  },
  "datastore": {
    "share": 0.1,
    "fit": true,
    "sharpness": 20,
    "boost": 1
  }
} as const;

/** What numbers of requests may be, by Go type and JSON name; see core/api. */
export const ranges = {
  "LoRA": {
    "alpha": {
      "min": 0.000001,
      "max": 1000000
    },
    "rank": {
      "min": 1,
      "max": 512,
      "int": true
    }
  },
  "Sampling": {
    "max_tokens": {
      "min": 1,
      "max": 1048576,
      "int": true
    },
    "repetition_penalty": {
      "min": 0.01,
      "max": 100
    },
    "steer": {
      "min": -10,
      "max": 10
    },
    "temperature": {
      "min": 0,
      "max": 100
    },
    "top_k": {
      "min": 0,
      "max": 2147483647,
      "int": true
    },
    "top_p": {
      "min": 0,
      "max": 1
    }
  },
  "Source": {
    "heldout_fraction": {
      "min": 0,
      "max": 1,
      "open": true
    },
    "max_heldout": {
      "min": 1,
      "max": 2147483647,
      "int": true
    },
    "max_items": {
      "min": 1,
      "max": 2147483647,
      "int": true
    }
  },
  "Training": {
    "batch_size": {
      "min": 1,
      "max": 4096,
      "int": true
    },
    "checkpoint_every": {
      "min": 1,
      "max": 1000000000,
      "int": true
    },
    "clip": {
      "min": 0,
      "max": 3e+38
    },
    "epochs": {
      "min": 0.000001,
      "max": 10000
    },
    "eval_every": {
      "min": 0,
      "max": 1000000000,
      "int": true
    },
    "lr": {
      "min": 0,
      "max": 10
    },
    "patience": {
      "min": 0,
      "max": 1000000000,
      "int": true
    },
    "token_budget": {
      "min": 1,
      "max": 1048576,
      "int": true
    },
    "warmup": {
      "min": 0,
      "max": 1
    },
    "weight_decay": {
      "min": 0,
      "max": 1
    }
  }
} as const;

/** The architectures of GGUF files that the core reads; see core/weights. */
export const ggufArchitectures = [
  "llama",
  "qwen2",
  "qwen3"
] as const;

/** The longest name of a blob, in bytes of UTF-8. */
export const maxBlobName = 255 as const;

/** The limits on items; see core/history. */
export const itemLimits = {
  "text": 4194304,
  "file": 67108864,
  "items": 100000,
  "fields": 64,
  "fieldName": 256
} as const;

/** The limits on a model's manifest; see models/manifest. */
export const manifestLimits = {
  "version": 1,
  "size": 1048576,
  "files": 1000,
  "path": 150,
  "name": 200
} as const;

// The ABI between guest and host; see wasm/abi/README.md.

/** Checked when a guest starts. */
export const abiVersion = 2 as const;

/** The guest's import module. */
export const abiModule = "nextquill" as const;

/** The other import module. */
export const wasiModule = "wasi_snapshot_preview1" as const;

/** The functions of wasiModule that a guest may import. */
export const wasiNames = [
  "args_get",
  "args_sizes_get",
  "environ_get",
  "environ_sizes_get",
  "clock_time_get",
  "random_get",
  "poll_oneoff",
  "sched_yield",
  "proc_exit",
  "fd_read",
  "fd_write",
  "fd_close",
  "fd_fdstat_get",
  "fd_fdstat_set_flags",
  "fd_prestat_get",
  "fd_prestat_dir_name"
] as const;

/** The functions of abiModule. */
export const importNames = [
  "gpu_info",
  "gpu_submit",
  "gpu_wait",
  "gpu_read",
  "blob_size",
  "blob_read",
  "blob_write",
  "blob_delete",
  "blob_list",
  "blob_to_gpu",
  "yield",
  "emit",
  "respond",
  "reply_read"
] as const;

/** The functions that a guest exports. */
export const exportNames = [
  "_initialize",
  "start",
  "alloc",
  "free",
  "call",
  "resume",
  "cancel"
] as const;

/** What call and resume return. A negative value is a status. */
export const State = {
  "done": 0,
  "parked": 1
} as const;

/** The status of a failed import or operation. The reply then is an ErrorInfo. */
export const statusFailed = -1 as const;

/** The statuses below statusFailed. */
export const statusTexts: Readonly<Record<number, string>> = {
  "-2": "busy with another call",
  "-3": "not started, or started with another ABI version",
  "-4": "nothing waits for this token",
  "-5": "the request is not in memory from alloc"
};

/** The largest command batch, in bytes. */
export const maxBatch = 8388608 as const;

/** The most commands in a batch. */
export const maxCommands = 65536 as const;

/** The most bindings of a pipeline or bind group. */
export const maxBindings = 64 as const;

/** The largest request, response, event or reply, in bytes. */
export const maxMessage = 33554432 as const;

/** The longest name that crosses the ABI, in bytes. */
export const maxNameArg = 4096 as const;

/** The numbers of the commands. */
export const Op = {
  "clearBuffer": 4,
  "copyBuffer": 5,
  "createBindGroup": 8,
  "createBuffer": 1,
  "createPipeline": 6,
  "destroyBindGroup": 9,
  "destroyBuffer": 2,
  "destroyPipeline": 7,
  "dispatch": 10,
  "writeBuffer": 3
} as const;

/** How a buffer is used. */
export const Usage = {
  "storage": 1,
  "uniform": 2
} as const;

/** How a shader uses a binding. */
export const Access = {
  "read": 2,
  "uniform": 1,
  "write": 3
} as const;
export type Access = (typeof Access)[keyof typeof Access];

// Messages.

/**
 * Phase is one call of "personalize" in a run that trains with a preset. Out and Expert are names
 * of folders within the output folder of the run.
 */
export interface Phase {
  /** PersonalizeParams.Preset */
  preset: Preset;
  /** where the phase writes its adapter */
  out: string;
  /**
   * This is the folder that an earlier phase wrote, for PersonalizeParams.Expert; "" if the
   * phase needs none.
   */
  expert?: string | undefined;
  /**
   * This tells whether the phase starts from the adapter that the run continues, if there is one.
   * The expert never does: it weighs the tokens of these texts, so it trains on them only.
   */
  from?: boolean | undefined;
  /**
   * This tells whether the phase also writes a datastore, for PersonalizeParams.Datastore
   * with the values of DefaultDatastore.
   */
  datastore?: boolean | undefined;
}

/** Info describes a device. Sizes are in bytes. */
export interface DeviceInfo {
  name: string;
  backend: string;
  /**
   * This is set when the device runs shaders on the processor (llvmpipe, SwiftShader). Kernels
   * then use their register-block variants.
   */
  cpu: boolean;
  max_buffer_size: number;
  max_binding_size: number;
  max_storage_buffers: number;
  max_invocations: number;
  max_workgroup_size_x: number;
  max_workgroup_memory: number;
  max_groups_per_dimension: number;
  storage_offset_alignment: number;
  shader_f16: boolean;
  subgroups: boolean;
  subgroup_min_size: number;
  timestamp_query: boolean;
  /** CompilesInBackground: pipelines compile while other commands run. */
  compiles_in_background: boolean;
}

/** ErrorInfo is an error in JSON. Package rpc converts errors to it and back. */
export interface ErrorInfo {
  /** This is a fault.Kind, or empty if the error is not a fault. */
  kind?: string | undefined;
  where?: string | undefined;
  field?: string | undefined;
  detail?: string | undefined;
  limit?: string | undefined;
  remedy?: string | undefined;
  /** This is the complete text, for a caller that only displays the error. */
  message: string;
  cause?: ErrorInfo | undefined;
}

/** StageEvent reports what a method is doing and how far it is. */
export interface StageEvent {
  event: "stage";
  /** one of the Stage constants */
  stage: string;
  done: number;
  /** 0 if unknown; texts are counted by windows, see TextCounts */
  total: number;
}

export const decodeStageEvent: Decoder<StageEvent> = /* @__PURE__ */ record<StageEvent>({
  event: /* @__PURE__ */ literal("stage"),
  stage: string,
  done: integer,
  total: integer,
});

/** SkippedItem names a text that is left out. */
export interface SkippedItem {
  id: string;
  reason: string;
}

export const decodeSkippedItem: Decoder<SkippedItem> = /* @__PURE__ */ record<SkippedItem>({
  id: string,
  reason: string,
});

/**
 * TextCounts counts texts and the windows that they are split into. A text is one window if it fits
 * into the model's context length with its prompt. A longer text is predicted in several windows,
 * each from its prompt and the part of the text before it, so that no text is cut.
 */
export interface TextCounts {
  /** in use */
  texts: number;
  /** sequences, at least one for each text */
  windows: number;
  /** texts of more than one window */
  long: number;
  /** of the texts, with their end tokens; each is predicted once */
  tokens: number;
  /**
   * This is the number of held-out texts that are left out because a training text is equal, up
   * to white space.
   */
  copies: number;
  /**
   * This is the number of texts that are left out because their own context fields do not fit
   * the prompt. SkippedItems names the first of them.
   */
  skipped: number;
  skippedItems: SkippedItem[];
}

export const decodeTextCounts: Decoder<TextCounts> = /* @__PURE__ */ record<TextCounts>({
  texts: integer,
  windows: integer,
  long: integer,
  tokens: integer,
  copies: integer,
  skipped: integer,
  skippedItems: /* @__PURE__ */ optional(/* @__PURE__ */ list(decodeSkippedItem), []),
});

/** TextsEvent says which of the writer's texts a method uses, before it loads the model. */
export interface TextsEvent {
  event: "texts";
  /** all 0 if the method does not train */
  train: TextCounts;
  heldout: TextCounts;
}

export const decodeTextsEvent: Decoder<TextsEvent> = /* @__PURE__ */ record<TextsEvent>({
  event: /* @__PURE__ */ literal("texts"),
  train: decodeTextCounts,
  heldout: decodeTextCounts,
});

/**
 * ProgressEvent reports how far a stage is while an item or a step of it takes long. It comes every
 * second or more often.
 */
export interface ProgressEvent {
  event: "progress";
  /** one of the Stage constants */
  stage: string;
  /** items or steps, with the share of the one that runs */
  done: number;
  total: number;
}

export const decodeProgressEvent: Decoder<ProgressEvent> = /* @__PURE__ */ record<ProgressEvent>({
  event: /* @__PURE__ */ literal("progress"),
  stage: string,
  done: number,
  total: integer,
});

/** MemoryEvent estimates the device memory of a method, before it loads anything. */
export interface MemoryEvent {
  event: "memory";
  /** weights that do not train; all weights if all train */
  base: number;
  /** LoRA factors */
  adapter: number;
  /** gradients and the moments of AdamW */
  optimizer: number;
  /** of a step, with its inputs */
  activations: number;
  /** keys and values while writing, with scratch buffers */
  cache: number;
  /** during loading only */
  loading: number;
  /** This is what is on the device already and stays there: a loaded model with its adapters. */
  held: number;
  /** This is the largest number of bytes at once, including Held. */
  peak: number;
  /** Loading.MemoryLimit, 0 if it is not set */
  cap: number;
  /**
   * This tells whether a training run recomputes activations. It is false for methods that
   * do not train.
   */
  recompute: boolean;
  /**
   * This is the reason for Recompute, one of the Why constants. It is empty for methods that do
   * not train.
   */
  why: string;
}

export const decodeMemoryEvent: Decoder<MemoryEvent> = /* @__PURE__ */ record<MemoryEvent>({
  event: /* @__PURE__ */ literal("memory"),
  base: integer,
  adapter: integer,
  optimizer: integer,
  activations: integer,
  cache: integer,
  loading: integer,
  held: /* @__PURE__ */ optional(integer, 0),
  peak: integer,
  cap: /* @__PURE__ */ optional(integer, 0),
  recompute: /* @__PURE__ */ optional(boolean, false),
  why: /* @__PURE__ */ optional(string, ""),
});

/**
 * AdapterEvent warns that an adapter is used in another way than it was trained: with another
 * template, or on a base in another format. The method continues.
 */
export interface AdapterEvent {
  event: "adapter";
  adapter: string;
  /** in use */
  template: string;
  /** in use */
  base: string;
  /**
   * TrainedTemplate and TrainedBase are those of the training; "" if the adapter does not record
   * them.
   */
  learntTemplate: string;
  learntBase: string;
}

export const decodeAdapterEvent: Decoder<AdapterEvent> = /* @__PURE__ */ record<AdapterEvent>({
  event: /* @__PURE__ */ literal("adapter"),
  adapter: string,
  template: string,
  base: string,
  learntTemplate: string,
  learntBase: string,
});

/**
 * StepEvent reports one optimizer step. Events arrive a few steps late, because losses are read
 * from the device only now and then.
 */
export interface StepEvent {
  event: "step";
  /** 1-based */
  step: number;
  steps: number;
  epoch: number;
  loss: number;
  /** L_n, next-token prediction */
  ntpLoss: number;
  /** L_p, alignment of the model-side causal effect */
  alignLoss: number;
  /** share of the tokens with DCE > δ */
  causalShare: number;
  lr: number;
  gradNorm: number;
  /** packed tokens */
  tokensPerSecond: number;
  seconds: number;
  /** estimated seconds until the end */
  remaining: number;
}

export const decodeStepEvent: Decoder<StepEvent> = /* @__PURE__ */ record<StepEvent>({
  event: /* @__PURE__ */ literal("step"),
  step: integer,
  steps: integer,
  epoch: number,
  loss: number,
  ntpLoss: number,
  alignLoss: number,
  causalShare: number,
  lr: number,
  gradNorm: number,
  tokensPerSecond: number,
  seconds: number,
  remaining: number,
});

/** EvalEvent reports a test on the held-out items during training. */
export interface EvalEvent {
  event: "eval";
  step: number;
  /** nats per response token */
  loss: number;
  /** whether it is the lowest so far */
  best: boolean;
}

export const decodeEvalEvent: Decoder<EvalEvent> = /* @__PURE__ */ record<EvalEvent>({
  event: /* @__PURE__ */ literal("eval"),
  step: integer,
  loss: number,
  best: boolean,
});

/** CheckpointEvent reports that a complete checkpoint is stored. */
export interface CheckpointEvent {
  event: "checkpoint";
  step: number;
}

export const decodeCheckpointEvent: Decoder<CheckpointEvent> = /* @__PURE__ */ record<CheckpointEvent>({
  event: /* @__PURE__ */ literal("checkpoint"),
  step: integer,
});

/** TokenEvent carries a piece of streamed text. */
export interface TokenEvent {
  event: "token";
  text: string;
}

export const decodeTokenEvent: Decoder<TokenEvent> = /* @__PURE__ */ record<TokenEvent>({
  event: /* @__PURE__ */ literal("token"),
  text: string,
});

/** The decoders of the events, by name. */
export const decodeEvent = {
  stage: decodeStageEvent,
  texts: decodeTextsEvent,
  progress: decodeProgressEvent,
  memory: decodeMemoryEvent,
  adapter: decodeAdapterEvent,
  step: decodeStepEvent,
  eval: decodeEvalEvent,
  checkpoint: decodeCheckpointEvent,
  token: decodeTokenEvent,
} as const;

/**
 * LoadParams are the parameters of "load": keep a base model on the device, with the adapters in
 * these folders. Until "unload" or "release", methods that name this model use it without loading
 * it, and a method that names one of the folders as its adapter switches to it at once. Calling it
 * again reads the adapters again; with another model, it replaces the model.
 */
export interface LoadParams {
  /**
   * This is the format of the frozen weight matrices, one of the Base constants. Empty means
   * BaseAuto.
   */
  base?: Base | undefined;
  /**
   * This is the largest number of bytes that may be on the device at once; if it is not
   * set, there is no limit. A method that would need more fails with fault.TooLarge before it
   * loads anything.
   */
  memory?: number | undefined;
  model: string;
  adapters?: string[] | undefined;
}

/** LoadResult is the result of "load" and "unload". */
export interface LoadResult {
  seconds: number;
  /** on the device afterwards */
  liveBytes: number;
}

export const decodeLoadResult: Decoder<LoadResult> = /* @__PURE__ */ record<LoadResult>({
  seconds: number,
  liveBytes: integer,
});

/** Source names the blobs with the writer's items, in JSON Lines as core/history exports them. */
export interface Source {
  /**
   * This is the blob with the items to train on and to retrieve from. It may be empty for
   * methods that do not train.
   */
  history: string;
  /**
   * This is a blob with the items to test on, all of them later than the items in History. If
   * it is empty, the newest items of History are held out, as many as HeldoutFraction says. In
   * both cases, held-out items with the text of a training item are left out.
   */
  heldout?: string | undefined;
  /** This is the share of the newest items to test on if Heldout is empty, 0.2. */
  heldout_fraction?: number | undefined;
  /** This limits the items to train on to the newest ones. If it is not set, all count. */
  max_items?: number | undefined;
  /** This limits the items to test on to the oldest ones. If it is not set, all count. */
  max_heldout?: number | undefined;
}

/** Retrieval selects the earlier items that the prompt contains, and limits its length. */
export interface Retrieval {
  /** This is one of the Retrieval constants. Empty means RetrievalLatest. */
  kind?: RetrievalKind | undefined;
  /** This is the number of items in the prompt, 3. */
  k?: number | undefined;
  /**
   * This is a blob with the ranking of RetrievalListed: {"query id": ["item id", …]}, best
   * first. The query is the item that the prompt is for; "query" is that of "write" and of texts
   * outside the history.
   */
  lists?: string | undefined;
  /**
   * This limits the tokens of a prompt. MaxPrompt and MaxResponse together limit those of a
   * window: a prompt with a text or a part of one. The prompt of a text of more than MaxResponse
   * tokens is shorter, down to half a window, and a text that does not fit after it continues in
   * further windows. If they are not set, both are derived from the model's context length: a
   * quarter of it for MaxResponse, the rest for MaxPrompt.
   */
  max_prompt?: number | undefined;
  max_response?: number | undefined;
}

/** Options are the parameters of the objective. */
export interface ObjectiveOptions {
  /** δ, a difference of probabilities */
  delta: number;
  /** λ, weight of tokens with DCE above δ */
  lambda: number;
  /** ε, weight of the other tokens */
  epsilon: number;
  /** α, factor of L_p */
  alpha: number;
  /**
   * This is β, the share of the branch without history in L_n: the cross-entropy of a token is
   * (1 − β)·CE(z^h, y) + β·CE(z^0, y). 0 trains the branch with history only, ½ both alike.
   */
  erased?: number | undefined;
  /** NTPWeighted and AlignWeighted weight L_n and L_p by ω; otherwise the weight is 1. */
  ntp_weighted: boolean;
  align_weighted: boolean;
  /** Z_n */
  normalize_ntp: string;
  /** Z_p */
  normalize_align: string;
  /** This is θ_D: Self, or the folder of a frozen adapter. */
  expert: string;
  /** This propagates the gradient of L_p through z^0. */
  counterfactual_grad: boolean;
  /** This is the kind of ω; empty means Binary. */
  weights?: string | undefined;
  /** This is the share of tokens above δ when Weights is Quantile. */
  quantile_share?: number | undefined;
  /**
   * This drops tokens from L_p whose p_h is below this share of the most likely token's
   * probability, as in contrastive decoding (Li et al. 2023); 0 disables it.
   */
  plausibility?: number | undefined;
  /** This trains and prompts without history (preset sft). */
  no_history?: boolean | undefined;
}

/** LoRA is the shape of a new adapter. A field that is not set takes the default in its comment. */
export interface LoRA {
  /** 16 */
  rank?: number | undefined;
  /** 32 */
  alpha?: number | undefined;
  /** These are the names of linear layers ("q_proj", …); empty means all. */
  targets?: string[] | undefined;
}

/**
 * Datastore sets how the datastore of a writer's tokens is used: the model predicts a token v with
 * the probability (1 − Share)·p(v) + Share·p_d(v), where p_d is given by the hidden states of the
 * writer's own texts that are closest to the present one (kNN-LM, Khandelwal et al. 2020). When a
 * text is scored, its own tokens so far take part; when one is written they do not, because drafts
 * would repeat themselves.
 */
export interface Datastore {
  /** This is λ. It is below 1, because a datastore gives no probability to other tokens. */
  share: number;
  /**
   * This replaces λ by the share at which the held-out items of Source are the most likely, if
   * there are two or more. If "evaluate" scores exactly these items, it scores each with a share
   * that is fitted without it, so that the loss is not too low. Any other set of items, a subset
   * included, is scored with λ.
   */
  fit?: boolean | undefined;
  /**
   * This is β of the weights e^(β·(cos − 1)). Near 0 all entries have the same weight; with
   * large values only the closest ones count. Above 40 the weights may not be normal f32.
   */
  sharpness: number;
  /**
   * This is g: when a text is scored, its own tokens before the present one are entries with the
   * weights e^(β·(cos − 1) + g). At -50 they have practically none.
   */
  boost: number;
}

/**
 * Training sets the optimizer and its schedule. A field that is not set takes the default in its
 * comment.
 */
export interface Training {
  /** 3 */
  epochs?: number | undefined;
  /** windows per step, DefaultBatchSize */
  batch_size?: number | undefined;
  /** 1e-3 */
  lr?: number | undefined;
  /** share of the steps, 0.1 */
  warmup?: number | undefined;
  /** one of the Decay constants, DecayCosine */
  decay?: Decay | undefined;
  /** 0 */
  weight_decay?: number | undefined;
  /** global norm of the gradients, 1; 0 is off */
  clip?: number | undefined;
  /** 0 */
  seed?: number | undefined;
  /** DefaultTokenBudget */
  token_budget?: number | undefined;
  /**
   * This runs each layer forward again in the backward pass instead of keeping its
   * activations: slower, with bit-identical results. If it is not set, memory decides; see
   * MemoryEvent.Why.
   */
  recompute?: boolean | undefined;
  /**
   * This is the number of steps between tests on the held-out items; 0 tests at the end of
   * each epoch only. Patience is the number of tests without a lower loss after which training
   * stops; 0 never stops early.
   */
  eval_every?: number | undefined;
  patience?: number | undefined;
  /** This is the number of steps between checkpoints, 10. */
  checkpoint_every?: number | undefined;
}

/**
 * PersonalizeParams are the parameters of "personalize": train on the items of Source, and write
 * the adapter to Out+"/adapter_config.json" and Out+"/adapter_model.safetensors". Checkpoints are
 * kept under Out+"/checkpoint" until the end.
 */
export interface PersonalizeParams {
  /**
   * This is the format of the frozen weight matrices, one of the Base constants. Empty means
   * BaseAuto.
   */
  base?: Base | undefined;
  /**
   * This is the largest number of bytes that may be on the device at once; if it is not
   * set, there is no limit. A method that would need more fails with fault.TooLarge before it
   * loads anything.
   */
  memory?: number | undefined;
  /** folder of the model */
  model: string;
  source: Source;
  /**
   * These are blobs with the items of further writers to train on, at most MaxWriters, each
   * with at least two items. The prompt for an item shows earlier items of the same writer only.
   * The held-out items are those of Source.
   */
  writers?: string[] | undefined;
  /**
   * This is one of the Template constants. Empty means the template of the adapter in From,
   * else the model's chat template if it has one, else TemplatePlain. The adapter records it, and
   * methods that use the adapter take it as their default.
   */
  template?: Template | undefined;
  retrieval: Retrieval;
  /** see causal.Presets */
  preset: Preset;
  /** This replaces the preset's options if it is set. */
  override?: ObjectiveOptions | undefined;
  /** This is the folder of the frozen adapter θ_D, for presets that need one. */
  expert?: string | undefined;
  lora: LoRA;
  /**
   * This is the folder of an adapter to start from, trained here or by PEFT. It determines rank,
   * alpha and layers, so LoRA must be empty. The optimizer starts with fresh moments.
   */
  from?: string | undefined;
  /**
   * This is the name of the base model that a new adapter records; empty means Model. An
   * adapter that starts From another one keeps the name recorded there.
   */
  base_name?: string | undefined;
  /**
   * This also writes a datastore of the training items of Source next to the adapter, with
   * the hidden states of the trained model. Methods that use the adapter then use it as well. nil
   * writes none. With Full it is refused.
   */
  datastore?: Datastore | undefined;
  /**
   * This trains all weights instead of an adapter. Out then becomes the folder of a model:
   * config.json, tokenizer.json and model.safetensors in F32.
   */
  full?: boolean | undefined;
  training: Training;
  out: string;
  /** This continues from the newest checkpoint in Out if there is one. */
  resume?: boolean | undefined;
  /**
   * This leaves the checkpoint of the last step in place, for a caller that records the
   * end of the run elsewhere and then deletes it. If the process is killed in between, resuming
   * ends at once with the same adapter.
   */
  keep_checkpoint?: boolean | undefined;
}

/** RememberResult counts the entries of a datastore. */
export interface RememberResult {
  /** tokens with their hidden states */
  entries: number;
  /**
   * This is the number of tokens of the oldest texts that are left out, because a datastore is
   * limited.
   */
  left: number;
  /** This is λ. Fitted is the number of held-out texts that it was fitted to; 0 if it was not. */
  share: number;
  fitted: number;
}

export const decodeRememberResult: Decoder<RememberResult> = /* @__PURE__ */ record<RememberResult>({
  entries: integer,
  left: integer,
  share: number,
  fitted: integer,
});

/** PersonalizeResult summarizes a run. */
export interface PersonalizeResult {
  steps: number;
  /** packed tokens */
  tokens: number;
  seconds: number;
  /** of the last steps */
  loss: number;
  /** nats per response token, the best seen; 0 without held-out texts */
  heldout: number;
  /** StoppedDone or StoppedEarly */
  stopped: string;
  peakBytes: number;
  /** step that the run continued from, else 0 */
  resumed: number;
  /** items that do not fit the prompt, as in Train */
  skipped: number;
  /** Train and Tested count the texts to train on and the held-out ones. */
  train: TextCounts;
  /** This counts the datastore; nil without one. */
  remembered: RememberResult | undefined;
  tested: TextCounts;
}

export const decodePersonalizeResult: Decoder<PersonalizeResult> = /* @__PURE__ */ record<PersonalizeResult>({
  steps: integer,
  tokens: integer,
  seconds: number,
  loss: number,
  heldout: number,
  stopped: string,
  peakBytes: integer,
  resumed: integer,
  skipped: integer,
  train: decodeTextCounts,
  remembered: /* @__PURE__ */ optional(decodeRememberResult, undefined),
  tested: decodeTextCounts,
});

/**
 * Point selects the logits (z^0 + Steer·(z^h − z^0)) / Temperature, where z^h are those with
 * history and z^0 those without. Steer 1 is the model as it is; only there a datastore is mixed in,
 * after the temperature.
 */
export interface Point {
  steer: number;
  temperature: number;
}

/** EvaluateParams are the parameters of "evaluate": the loss on the held-out items. */
export interface EvaluateParams {
  /**
   * This is the format of the frozen weight matrices, one of the Base constants. Empty means
   * BaseAuto.
   */
  base?: Base | undefined;
  /**
   * This is the largest number of bytes that may be on the device at once; if it is not
   * set, there is no limit. A method that would need more fails with fault.TooLarge before it
   * loads anything.
   */
  memory?: number | undefined;
  /** This is the folder of the model. */
  model: string;
  /**
   * This leaves the model on the device after the call, so that the next one starts at once. A
   * call that needs another model releases it, and so does "unload".
   */
  keep?: boolean | undefined;
  /** This is the folder of a LoRA adapter; empty means the base model alone. */
  adapter?: string | undefined;
  source: Source;
  /**
   * This is a blob with a datastore of the writer's tokens to predict with, see "remember".
   * Empty means that in the folder of the adapter, if there is one; DatastoreNone uses none.
   * "explain" uses none.
   */
  datastore?: string | undefined;
  /**
   * This is one of the Template constants. Empty means the template that the adapter was
   * trained with, else the model's chat template if it has one, else TemplatePlain.
   */
  template?: Template | undefined;
  retrieval: Retrieval;
  /** This uses the prompts without history. */
  no_history?: boolean | undefined;
  /** These are mixtures of the logits to score in the same pass, at most MaxPoints. */
  points?: Point[] | undefined;
}

/** PointScore has the scores of one item's response at a Point. */
export interface PointScore {
  /** This is the log-probability of each token in nats, rounded to 1e-6. */
  logp: number[];
  /** This is the number of tokens that are the most likely ones, without a datastore. */
  correct: number;
}

export const decodePointScore: Decoder<PointScore> = /* @__PURE__ */ record<PointScore>({
  logp: /* @__PURE__ */ list(number),
  correct: integer,
});

/** ItemLoss is the negative log-likelihood of one item's response. */
export interface ItemLoss {
  /** index in the held-out items */
  item: number;
  /** sum over its tokens */
  nats: number;
  tokens: number;
  /** These are the scores at EvaluateParams.Points, in their order. */
  points: PointScore[];
}

export const decodeItemLoss: Decoder<ItemLoss> = /* @__PURE__ */ record<ItemLoss>({
  item: integer,
  nats: number,
  tokens: integer,
  points: /* @__PURE__ */ optional(/* @__PURE__ */ list(decodePointScore), []),
});

/** EvaluateResult is the loss on the held-out items. */
export interface EvaluateResult {
  /** nats per response token */
  loss: number;
  /** response tokens */
  tokens: number;
  texts: TextCounts;
  items: ItemLoss[];
}

export const decodeEvaluateResult: Decoder<EvaluateResult> = /* @__PURE__ */ record<EvaluateResult>({
  loss: number,
  tokens: integer,
  texts: decodeTextCounts,
  items: /* @__PURE__ */ list(decodeItemLoss),
});

/** Field is a named value of an item's context. Prompts contain fields in order. */
export interface Field {
  name: string;
  value: string;
}

/** ChatMessage is one turn of a conversation. */
export interface ChatMessage {
  /** one of the Role constants */
  role: string;
  content: string;
}

/**
 * Sampling says how a token is drawn from the logits. A field that is not set takes the default in
 * its comment.
 */
export interface Sampling {
  /** 0, which is greedy */
  temperature?: number | undefined;
  /** This keeps this many most likely tokens; 0, the default, is off. */
  top_k?: number | undefined;
  /**
   * This keeps the fewest tokens whose total probability reaches it: 1, the default, is off, and
   * 0 keeps the most likely token alone.
   */
  top_p?: number | undefined;
  /** 1, which is off */
  repetition_penalty?: number | undefined;
  /**
   * This adds s·(z^h − z^0) to the logits, where z^h are those with history and z^0 those
   * without; 0 is off. A datastore is mixed in afterwards.
   */
  steer?: number | undefined;
  /** 0 */
  seed?: number | undefined;
  /** 64 */
  max_tokens?: number | undefined;
}

/**
 * WriteParams are the parameters of "write": generate a text for Context in the style of the writer
 * of Source. The text is streamed in TokenEvents.
 */
export interface WriteParams {
  /**
   * This is the format of the frozen weight matrices, one of the Base constants. Empty means
   * BaseAuto.
   */
  base?: Base | undefined;
  /**
   * This is the largest number of bytes that may be on the device at once; if it is not
   * set, there is no limit. A method that would need more fails with fault.TooLarge before it
   * loads anything.
   */
  memory?: number | undefined;
  /** This is the folder of the model. */
  model: string;
  /**
   * This leaves the model on the device after the call, so that the next one starts at once. A
   * call that needs another model releases it, and so does "unload".
   */
  keep?: boolean | undefined;
  /** This is the folder of a LoRA adapter; empty means the base model alone. */
  adapter?: string | undefined;
  source: Source;
  /**
   * This is a blob with a datastore of the writer's tokens to predict with, see "remember".
   * Empty means that in the folder of the adapter, if there is one; DatastoreNone uses none.
   * "explain" uses none.
   */
  datastore?: string | undefined;
  /**
   * This is one of the Template constants. Empty means the template that the adapter was
   * trained with, else the model's chat template if it has one, else TemplatePlain.
   */
  template?: Template | undefined;
  retrieval: Retrieval;
  /** This uses the prompt without history. */
  no_history?: boolean | undefined;
  context: Field[];
  /**
   * This is a conversation to continue by the model's chat template, instead of Source and
   * Context.
   */
  messages?: ChatMessage[] | undefined;
  sampling: Sampling;
}

/** WriteResult is the complete text. */
export interface WriteResult {
  text: string;
  tokens: number;
  /** StoppedEOS or StoppedLength */
  stopped: string;
  tokensPerSecond: number;
}

export const decodeWriteResult: Decoder<WriteResult> = /* @__PURE__ */ record<WriteResult>({
  text: string,
  tokens: integer,
  stopped: string,
  tokensPerSecond: number,
});

/**
 * ExplainParams are the parameters of "explain": the data-side causal effect of the history on each
 * token of a text.
 */
export interface ExplainParams {
  /**
   * This is the format of the frozen weight matrices, one of the Base constants. Empty means
   * BaseAuto.
   */
  base?: Base | undefined;
  /**
   * This is the largest number of bytes that may be on the device at once; if it is not
   * set, there is no limit. A method that would need more fails with fault.TooLarge before it
   * loads anything.
   */
  memory?: number | undefined;
  /** This is the folder of the model. */
  model: string;
  /**
   * This leaves the model on the device after the call, so that the next one starts at once. A
   * call that needs another model releases it, and so does "unload".
   */
  keep?: boolean | undefined;
  /** This is the folder of a LoRA adapter; empty means the base model alone. */
  adapter?: string | undefined;
  source: Source;
  /**
   * This is a blob with a datastore of the writer's tokens to predict with, see "remember".
   * Empty means that in the folder of the adapter, if there is one; DatastoreNone uses none.
   * "explain" uses none.
   */
  datastore?: string | undefined;
  /**
   * This is one of the Template constants. Empty means the template that the adapter was
   * trained with, else the model's chat template if it has one, else TemplatePlain.
   */
  template?: Template | undefined;
  retrieval: Retrieval;
  context?: Field[] | undefined;
  text?: string | undefined;
  /**
   * This is the index of a held-out item to explain instead of Context and Text; -1, which is
   * also the default, explains Text.
   */
  item: number;
  /** This also computes the effect of each retrieved item on each token, by leaving it out. */
  influence?: boolean | undefined;
}

export const decodeField: Decoder<Field> = /* @__PURE__ */ record<Field>({
  name: string,
  value: string,
});

/** TokenCause is the data-side causal effect of one token, DCE = p(with history) − p(without). */
export interface TokenCause {
  text: string;
  id: number;
  logpWith: number;
  logpWithout: number;
  dce: number;
  /**
   * Influence[i] is the token's log-probability with all retrieved items, minus that without
   * item i.
   */
  influence: number[];
}

export const decodeTokenCause: Decoder<TokenCause> = /* @__PURE__ */ record<TokenCause>({
  text: string,
  id: integer,
  logpWith: number,
  logpWithout: number,
  dce: number,
  influence: /* @__PURE__ */ optional(/* @__PURE__ */ list(number), []),
});

/** ExplainResult has one entry per response token. */
export interface ExplainResult {
  context: Field[];
  text: string;
  tokens: TokenCause[];
  /** These are the texts of the retrieved items, oldest first. */
  items: string[];
}

export const decodeExplainResult: Decoder<ExplainResult> = /* @__PURE__ */ record<ExplainResult>({
  context: /* @__PURE__ */ list(decodeField),
  text: string,
  tokens: /* @__PURE__ */ list(decodeTokenCause),
  items: /* @__PURE__ */ list(string),
});

/**
 * EstimateParams are the parameters of "estimate": how much memory writing with a model and
 * training it would take on this device. Nothing is loaded.
 */
export interface EstimateParams {
  /**
   * This is the format of the frozen weight matrices, one of the Base constants. Empty means
   * BaseAuto.
   */
  base?: Base | undefined;
  /**
   * This is the largest number of bytes that may be on the device at once; if it is not
   * set, there is no limit. A method that would need more fails with fault.TooLarge before it
   * loads anything.
   */
  memory?: number | undefined;
  model: string;
  lora: LoRA;
  /**
   * This decides whether training also computes the branch without history. Empty means
   * "nextquill-code".
   */
  preset?: Preset | undefined;
  training: Training;
  full?: boolean | undefined;
}

/**
 * EstimateResult has the estimate of writing a text of the model's context length (at most 2,048
 * tokens), and of a training step with a full token budget, a quarter of it response tokens.
 */
export interface EstimateResult {
  write: MemoryEvent;
  train: MemoryEvent;
}

export const decodeEstimateResult: Decoder<EstimateResult> = /* @__PURE__ */ record<EstimateResult>({
  write: decodeMemoryEvent,
  train: decodeMemoryEvent,
});

/** The methods that the module calls. */
export interface Methods {
  load: { params: LoadParams; result: LoadResult };
  unload: { params: Record<string, never>; result: LoadResult };
  personalize: { params: PersonalizeParams; result: PersonalizeResult };
  evaluate: { params: EvaluateParams; result: EvaluateResult };
  write: { params: WriteParams; result: WriteResult };
  explain: { params: ExplainParams; result: ExplainResult };
  estimate: { params: EstimateParams; result: EstimateResult };
}

/** The decoders of their results. */
export const decodeResult: { readonly [M in keyof Methods]: Decoder<Methods[M]["result"]> } = {
  load: decodeLoadResult,
  unload: decodeLoadResult,
  personalize: decodePersonalizeResult,
  evaluate: decodeEvaluateResult,
  write: decodeWriteResult,
  explain: decodeExplainResult,
  estimate: decodeEstimateResult,
};

// The interface of the import module; see wasm/importabi.

/** Checked when an import module starts. */
export const importVersion = 1 as const;

/** The import module's own import module. */
export const importModule = "nextquill_import" as const;

/** The functions of importModule. */
export const importModuleImports = [
  "read",
  "emit"
] as const;

/** The functions that an import module exports. */
export const importModuleExports = [
  "_initialize",
  "start",
  "alloc",
  "call"
] as const;

/** The status of an import or export that failed. */
export const importFailed = -1 as const;

/** The largest request, in bytes. */
export const maxImportRequest = 67108864 as const;

/** The largest message, in bytes. */
export const maxImportMessage = 67108864 as const;

/** The most bytes of a file that the module may ask for at a time. */
export const maxImportRead = 1048576 as const;

/** FileInfo describes a file. */
export interface FileInfo {
  /** This is a path with slashes if the file is in a folder that was chosen. */
  name: string;
  /** This is in bytes. */
  size: number;
  /** This is in milliseconds since 1970, 0 if unknown. */
  modified: number;
}

/** FileColumn names the column with the texts of a file. */
export interface FileColumn {
  file: string;
  column: string;
}

/**
 * ImportRequest asks for texts. The answer is any number of messages with items, then one with a
 * result.
 */
export interface ImportRequest {
  method: string;
  /** These are those to read; the position is the number of a file in the import read. */
  files: FileInfo[];
  /** These are the ids of the senders that are the person; none to be told who is likely. */
  me: string[];
  /** This is the column with the text where no column has a usual name; "" if unknown. */
  text_column: string;
  /** These are such columns of single files. */
  text_columns: FileColumn[];
}

/** ImportedItem is a text of the person. */
export interface ImportedItem {
  id: string;
  context: Field[];
  text: string;
  /** This is in UTC, with milliseconds, as JavaScript writes it; "" if unknown. */
  time: string;
}

export const decodeImportedItem: Decoder<ImportedItem> = /* @__PURE__ */ record<ImportedItem>({
  id: string,
  context: /* @__PURE__ */ list(decodeField),
  text: string,
  time: string,
});

/** ImportSender is a person or an address that wrote messages. */
export interface ImportSender {
  /** This is what a request names in me. */
  id: string;
  /** This is as in the files; "" if only the address is known. */
  name: string;
  /** This is that of mail, else "". */
  address: string;
  /** This is the number of messages with a text of their own. */
  count: number;
  /** This is one line of one message. */
  sample: string;
  /** This tells that this is probably the person who exported the files. */
  likely: boolean;
  /** This tells that the texts of this sender are among the items. */
  chosen: boolean;
}

export const decodeImportSender: Decoder<ImportSender> = /* @__PURE__ */ record<ImportSender>({
  id: string,
  name: string,
  address: string,
  count: integer,
  sample: string,
  likely: boolean,
  chosen: boolean,
});

/** ImportRemark counts what was left out, or changed, for one reason. */
export interface ImportRemark {
  reason: string;
  count: number;
  /** These are the first few: a file, or a file and a place in it. */
  places: string[];
}

export const decodeImportRemark: Decoder<ImportRemark> = /* @__PURE__ */ record<ImportRemark>({
  reason: string,
  count: integer,
  places: /* @__PURE__ */ list(string),
});

/** ImportTable are files with the same columns, of which one must be chosen. */
export interface ImportTable {
  files: string[];
  columns: string[];
}

export const decodeImportTable: Decoder<ImportTable> = /* @__PURE__ */ record<ImportTable>({
  files: /* @__PURE__ */ list(string),
  columns: /* @__PURE__ */ list(string),
});

/** ImportFault is a fault (core/fault) without its causes. */
export interface ImportFault {
  kind: string;
  where: string;
  field: string;
  detail: string;
  limit: string;
  remedy: string;
}

export const decodeImportFault: Decoder<ImportFault> = /* @__PURE__ */ record<ImportFault>({
  kind: string,
  where: string,
  field: string,
  detail: string,
  limit: string,
  remedy: string,
});

/** ImportResult is the end of an answer. */
export interface ImportResult {
  /** These are those of chats and mail, most messages first. */
  senders: ImportSender[];
  /** This tells that there are several senders and none is chosen. There are no items then. */
  choose: boolean;
  /** This is the number of items. */
  texts: number;
  /** This is the time of the oldest item; "" if no item has a time. */
  from: string;
  /** This is the time of the newest item. */
  to: string;
  /** This is what is not imported and why, most frequent first. */
  leftOut: ImportRemark[];
  /** These are what is imported with a change. */
  notes: ImportRemark[];
  /** These are the files without a column that has a usual name. */
  tables: ImportTable[];
  /** This has one error for each file that cannot be imported. */
  failed: ImportFault[];
  /** This is why there are no items. */
  error: ImportFault | undefined;
}

export const decodeImportResult: Decoder<ImportResult> = /* @__PURE__ */ record<ImportResult>({
  senders: /* @__PURE__ */ list(decodeImportSender),
  choose: boolean,
  texts: integer,
  from: string,
  to: string,
  leftOut: /* @__PURE__ */ list(decodeImportRemark),
  notes: /* @__PURE__ */ list(decodeImportRemark),
  tables: /* @__PURE__ */ list(decodeImportTable),
  failed: /* @__PURE__ */ list(decodeImportFault),
  error: /* @__PURE__ */ optional(decodeImportFault, undefined),
});

/** ImportMessage is a message of the module. */
export interface ImportMessage {
  items: ImportedItem[];
  result: ImportResult | undefined;
}

export const decodeImportMessage: Decoder<ImportMessage> = /* @__PURE__ */ record<ImportMessage>({
  items: /* @__PURE__ */ optional(/* @__PURE__ */ list(decodeImportedItem), []),
  result: /* @__PURE__ */ optional(decodeImportResult, undefined),
});

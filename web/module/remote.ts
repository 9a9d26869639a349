// Recognizes the models that web/hub finds. Its script is fetched for these only.

import type { ModelSource } from "./manifest.js";

/** Which files of a Hugging Face repository. */
export interface HubOptions {
  /** A branch, tag or commit; "main" by default. It may also follow the id: "owner/name@tag". */
  revision?: string | undefined;
  /**
   * The path of the weights in the repository, such as "model-q8_0.gguf". By default the
   * safetensors of the repository, or one of its GGUF files: Q8_0 if there is one.
   */
  file?: string | undefined;
  /** The hub, or a mirror of it; "https://huggingface.co" by default. */
  hub?: string | URL | undefined;
}

/** A model, and which of its files. @internal */
export interface ModelPlace extends HubOptions {
  model: ModelSource;
}

// An id "owner/name" or "owner/name@revision", a URL of the hub, or a GGUF file.
const remote = /^\w[\w.-]*\/[\w.-]*\w(?<!\.json)(@.+)?$|^(https?:\/\/)?(www\.)?(huggingface|hf)\.co\/|\.gguf([?#]|$)/i;

/** Whether web/hub finds the files of this model. Folders of a site end in a slash. */
export function isRemote({ model, revision, file, hub }: ModelPlace): boolean {
  if (model instanceof Blob) return true;
  if (typeof model !== "string" && !(model instanceof URL)) return false;
  const name = String(model);
  return (
    remote.test(name) ||
    revision !== undefined ||
    file !== undefined ||
    (hub !== undefined && name.startsWith(String(hub)))
  );
}

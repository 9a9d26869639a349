// Which files of a repository make a model.

import { quote } from "../fault.js";
import type { Tools } from "../module/tools.js";
import type { RepositoryName } from "./name.js";

/** A file of a repository, as far as the hub describes it. */
export interface Entry {
  path: string;
  size?: number | undefined;
  sha256?: string | undefined;
  gitHash?: string | undefined;
  etag?: string | undefined;
}

/** What the core reads besides the weights. */
export const small = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "generation_config.json",
  "chat_template.jinja",
];
export const weights = "model.safetensors";
export const index = "model.safetensors.index.json";
const required = small.slice(0, 2);

// GGUF types, the best first. The GPU stores those of the first group as they are, and others with
// 32 bits.
const types = "Q8_0 Q4_1 Q4_0 Q5_0 F16 FP16 | Q6_K Q5_K Q5_K_M Q5_K_S Q5_1 Q4_K Q4_K_M Q4_K_S BF16 F32 FP32".split(
  /[ |]+/,
);
const split = /-\d{5}-of-\d{5}\.gguf$/i;
const maxListed = 20;

/**
 * Chooses the files. With an index of several safetensors files, these are not included. `path` is
 * the name in the model's folder, `from` the path in the repository.
 */
export function choose(name: RepositoryName, all: readonly Entry[], { Fault }: Tools): { path: string; from: Entry }[] {
  const find = (path: string) => all.find((entry) => entry.path === path);
  const where = `${name.id}@${name.revision}`;
  const paths = all.map((entry) => entry.path);
  const listed = (some: readonly string[]) =>
    some.length === 0
      ? "no files"
      : some.slice(0, maxListed).map(quote).join(", ") +
        (some.length > maxListed ? ` and ${some.length - maxListed} more` : "");
  const isGGUF = (path: string) => /\.gguf$/i.test(path);
  const ggufs = all.filter(({ path }) => isGGUF(path) && !split.test(path) && !/(^|\/)mmproj/i.test(path));
  const folder = (heavy: Entry | undefined) => {
    if (heavy === undefined || required.some((path) => find(path) === undefined)) return undefined;
    const others = small.map(find).filter((entry) => entry !== undefined);
    const path = heavy.path.endsWith(".json") ? index : weights;
    return [...others.map((from) => ({ path: from.path, from })), { path, from: heavy }];
  };
  // A converted GGUF file may need the tokenizer beside it.
  const single = (from: Entry) => {
    const beside = find(required[1]!) === undefined ? [] : small.slice(1).map(find);
    const others = beside.filter((entry) => entry !== undefined);
    return [...others.map((from) => ({ path: from.path, from })), { path: from.path.split("/").at(-1)!, from }];
  };

  if (name.file !== undefined) {
    const from = find(name.file);
    if (from === undefined) {
      const remedy = `use one of ${listed(paths.filter((path) => isGGUF(path) || path.endsWith(".safetensors")))}`;
      throw new Fault("missing", { where, field: "file", detail: `${quote(name.file)} does not exist`, remedy });
    }
    if (isGGUF(from.path)) return single(from);
    const files = from.path.endsWith(".safetensors") ? folder(from) : undefined;
    if (files !== undefined) return files;
    const remedy = "name a GGUF file, or safetensors in one folder with config.json and tokenizer.json";
    throw new Fault("unsupported", { where, field: "file", detail: `${quote(name.file)} is no model`, remedy });
  }
  const files = folder(find(weights) ?? find(index));
  if (files !== undefined) return files;
  const rank = ({ path }: Entry) => {
    const words = path.toUpperCase().split(/[-./]/);
    return types.findIndex((type) => words.includes(type));
  };
  const [best] = ggufs.filter((entry) => rank(entry) >= 0).sort((a, b) => rank(a) - rank(b));
  if (best !== undefined) return single(best);
  if (ggufs.length === 1) return single(ggufs[0]!);
  if (ggufs.length > 1) {
    const detail = `has several GGUF files: ${listed(ggufs.map((entry) => entry.path))}`;
    throw new Fault("missing", { where, field: "file", detail, remedy: "name one with the option file" });
  }
  throw new Fault("unsupported", {
    where,
    detail: `has no model that can be read; it has ${listed(paths)}`,
    remedy: "use a repository with config.json, tokenizer.json and model.safetensors, or with a GGUF file",
  });
}

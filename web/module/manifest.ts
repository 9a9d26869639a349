// Which files make a model, and what they must be.

import { checkName } from "../host/blobs.js";
import { describe, Fault, quote } from "../fault.js";
import { sha256, sha256Of } from "../store/hash.js";

/** A model: a folder's or manifest's URL, or its files by name (config.json, tokenizer.json, model.safetensors). */
export type ModelSource = string | URL | Readonly<Record<string, Blob>>;

/** One part of a file that is stored in several. */
export interface Shard {
  /** Relative to the manifest. */
  url: string;
  /** Bytes. */
  size: number;
  sha256: string;
}

/** One file of a model. Without a size and hash, whatever arrives whole is taken. */
export interface ModelFile {
  /** Its name in the model's folder. */
  path: string;
  /** Bytes. */
  size?: number;
  /** In hexadecimal. */
  sha256?: string;
  /** Where it is, relative to the manifest; by default at `path`. */
  url?: string;
  shards?: Shard[];
}

/** manifest.json of a model's folder. */
export interface Manifest {
  name: string;
  version: 1;
  files: ModelFile[];
}

/** A model whose files are known, though perhaps not yet here. */
export interface ModelPlan {
  /** Its address, or a name made from its content. */
  source: string;
  name: string;
  /** Names this content: models of the same id are the same, byte for byte. */
  id: string;
  files: ModelFile[];
  /** What relative addresses are relative to. */
  base: string;
}

export const limits = { manifest: 1 << 20, files: 1000, file: 2 ** 31 - 1 } as const;

/** Reads a model's manifest; a folder without one is taken to have the usual files of a Hugging Face model. */
export async function planOf(source: string | URL, signal: AbortSignal | undefined): Promise<ModelPlan> {
  const url = new URL(source, document.baseURI);
  const isManifest = url.pathname.endsWith(".json");
  if (!isManifest && !url.pathname.endsWith("/")) url.pathname += "/";
  const manifestURL = isManifest ? url : new URL("manifest.json", url);
  const response = await request(manifestURL, signal, { cache: "no-cache" });
  if (response.ok) {
    const manifest = parseManifest(await text(response, manifestURL.href), manifestURL.href);
    return await plan(url.href, manifest, manifestURL.href);
  }
  if (response.status !== 404 || isManifest) throw refused(manifestURL, response);
  return await planOfFolder(url, signal);
}

/** The id and folder of a model's files that a page gives. */
export async function planOfFiles(files: Readonly<Record<string, Blob>>): Promise<ModelPlan> {
  const list: ModelFile[] = [];
  for (const [path, blob] of Object.entries(files)) {
    checkName(path);
    bounded(blob.size, path);
    list.push({ path, size: blob.size, sha256: await sha256Of(blob.size, async (at, n) => new Uint8Array(await blob.slice(at, at + n).arrayBuffer())) });
  }
  if (list.length === 0) throw new Fault("missing", { where: "model", detail: "has no files", remedy: "give config.json, tokenizer.json and model.safetensors" });
  const made = await plan("", { name: "local model", version: 1, files: list }, "");
  return { ...made, source: `files:${made.id}` };
}

async function plan(source: string, { name, files }: Manifest, base: string): Promise<ModelPlan> {
  const content = files.map((f) => `${f.path}\n${f.size ?? ""}\n${f.sha256 ?? `${source}${f.url ?? ""}`}`).sort().join("\n");
  return { source, name, id: (await sha256(new TextEncoder().encode(content))).slice(0, 16), files, base };
}

async function planOfFolder(url: URL, signal: AbortSignal | undefined): Promise<ModelPlan> {
  const files: ModelFile[] = [{ path: "config.json" }, { path: "tokenizer.json" }];
  const index = await request(new URL("model.safetensors.index.json", url), signal, { cache: "no-cache" });
  if (index.ok) {
    const where = index.url;
    const map = (parse(await text(index, where), where) as { weight_map?: Record<string, unknown> }).weight_map;
    const names = new Set(Object.values(map ?? {}));
    files.push({ path: "model.safetensors.index.json" });
    for (const path of names) files.push({ path: checkedPath(path, where) });
    if (names.size === 0 || files.length > limits.files) throw malformed(where, "weight_map", `names ${names.size} files`);
  } else {
    void index.body?.cancel();
    files.push({ path: "model.safetensors" });
  }
  const name = url.pathname.split("/").filter(Boolean).at(-1) ?? url.host;
  return await plan(url.href, { name, version: 1, files }, url.href);
}

/** Reads a manifest and checks every field of it. */
export function parseManifest(json: string, where: string): Manifest {
  const value = parse(json, where) as Partial<Manifest> | null;
  if (typeof value !== "object" || value === null) throw malformed(where, "", "is no object");
  if (value.version !== 1) throw new Fault("unsupported", { where, field: "version", detail: `is ${String(value.version)}`, limit: "1" });
  if (!Array.isArray(value.files) || value.files.length === 0 || value.files.length > limits.files) {
    throw malformed(where, "files", `is no list of 1 to ${limits.files} files`);
  }
  const paths = new Set<string>();
  const files = value.files.map((file, i): ModelFile => {
    const field = `files[${i}]`;
    const path = checkedPath(file?.path, where);
    if (paths.has(path)) throw malformed(where, field, `${quote(path)} is there twice`);
    paths.add(path);
    const checked: ModelFile = { path, size: sizeOf(file.size, where, `${field}.size`), sha256: hashField(file.sha256, where, `${field}.sha256`) };
    if (file.url !== undefined) checked.url = urlField(file.url, where, `${field}.url`);
    if (file.shards !== undefined) checked.shards = shards(file.shards, checked.size!, where, `${field}.shards`);
    return checked;
  });
  return { name: typeof value.name === "string" ? value.name.slice(0, 200) : "model", version: 1, files };
}

function shards(value: unknown, size: number, where: string, field: string): Shard[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.files) throw malformed(where, field, "is no list of parts");
  const list = value.map((s: Partial<Shard>, i) => ({
    url: urlField(s?.url, where, `${field}[${i}].url`),
    size: sizeOf(s.size, where, `${field}[${i}].size`),
    sha256: hashField(s.sha256, where, `${field}[${i}].sha256`),
  }));
  const sum = list.reduce((n, s) => n + s.size, 0);
  if (sum !== size) throw malformed(where, field, `have ${sum} bytes together, the file ${size}`);
  return list;
}

/** Fetches; a connection that fails is a Fault of kind "missing". */
export async function request(url: URL, signal: AbortSignal | undefined, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, ...(signal && { signal }), credentials: "same-origin" });
  } catch (thrown) {
    if (signal?.aborted) throw stopped(thrown);
    throw new Fault("missing", {
      where: url.href, detail: "cannot be reached", remedy: "check the connection, and that the page's policy allows this address", cause: new Error(describe(thrown)),
    });
  }
}

/** The fault for an answer that is none. */
export function refused(url: URL, response: Response): Fault {
  void response.body?.cancel();
  return new Fault("missing", { where: url.href, detail: `the server answers ${response.status} ${response.statusText}`.trim(), remedy: "check the model's address" });
}

/** The fault of what was stopped by its signal. */
export function stopped(cause: unknown): Fault {
  return new Fault("cancelled", { detail: "stopped", cause: new Error(describe(cause)) });
}

async function text(response: Response, where: string): Promise<string> {
  const body = await response.text();
  if (body.length > limits.manifest) {
    throw new Fault("too-large", { where, detail: `${body.length} characters`, limit: `${limits.manifest}`, remedy: "check the model's address" });
  }
  return body;
}

function parse(json: string, where: string): unknown {
  try {
    return JSON.parse(json);
  } catch (thrown) {
    throw new Fault("malformed", { where, detail: "is no JSON", remedy: "check the model's address", cause: new Error(describe(thrown)) });
  }
}

function checkedPath(path: unknown, where: string): string {
  if (typeof path !== "string") throw malformed(where, "path", "is no text");
  checkName(path);
  if (path.length > 150) throw new Fault("too-large", { where, field: "path", detail: quote(path), limit: "150 characters" });
  return path;
}

function sizeOf(size: unknown, where: string, field: string): number {
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw malformed(where, field, "is no number of bytes");
  bounded(size as number, `${where}: ${field}`);
  return size as number;
}

function bounded(size: number, where: string): void {
  if (size > limits.file) {
    throw new Fault("too-large", { where, detail: `${size} bytes`, limit: `${limits.file} bytes`, remedy: "split the weights into several safetensors files with an index" });
  }
}

function hashField(hash: unknown, where: string, field: string): string {
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) throw malformed(where, field, "is no SHA-256 in hexadecimal");
  return hash;
}

function urlField(url: unknown, where: string, field: string): string {
  if (typeof url !== "string" || !URL.canParse(url, where)) throw malformed(where, field, "is no address");
  return url;
}

function malformed(where: string, field: string, detail: string): Fault {
  return new Fault("malformed", { where, field, detail, remedy: "make the manifest anew" });
}

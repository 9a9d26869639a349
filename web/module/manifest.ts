// The files of a model: reading and checking its manifest.

import { manifestLimits } from "../api.gen.js";
import { describe, Fault, quote } from "../fault.js";
import { checkName } from "../host/blobs.js";
import { sha256, sha256Of } from "../store/hash.js";

/**
 * A model: the id of a Hugging Face repository ("HuggingFaceTB/SmolLM2-135M-Instruct") or its URL,
 * the URL of a GGUF file, a GGUF file as Blob, the URL of a folder (with a slash at its end) or of
 * a manifest, or files by name (config.json, tokenizer.json, model.safetensors).
 */
export type ModelSource = string | URL | Blob | Readonly<Record<string, Blob>>;

/** One part of a file that is stored in several parts. */
export interface Shard {
  /** Relative to the manifest. */
  url: string;
  /** Bytes. */
  size: number;
  sha256: string;
}

/** One file of a model. Without a size and hash it is not verified. */
export interface ModelFile {
  /** Its path in the model's folder. */
  path: string;
  /** Bytes. */
  size?: number;
  /** In hexadecimal. */
  sha256?: string;
  /** Its URL, relative to the manifest; by default `path`. */
  url?: string;
  shards?: Shard[];
}

/** manifest.json of a model's folder. */
export interface Manifest {
  name: string;
  version: 1;
  files: ModelFile[];
}

/** A file of a plan. Without a SHA-256, another value may identify its content. */
export interface PlanFile extends ModelFile {
  /** The SHA-1 of Git's blob, in hexadecimal. */
  gitHash?: string;
  /** The ETag of its URL. */
  etag?: string;
}

/** The files of a model, which may not be stored yet. */
export interface ModelPlan {
  /** Its URL, or a name derived from its content. */
  source: string;
  name: string;
  /** Derived from the content: models of the same id have the same bytes. */
  id: string;
  files: PlanFile[];
  /** The commit of a repository, and the source of the same files that names it. */
  pinned?: { revision: string; source: string };
  /** The base of relative URLs. */
  base: string;
}

/** The limits of a manifest. The guest can address files below 2 GiB only. */
export const limits = { ...manifestLimits, file: 2 ** 31 - 1 } as const;

/** Begins the source of a model whose files the page gave. The ID follows. */
export const filesScheme = "files:";

const checkURL = "check the URL of the model";

/**
 * Fetches the manifest of a model. A folder without one is expected to have the files of a Hugging
 * Face model.
 */
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
  if (response.status !== 404 || isManifest) throw new RefusedRequest(manifestURL, response);
  return await planOfFolder(url, signal);
}

/** The plan of a model whose files the page gives. */
export async function planOfFiles(
  files: Readonly<Record<string, Blob>>,
  signal: AbortSignal | undefined,
  name = "local model",
): Promise<ModelPlan> {
  const list: ModelFile[] = [];
  for (const [path, blob] of Object.entries(files)) {
    checkName(path);
    bounded(blob.size, path);
    const read = async (at: number, n: number) => {
      signal?.throwIfAborted();
      return new Uint8Array(await blob.slice(at, at + n).arrayBuffer());
    };
    list.push({ path, size: blob.size, sha256: await sha256Of(blob.size, read) });
  }
  if (list.length === 0) {
    const remedy = "give config.json, tokenizer.json and model.safetensors";
    throw new Fault("missing", { where: "model", detail: "has no files", remedy });
  }
  const made = await plan("", { name, files: list }, "");
  return { ...made, source: `${filesScheme}${made.id}` };
}

/** A plan with these files. */
export async function plan(
  source: string,
  { name, files }: { name: string; files: PlanFile[] },
  base: string,
): Promise<ModelPlan> {
  const content = files
    .map((f) => `${f.path}\n${f.size ?? ""}\n${f.sha256 ?? f.gitHash ?? `${source}${f.url ?? ""}${f.etag ?? ""}`}`)
    .sort()
    .join("\n");
  return { source, name, id: (await sha256(new TextEncoder().encode(content))).slice(0, 16), files, base };
}

async function planOfFolder(url: URL, signal: AbortSignal | undefined): Promise<ModelPlan> {
  const files: PlanFile[] = [{ path: "config.json" }, { path: "tokenizer.json" }];
  const index = await request(new URL("model.safetensors.index.json", url), signal, { cache: "no-cache" });
  if (index.ok) {
    const where = index.url;
    const map = (parse(await text(index, where), where) as { weight_map?: Record<string, unknown> }).weight_map;
    const names = new Set(Object.values(map ?? {}));
    files.push({ path: "model.safetensors.index.json" });
    for (const path of names) files.push({ path: checkedPath(path, where) });
    if (names.size === 0 || files.length > limits.files)
      throw malformed(where, "weight_map", `names ${names.size} files`);
  } else {
    void index.body?.cancel();
    files.push({ path: "model.safetensors" });
  }
  const name = url.pathname.split("/").filter(Boolean).at(-1) ?? url.host;
  return await plan(url.href, { name, files }, url.href);
}

/** Reads a manifest and checks every field of it. */
export function parseManifest(json: string, where: string): Manifest {
  const value = parse(json, where) as Partial<Manifest> | null;
  if (typeof value !== "object" || value === null) throw malformed(where, "", "is not an object");
  if (value.version !== limits.version)
    throw new Fault("unsupported", {
      where,
      field: "version",
      detail: `is ${String(value.version)}`,
      limit: `${limits.version}`,
    });
  if (!Array.isArray(value.files) || value.files.length === 0 || value.files.length > limits.files) {
    throw malformed(where, "files", `is not a list of 1 to ${limits.files} files`);
  }
  const paths = new Set<string>();
  const files = value.files.map((file, i): ModelFile => {
    const field = `files[${i}]`;
    const path = checkedPath(file?.path, where);
    if (paths.has(path)) throw malformed(where, field, `${quote(path)} is listed twice`);
    paths.add(path);
    const checked: ModelFile = {
      path,
      size: sizeOf(file.size, where, `${field}.size`),
      sha256: hashField(file.sha256, where, `${field}.sha256`),
    };
    if (file.url !== undefined) checked.url = urlField(file.url, where, `${field}.url`);
    if (file.shards !== undefined) checked.shards = shards(file.shards, checked.size!, where, `${field}.shards`);
    return checked;
  });
  return { name: typeof value.name === "string" ? value.name.slice(0, limits.name) : "model", version: 1, files };
}

function shards(value: unknown, size: number, where: string, field: string): Shard[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.files)
    throw malformed(where, field, "is not a list of parts");
  const list = value.map((s: Partial<Shard>, i) => ({
    url: urlField(s?.url, where, `${field}[${i}].url`),
    size: sizeOf(s.size, where, `${field}[${i}].size`),
    sha256: hashField(s.sha256, where, `${field}[${i}].sha256`),
  }));
  const sum = list.reduce((n, s) => n + s.size, 0);
  if (sum !== size) throw malformed(where, field, `have ${sum} bytes together, but the file has ${size}`);
  return list;
}

/** Sends a request. A connection error is a Fault of kind "missing". */
export async function request(url: URL, signal: AbortSignal | undefined, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, ...(signal && { signal }), credentials: "same-origin" });
  } catch (thrown) {
    if (signal?.aborted) throw stopped(thrown);
    throw new Fault("missing", {
      where: url.href,
      detail: "cannot be reached",
      remedy: "check the connection, and that the page's Content-Security-Policy allows this URL",
      cause: new Error(describe(thrown)),
    });
  }
}

/** The fault for an answer of a server that is an error or not what was requested. */
export class RefusedRequest extends Fault {
  readonly status: number;

  constructor(url: URL, response: Response) {
    void response.body?.cancel();
    const detail = `the server answers ${response.status} ${response.statusText}`.trim();
    super("missing", { where: url.href, detail, remedy: checkURL });
    this.status = response.status;
  }
}

/** The fault of an operation that its signal has cancelled. */
export function stopped(cause: unknown): Fault {
  return new Fault("cancelled", { detail: "stopped", cause: new Error(describe(cause)) });
}

async function text(response: Response, where: string): Promise<string> {
  const body = await response.text();
  if (body.length > limits.size) {
    throw new Fault("too-large", {
      where,
      detail: `${body.length} characters`,
      limit: `${limits.size}`,
      remedy: checkURL,
    });
  }
  return body;
}

function parse(json: string, where: string): unknown {
  if (json.trimStart().startsWith("<")) throw isPage(where);
  try {
    return JSON.parse(json);
  } catch (thrown) {
    throw new Fault("malformed", {
      where,
      detail: "is not JSON",
      remedy: checkURL,
      cause: new Error(describe(thrown)),
    });
  }
}

/**
 * The fault for a web page in place of a model's file. Servers of single-page apps answer with
 * their start page for files that they lack.
 */
export function isPage(where: string): Fault {
  return new Fault("malformed", {
    where,
    detail: "is a web page (HTML) and not a file of a model",
    remedy: "check the URL of the model; the server may answer with its start page (an SPA fallback) for missing files",
  });
}

/** Returns the path of a file in a model's folder. Throws if it cannot be one. */
export function checkedPath(path: unknown, where: string): string {
  if (typeof path !== "string") throw malformed(where, "path", "is not text");
  checkName(path);
  if (path.length > limits.path) {
    throw new Fault("too-large", { where, field: "path", detail: quote(path), limit: `${limits.path} characters` });
  }
  return path;
}

function sizeOf(size: unknown, where: string, field: string): number {
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw malformed(where, field, "is not a number of bytes");
  bounded(size as number, `${where}: ${field}`);
  return size as number;
}

/** Throws if a file is larger than the guest can address. */
export function bounded(size: number, where: string): void {
  if (size > limits.file) {
    const remedy = "split the weights into several safetensors files with an index";
    throw new Fault("too-large", { where, detail: `${size} bytes`, limit: `${limits.file} bytes`, remedy });
  }
}

function hashField(hash: unknown, where: string, field: string): string {
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash))
    throw malformed(where, field, "is not a SHA-256 in hexadecimal");
  return hash;
}

function urlField(url: unknown, where: string, field: string): string {
  if (typeof url !== "string" || !URL.canParse(url, where)) throw malformed(where, field, "is not a URL");
  return url;
}

function malformed(where: string, field: string, detail: string): Fault {
  return new Fault("malformed", { where, field, detail, remedy: "create the manifest again" });
}

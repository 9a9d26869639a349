// Finds the files of models that are not folders of a site: repositories of the Hugging Face hub or
// or of a mirror, and GGUF files. web/module imports this script for such models only.
//
// A revision is resolved to a commit first, and the files are requested at this commit. So a
// download that is interrupted never mixes two versions.

import { manifestLimits } from "../api.gen.js";
import type { Blobs, Found, Kept } from "../module/found.js";
import type { ModelPlan, PlanFile } from "../module/manifest.js";
import type { ModelPlace } from "../module/remote.js";
import type { Tools } from "../module/tools.js";
import { gated, isCommit, parseHeaders, parseInfo, readJSON, readStart, refused } from "./answers.js";
import { explainFailure } from "./blocked.js";
import { choose, type Entry, index, small, weights } from "./choose.js";
import { checkGGUF, headerSize } from "./gguf.js";
import { fileURL, parseName, type RepositoryName, sourceURL } from "./name.js";
import { checkSpace } from "./space.js";

// Files without a SHA-256 are read into memory to check Git's hash. The hub stores larger ones with
// a SHA-256.
const maxSmall = 16 << 20;
const maxIndex = 8 << 20;

type KeptOf = (source: string) => Promise<Kept | undefined>;

/** Finds a model for which isRemote holds. */
export async function findModel(
  place: ModelPlace,
  keptOf: KeptOf,
  signal: AbortSignal | undefined,
  tools: Tools,
): Promise<Found> {
  const { model } = place;
  if (model instanceof Blob) return await ofFile(model, keptOf, signal, tools);
  const name = parseName(String(model), place, tools);
  const source = name === undefined ? new URL(String(model), document.baseURI).href : sourceURL(name, name.revision);
  const kept = await keptOf(source);
  const what = name?.id ?? source;
  const explain = (thrown: unknown) => explainFailure(thrown, what, tools);
  const found = (plan: ModelPlan): Found => ({
    plan,
    kept: kept?.plan.id === plan.id ? kept : undefined,
    explain,
    prepare: (blobs: Blobs, folder: string) => checkSpace(plan, blobs, folder, tools),
  });
  // A commit never changes.
  if (kept !== undefined && name !== undefined && isCommit(name.revision)) return found(kept.plan);
  try {
    const plan =
      name === undefined
        ? await planOfURL(source, signal, tools)
        : await new Repository(name, source, signal, tools).plan(kept);
    return found(plan);
  } catch (thrown) {
    // Without a connection, use the files of an earlier download.
    if (kept !== undefined && thrown instanceof tools.Fault && thrown.kind === "missing") return found(kept.plan);
    throw await explain(thrown);
  }
}

async function ofFile(file: Blob, keptOf: KeptOf, signal: AbortSignal | undefined, tools: Tools): Promise<Found> {
  const given = file instanceof File && /\.gguf$/i.test(file.name) ? file.name : "model.gguf";
  checkGGUF(new Uint8Array(await file.slice(0, headerSize).arrayBuffer()), given, tools);
  const files = { "model.gguf": file };
  const plan = await tools.planOfFiles(files, signal, given.slice(0, -".gguf".length));
  return {
    plan,
    kept: await keptOf(plan.source),
    given: files,
    prepare: (blobs, folder) => checkSpace(plan, blobs, folder, tools),
  };
}

async function planOfURL(source: string, signal: AbortSignal | undefined, tools: Tools): Promise<ModelPlan> {
  const { origin, pathname } = new URL(source);
  const path = decodeURIComponent(pathname.split("/").at(-1)!);
  const { size, sha256, etag } = await readHeader(new URL(source), path, signal, tools);
  const file: PlanFile = { path: tools.checkedPath(path, origin), url: source };
  if (size !== undefined) file.size = size;
  if (sha256 !== undefined) file.sha256 = sha256;
  else if (etag !== undefined) file.etag = etag;
  return await tools.plan(source, { name: path.slice(0, -".gguf".length), files: [file] }, source);
}

// Checks the start of a GGUF file, and returns what the headers say of it.
async function readHeader(url: URL, path: string, signal: AbortSignal | undefined, tools: Tools) {
  const init: RequestInit = { headers: { Range: `bytes=0-${headerSize - 1}` } };
  const response = await tools.request(url, signal, init);
  if (!response.ok) throw new tools.RefusedRequest(url, response);
  const about = parseHeaders(path, response);
  checkGGUF(await readStart(response, headerSize), url.href, tools);
  if (about.size === undefined && response.status === 206) {
    const head = await tools.request(url, signal, { method: "HEAD" });
    if (head.ok) about.size = parseHeaders(path, head).size;
  }
  if (about.size !== undefined) tools.bounded(about.size, url.href);
  return about;
}

class Repository {
  readonly #name: RepositoryName;
  readonly #source: string;
  readonly #signal: AbortSignal | undefined;
  readonly #tools: Tools;
  #commit = "";
  #probed = false; // the list of files is from headers

  constructor(name: RepositoryName, source: string, signal: AbortSignal | undefined, tools: Tools) {
    this.#name = name;
    this.#source = source;
    this.#signal = signal;
    this.#tools = tools;
  }

  /** The files at the commit of the revision. `kept` may have those of the same commit. */
  async plan(kept: Kept | undefined): Promise<ModelPlan> {
    const all = await this.#list();
    if (kept !== undefined && this.#commit !== "" && kept.plan.pinned?.revision === this.#commit) return kept.plan;
    const files: PlanFile[] = [];
    for (const { path, from: listed } of choose(this.#name, all, this.#tools)) {
      const from = await this.#completed(listed);
      const file = this.#file(path, from);
      files.push(file);
      if (path === index) files.push(...(await this.#shards(from, all)));
      if (/\.gguf$/i.test(path)) await readHeader(new URL(file.url!), path, this.#signal, this.#tools);
    }
    const plan = await this.#tools.plan(this.#source, { name: this.#name.id, files }, this.#name.hub);
    if (this.#commit !== "") plan.pinned = { revision: this.#commit, source: sourceURL(this.#name, this.#commit) };
    return plan;
  }

  // The files of the repository. Sets the commit.
  async #list(): Promise<Entry[]> {
    const { hub, id, revision } = this.#name;
    const url = new URL(`${hub}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`);
    const response = await this.#tools.request(url, this.#signal, { cache: "no-cache" });
    if (!response.ok) {
      // A mirror may have the files alone.
      if (response.status !== 404 || response.headers.has("X-Error-Code"))
        throw refused(this.#name, response, this.#tools);
      void response.body?.cancel();
      return await this.#probe();
    }
    const info = await readJSON(response, this.#tools);
    if ((info as { gated?: unknown } | null)?.gated) throw gated(this.#name, this.#tools);
    const { commit, entries } = parseInfo(info, url.href, this.#tools);
    this.#commit = commit;
    return entries;
  }

  // Asks for the usual files one by one.
  async #probe(): Promise<Entry[]> {
    const { file, id, hub } = this.#name;
    this.#probed = true;
    const names = file === undefined ? [...small, weights, index] : [...small, file];
    const found: Entry[] = [];
    for (const path of names) {
      const entry = await this.#ask(path);
      if (entry !== undefined) found.push(entry);
    }
    if (found.length > 0) return found;
    throw new this.#tools.Fault("missing", {
      where: `${hub}/${id}`,
      detail: "the server has no repository of this id",
      remedy: "check the id, the revision and the hub",
    });
  }

  // Adds what headers say to what the list of files lacks.
  async #completed(listed: Entry): Promise<Entry> {
    const { path, size, sha256, gitHash } = listed;
    if (this.#probed || (size !== undefined && (sha256 ?? gitHash) !== undefined)) return listed;
    const asked = await this.#ask(path);
    return {
      path,
      size: size ?? asked?.size,
      sha256: sha256 ?? asked?.sha256,
      gitHash: gitHash ?? asked?.gitHash,
      etag: asked?.etag,
    };
  }

  // Returns what headers say of a file, or undefined if it does not exist. Sets the commit if it is
  // not known.
  async #ask(path: string): Promise<Entry | undefined> {
    const url = new URL(fileURL(this.#name, this.#revision, path));
    let response = await this.#tools.request(url, this.#signal, { method: "HEAD", cache: "no-cache" });
    if (response.status === 405 || response.status === 501) {
      response = await this.#tools.request(url, this.#signal, { headers: { Range: "bytes=0-0" }, cache: "no-store" });
      void response.body?.cancel();
    }
    if (response.status === 404) return undefined;
    if (!response.ok) throw refused(this.#name, response, this.#tools);
    const { commit, ...entry } = parseHeaders(path, response);
    if (commit !== undefined && this.#commit === "") this.#commit = commit;
    return entry;
  }

  // The commit, or the name of the revision if the server does not tell the commit.
  get #revision(): string {
    return this.#commit || this.#name.revision;
  }

  #file(path: string, { path: from, size, sha256, gitHash, etag }: Entry): PlanFile {
    const url = fileURL(this.#name, this.#revision, from);
    const file: PlanFile = { path: this.#tools.checkedPath(path, this.#name.id), url };
    if (size !== undefined) {
      this.#tools.bounded(size, `${this.#name.id}: ${from}`);
      file.size = size;
    }
    if (sha256 !== undefined) file.sha256 = sha256;
    else if (gitHash !== undefined && size !== undefined && size <= maxSmall) file.gitHash = gitHash;
    else if (etag !== undefined) file.etag = etag;
    return file;
  }

  // The safetensors files that an index names.
  async #shards(from: Entry, all: readonly Entry[]): Promise<PlanFile[]> {
    const { Fault } = this.#tools;
    const url = new URL(fileURL(this.#name, this.#revision, from.path));
    if ((from.size ?? 0) > maxIndex)
      throw new Fault("too-large", { where: url.href, detail: `${from.size} bytes`, limit: `${maxIndex} bytes` });
    const response = await this.#tools.request(url, this.#signal);
    if (!response.ok) throw new this.#tools.RefusedRequest(url, response);
    const { weight_map: map } = Object(await readJSON(response, this.#tools)) as { weight_map?: object };
    const base = from.path.includes("/") ? from.path.slice(0, from.path.lastIndexOf("/") + 1) : "";
    const names = new Set<unknown>(Object.values(map ?? {}));
    if (names.size === 0 || names.size > manifestLimits.files) {
      const detail = `names ${names.size} files`;
      throw new Fault("malformed", { where: url.href, field: "weight_map", detail, limit: `${manifestLimits.files}` });
    }
    const files: PlanFile[] = [];
    for (const name of names) {
      const entry = all.find(({ path }) => path === `${base}${String(name)}`);
      // Without a list of files, the index alone names them.
      if (entry === undefined && all.some(({ path }) => path.endsWith(".safetensors") && path !== weights)) {
        const remedy = "use another revision";
        throw new Fault("missing", { where: url.href, field: String(name), detail: "does not exist", remedy });
      }
      files.push(this.#file(String(name), entry ?? { path: `${base}${String(name)}` }));
    }
    return files;
  }
}

// Stores the files of a model as blobs, from the network or from the page. Checksums are verified,
// later visits use the stored files, and interrupted downloads resume.

import { describe, Fault } from "../fault.js";
import type { Bytes, GuestClient } from "../host/client.js";
import { withLock } from "../store/denied.js";
import { hexadecimal } from "../store/hash.js";
import type { History } from "../store/history.js";
import type { Blobs, Found, Kept } from "./found.js";
import {
  filesScheme,
  isPage,
  limits,
  type ModelPlan,
  type PlanFile,
  planOf,
  planOfFiles,
  RefusedRequest,
  request,
  stopped,
} from "./manifest.js";
import { type OnProgress, ProgressReport } from "./progress.js";
import { isRemote, type ModelPlace } from "./remote.js";
import { tools } from "./tools.js";

/** A model whose files are stored on the device. */
export interface Model {
  readonly id: string;
  readonly name: string;
  /**
   * What opens the same files again, if given as the option `model`: a URL, of one commit if the
   * model is from a repository, or the name of files that the page gave before.
   */
  readonly source: string;
  /** The blob folder of its files. */
  readonly folder: string;
  /** Bytes of all files. */
  readonly bytes: number;
}

// Data is stored in pieces of this size. A complete file is never in the page's memory, and an
// interruption loses at most one piece.
const pieceSize = 1 << 20;
const attempts = 4; // of a request

export function modelFolder(id: string): string {
  return `models/${id}`;
}

/** The key of the record with the files of a source. */
export function modelKey(source: string): string {
  return `model:${source}`;
}

/** Finds the files of a model, and the record of an earlier download of the same files. */
export async function lookUp(place: ModelPlace, history: History, signal?: AbortSignal): Promise<Found> {
  const { model } = place;
  if (isRemote(place)) {
    const { findModel } = await import("../hub/hub.js");
    return await findModel(place, (source) => keptOf(source, history), signal, tools);
  }
  if (typeof model !== "string" && !(model instanceof URL)) {
    const given = model as Exclude<typeof model, Blob>;
    const plan = await planOfFiles(given, signal);
    return { plan, kept: await keptOf(plan.source, history), given };
  }
  if (String(model).startsWith(filesScheme)) {
    const kept = await keptOf(String(model), history);
    if (kept !== undefined) return { plan: kept.plan, kept };
    throw new Fault("missing", { where: String(model), detail: "is not stored", remedy: "choose its files again" });
  }
  const href = new URL(model, document.baseURI).href;
  try {
    const plan = await planOf(model, signal);
    const kept = await keptOf(plan.source, history);
    return { plan, kept: kept?.plan.id === plan.id ? kept : undefined };
  } catch (thrown) {
    // Without a connection, use the files of an earlier download.
    const kept = (await keptOf(href, history)) ?? (await keptOf(`${href}/`, history));
    if (kept !== undefined && thrown instanceof Fault && thrown.kind === "missing") return { plan: kept.plan, kept };
    throw thrown;
  }
}

/** Downloads a model, unless its files are stored already. */
export async function fetchModel(
  place: ModelPlace,
  opening: Promise<GuestClient>,
  history: History,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<Model> {
  const { plan, given, prepare, explain } = await lookUp(place, history, signal);
  const client = await opening;
  const { blobs } = client;
  const folder = modelFolder(plan.id);
  // Only one tab downloads. Others wait and then use the stored files.
  try {
    return await withLock(`nextquill-model-${plan.id}`, signal ? { signal } : {}, async () => {
      const report = new ProgressReport(plan.name, onProgress, plan.files);
      const kept = await keptOf(plan.source, history);
      const sizes: Record<string, number> = {};
      const hashes: Record<string, string> = {};
      await prepare?.(blobs, folder);
      for (const file of plan.files) {
        signal?.throwIfAborted();
        const name = `${folder}/${file.path}`;
        report.initiate(file.path);
        const known =
          kept?.plan.id === plan.id ? { size: kept.sizes[file.path], sha256: kept.hashes[file.path] } : file;
        let got = await storedFile(blobs, name, known);
        if (got === undefined) {
          if (file.path.endsWith(".safetensors")) await checkConfig(client, folder, plan.name);
          report.download(file.path);
          got = await new Download(plan, file, name, blobs, report, signal).run(given?.[file.path]);
        }
        sizes[file.path] = got.size;
        hashes[file.path] = got.sha256;
        report.done(file.path, got.size);
      }
      const source = plan.pinned?.source ?? plan.source;
      const record: Kept = { plan, sizes, hashes };
      await history.setRecords([plan.source, source].map((key) => [modelKey(key), record] as const));
      report.ready();
      const bytes = Object.values(sizes).reduce((a, b) => a + b, 0);
      return { id: plan.id, name: plan.name, source, folder, bytes };
    });
  } catch (thrown) {
    if (signal?.aborted && !(thrown instanceof Fault)) throw stopped(thrown);
    throw explain === undefined ? thrown : await explain(thrown);
  }
}

// Has the guest check config.json before the weights are downloaded. If it supports the model, it
// reports that the weights are missing.
async function checkConfig(client: GuestClient, model: string, name: string): Promise<void> {
  try {
    await client.call("estimate", { model, lora: {}, training: {} });
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    if (thrown.kind === "missing") return;
    throw new Fault(thrown.kind, { ...thrown, where: thrown.where.replace(model, name), cause: thrown.cause });
  }
}

async function keptOf(source: string, history: History): Promise<Kept | undefined> {
  return await history.record<Kept>(modelKey(source));
}

interface Stored {
  size: number;
  sha256: string;
}

// Returns size and hash of a stored file, or undefined if it is missing or differs from what is
// known of it.
async function storedFile(
  blobs: Blobs,
  name: string,
  file: { size?: number | undefined; sha256?: string | undefined },
): Promise<Stored | undefined> {
  if (file.size === undefined || file.sha256 === undefined) return undefined;
  try {
    if ((await blobs.size(name)) !== file.size) return undefined;
    const hash = await blobs.hash(name);
    return hash === file.sha256 ? { size: file.size, sha256: hash } : undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
    throw thrown;
  }
}

/** The download of one file. */
class Download {
  readonly #plan: ModelPlan;
  readonly #file: PlanFile;
  readonly #name: string; // of the blob
  readonly #blobs: Blobs;
  readonly #report: ProgressReport;
  readonly #signal: AbortSignal | undefined;
  #stored = 0; // bytes on the device
  #piece: Bytes | undefined; // the bytes after them
  #buffered = 0; // bytes in #piece

  constructor(
    plan: ModelPlan,
    file: PlanFile,
    name: string,
    blobs: Blobs,
    report: ProgressReport,
    signal: AbortSignal | undefined,
  ) {
    this.#plan = plan;
    this.#file = file;
    this.#name = name;
    this.#blobs = blobs;
    this.#report = report;
    this.#signal = signal;
  }

  /** Stores the complete file and verifies its hash. `given` is its content if the page has it. */
  async run(given: Blob | undefined): Promise<Stored> {
    const resumedAt = await this.#resume();
    try {
      return await this.#fetch(given);
    } catch (thrown) {
      if (resumedAt === 0 || !(thrown instanceof Fault) || thrown.kind !== "mismatch") throw thrown;
      // The pieces of an earlier visit may be wrong: start again.
      this.#truncate(0);
      return await this.#fetch(given);
    }
  }

  // Continues an interrupted download of an earlier visit.
  async #resume(): Promise<number> {
    const { size, sha256, gitHash, etag } = this.#file;
    if (size !== undefined && (sha256 ?? gitHash ?? etag) !== undefined)
      this.#stored = Math.min(size, await this.#blobs.partial(this.#name));
    else this.#truncate(0); // pieces of different versions could be mixed
    return this.#stored;
  }

  async #fetch(given: Blob | undefined): Promise<Stored> {
    const { path, size, sha256: want, shards, url } = this.#file;
    if (given !== undefined) await this.#copy(given);
    else if (shards !== undefined) await this.#fetchShards(shards);
    else if (this.#loaded !== size) await this.#fetchRange(new URL(url ?? path, this.#plan.base), 0, size);
    await this.#flush();
    if (size !== undefined && this.#stored !== size) {
      throw await this.#mismatch(path, 0, "size", `${this.#stored} bytes`, `${size} bytes`);
    }
    // Truncates what a kill may have left at the end.
    await this.#blobs.append(this.#name, this.#stored, new Uint8Array(0));
    const got = await this.#blobs.finish(this.#name, want);
    if (want === undefined) await this.#checkGitHash();
    this.#report.loaded(path, this.#stored, this.#stored);
    return { size: this.#stored, sha256: got };
  }

  // Small files of a repository have a hash that the blob store does not compute.
  async #checkGitHash(): Promise<void> {
    const { path, gitHash: want } = this.#file;
    if (want === undefined) return;
    const content = new Blob([`blob ${this.#stored}\0`, await this.#blobs.read(this.#name)]);
    const got = hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-1", await content.arrayBuffer())));
    if (got === want) return;
    await this.#blobs.delete(this.#name);
    throw await this.#mismatch(path, 0, "git hash", got, want);
  }

  async #copy(given: Blob): Promise<void> {
    while (this.#loaded < given.size) {
      this.#signal?.throwIfAborted();
      await this.#take(new Uint8Array(await given.slice(this.#loaded, this.#loaded + pieceSize).arrayBuffer()));
      this.#report.loaded(this.#file.path, this.#loaded, given.size);
    }
  }

  async #fetchShards(shards: NonNullable<PlanFile["shards"]>): Promise<void> {
    let from = 0;
    for (const { url, size, sha256: want } of shards) {
      const end = from + size;
      if (this.#loaded < end) {
        await this.#fetchRange(new URL(url, this.#plan.base), from, end);
        await this.#flush();
        if (this.#stored !== end) {
          throw await this.#mismatch(url, from, "size", `${this.#stored - from} bytes`, `${size} bytes`);
        }
        const got = await this.#blobs.hashPartial(this.#name, from, size);
        if (got !== want) throw await this.#mismatch(url, from, "sha256", got, want);
      }
      from = end;
    }
  }

  // Deletes everything from `from` on, so that the next attempt downloads it again. Returns the
  // fault.
  async #mismatch(where: string, from: number, field: string, detail: string, limit: string): Promise<Fault> {
    this.#truncate(from);
    await this.#blobs.append(this.#name, from, new Uint8Array(0));
    return new Fault("mismatch", {
      where,
      field,
      detail,
      limit,
      remedy: "the file was changed or truncated in transit: open the model again, or create its manifest again",
    });
  }

  // Downloads `url`, which has the bytes from `from` to `end` of the file. Continues after the
  // bytes that exist.
  async #fetchRange(url: URL, from: number, end: number | undefined): Promise<void> {
    await this.#retry(async () => {
      const response = await this.#get(url, this.#loaded - from, () => this.#truncate(from));
      if (response.status !== 206) this.#truncate(from); // the server ignores the range
      const length = Number(response.headers.get("Content-Length") ?? 0);
      const total = this.#file.size ?? (response.headers.has("Content-Encoding") ? 0 : this.#loaded + length);
      try {
        for await (const chunk of this.#body(response, url)) {
          await this.#take(chunk);
          this.#report.loaded(this.#file.path, this.#loaded, total);
          if (end !== undefined && this.#loaded > end) break; // too long
          if (this.#loaded > limits.file) {
            throw new Fault("too-large", {
              where: url.href,
              detail: `more than ${limits.file} bytes`,
              limit: `${limits.file} bytes`,
            });
          }
        }
      } finally {
        await this.#flush();
      }
    });
  }

  async #get(url: URL, from: number, restart: () => void): Promise<Response> {
    // Not through the browser's cache: it would have a second copy, and keep wrong bytes.
    const init: RequestInit = { cache: "no-store", ...(from > 0 && { headers: { Range: `bytes=${from}-` } }) };
    const response = await request(url, this.#signal, init);
    const starts = response.headers.get("Content-Range")?.startsWith(`bytes ${from}-`);
    if (response.status === 416 || (response.status === 206 && !starts)) {
      restart();
      throw new RefusedRequest(url, response);
    }
    if (!response.ok) throw new RefusedRequest(url, response);
    const etag = response.headers.get("ETag");
    if (this.#file.etag !== undefined && etag !== null && etag !== this.#file.etag) {
      void response.body?.cancel();
      throw await this.#mismatch(url.href, 0, "ETag", etag, this.#file.etag);
    }
    if (response.headers.get("Content-Type")?.startsWith("text/html")) {
      void response.body?.cancel();
      throw isPage(url.href);
    }
    return response;
  }

  async *#body(response: Response, url: URL): AsyncGenerator<Bytes> {
    try {
      const reader = response.body!.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          yield value as Bytes;
        }
      } finally {
        void reader.cancel().catch(() => {});
      }
    } catch (thrown) {
      if (thrown instanceof Fault) throw thrown;
      const remedy = "open the model again: the download resumes";
      const cause = new Error(describe(thrown));
      throw new Fault("missing", { where: url.href, detail: "the connection was interrupted", remedy, cause });
    }
  }

  // Repeats after connection errors, with increasing delays.
  async #retry(attempt: () => Promise<void>): Promise<void> {
    for (let n = 1; ; n++) {
      try {
        await attempt();
        return;
      } catch (thrown) {
        if (this.#signal?.aborted) throw stopped(thrown);
        const final = thrown instanceof RefusedRequest && thrown.status >= 400 && thrown.status < 500;
        const again = thrown instanceof Fault && thrown.kind === "missing" && !final;
        if (n === attempts || !again) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 250 * 3 ** (n - 1)));
      }
    }
  }

  get #loaded(): number {
    return this.#stored + this.#buffered;
  }

  async #take(chunk: Bytes): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      this.#piece ??= new Uint8Array(pieceSize);
      const part = chunk.subarray(at, at + pieceSize - this.#buffered);
      this.#piece.set(part, this.#buffered);
      this.#buffered += part.byteLength;
      at += part.byteLength;
      if (this.#buffered === pieceSize) await this.#flush();
    }
  }

  // Stores the buffered bytes.
  async #flush(): Promise<void> {
    if (this.#piece === undefined) return;
    const [piece, at] = [
      this.#buffered === pieceSize ? this.#piece : this.#piece.slice(0, this.#buffered),
      this.#stored,
    ];
    this.#piece = undefined;
    this.#buffered = 0;
    this.#stored += piece.byteLength;
    await this.#blobs.append(this.#name, at, piece);
  }

  // Forgets everything after the first `size` bytes.
  #truncate(size: number): void {
    this.#piece = undefined;
    this.#buffered = 0;
    this.#stored = size;
  }
}

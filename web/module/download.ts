// Stores the files of a model as blobs, from the network or from the page. Checksums are verified,
// later visits use the stored files, and interrupted downloads resume.

import { describe, Fault } from "../fault.js";
import type { Bytes, GuestClient } from "../host/client.js";
import { withLock } from "../store/denied.js";
import type { History } from "../store/history.js";
import {
  isPage,
  limits,
  type ModelFile,
  type ModelPlan,
  type ModelSource,
  planOf,
  planOfFiles,
  RefusedRequest,
  request,
  stopped,
} from "./manifest.js";
import { type OnProgress, ProgressReport } from "./progress.js";

/** A model whose files are stored on the device. */
export interface Model {
  readonly id: string;
  readonly name: string;
  /** The blob folder of its files. */
  readonly folder: string;
  /** Bytes of all files. */
  readonly bytes: number;
}

interface Kept {
  plan: ModelPlan;
  sizes: Record<string, number>;
  hashes: Record<string, string>;
}

export type Blobs = GuestClient["blobs"];

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
export async function lookUp(
  source: ModelSource,
  history: History,
  signal?: AbortSignal,
): Promise<{ plan: ModelPlan; kept: Kept | undefined }> {
  if (!isURL(source)) {
    const plan = await planOfFiles(source);
    return { plan, kept: await keptOf(plan.source, history) };
  }
  const href = new URL(source, document.baseURI).href;
  try {
    const plan = await planOf(source, signal);
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
  source: ModelSource,
  client: Promise<GuestClient>,
  history: History,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<Model> {
  const { plan } = await lookUp(source, history, signal);
  const { blobs } = await client;
  const given = isURL(source) ? undefined : source;
  // Only one tab downloads. Others wait and then use the stored files.
  try {
    return await withLock(`nextquill-model-${plan.id}`, signal ? { signal } : {}, async () => {
      const report = new ProgressReport(plan.name, onProgress, plan.files);
      const kept = await keptOf(plan.source, history);
      const sizes: Record<string, number> = {};
      const hashes: Record<string, string> = {};
      for (const file of plan.files) {
        signal?.throwIfAborted();
        const name = `${modelFolder(plan.id)}/${file.path}`;
        report.initiate(file.path);
        const known =
          kept?.plan.id === plan.id ? { size: kept.sizes[file.path], sha256: kept.hashes[file.path] } : file;
        let got = await storedFile(blobs, name, known);
        if (got === undefined) {
          report.download(file.path);
          got = await new Download(plan, file, name, blobs, report, signal).run(given?.[file.path]);
        }
        sizes[file.path] = got.size;
        hashes[file.path] = got.sha256;
        report.done(file.path, got.size);
      }
      await history.setRecord(modelKey(plan.source), { plan, sizes, hashes } satisfies Kept);
      report.ready();
      const bytes = Object.values(sizes).reduce((a, b) => a + b, 0);
      return { id: plan.id, name: plan.name, folder: modelFolder(plan.id), bytes };
    });
  } catch (thrown) {
    throw signal?.aborted && !(thrown instanceof Fault) ? stopped(thrown) : thrown;
  }
}

function isURL(source: ModelSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
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
  readonly #file: ModelFile;
  readonly #name: string; // of the blob
  readonly #blobs: Blobs;
  readonly #report: ProgressReport;
  readonly #signal: AbortSignal | undefined;
  #stored = 0; // bytes on the device
  #piece: Bytes | undefined; // the bytes after them
  #buffered = 0; // bytes in #piece

  constructor(
    plan: ModelPlan,
    file: ModelFile,
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
    const { size, sha256 } = this.#file;
    if (size !== undefined && sha256 !== undefined)
      this.#stored = Math.min(size, await this.#blobs.partial(this.#name));
    else this.#truncate(0); // without a hash, pieces of different versions could be mixed
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
    this.#report.loaded(path, this.#stored, this.#stored);
    return { size: this.#stored, sha256: got };
  }

  async #copy(given: Blob): Promise<void> {
    while (this.#loaded < given.size) {
      this.#signal?.throwIfAborted();
      await this.#take(new Uint8Array(await given.slice(this.#loaded, this.#loaded + pieceSize).arrayBuffer()));
      this.#report.loaded(this.#file.path, this.#loaded, given.size);
    }
  }

  async #fetchShards(shards: NonNullable<ModelFile["shards"]>): Promise<void> {
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
    const response = await request(url, this.#signal, from > 0 ? { headers: { Range: `bytes=${from}-` } } : {});
    const starts = response.headers.get("Content-Range")?.startsWith(`bytes ${from}-`);
    if (response.status === 416 || (response.status === 206 && !starts)) {
      restart();
      throw new RefusedRequest(url, response);
    }
    if (!response.ok) throw new RefusedRequest(url, response);
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

// A model's files, from the network or the page, into blobs: checked before they
// are used, kept so that the next visit needs none of them, and gone on with after
// a break.

import type { Bytes, GuestClient } from "../host/client.js";
import { describe, Fault } from "../fault.js";
import type { History } from "../store/history.js";
import { limits, planOf, planOfFiles, refused, request, stopped, type ModelFile, type ModelPlan, type ModelSource } from "./manifest.js";
import { ProgressReport, type OnProgress } from "./progress.js";

/** A model that is on the device, whole. */
export interface Model {
  readonly id: string;
  readonly name: string;
  /** The blob folder with its files. */
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

// What arrives goes to the device in pieces of this size: a file is never whole in
// the page's memory, and a break costs no more than one.
const pieceSize = 1 << 20;
const attempts = 4;

export function modelFolder(id: string): string {
  return `models/${id}`;
}

/** The record that says which content a source has. */
export function modelKey(source: string): string {
  return `model:${source}`;
}

/** What is to be fetched for a model: the plan, and the bytes that are not here yet as far as known. */
export async function lookUp(source: ModelSource, history: History, signal?: AbortSignal): Promise<{ plan: ModelPlan; kept: Kept | undefined }> {
  if (!isAddress(source)) {
    const plan = await planOfFiles(source);
    return { plan, kept: await keptOf(plan.source, history) };
  }
  const href = new URL(source, document.baseURI).href;
  try {
    const plan = await planOf(source, signal);
    const kept = await keptOf(plan.source, history);
    return { plan, kept: kept?.plan.id === plan.id ? kept : undefined };
  } catch (thrown) {
    // Without a connection, what was fetched earlier is as good as ever.
    const kept = (await keptOf(href, history)) ?? (await keptOf(`${href}/`, history));
    if (kept !== undefined && thrown instanceof Fault && thrown.kind === "missing") return { plan: kept.plan, kept };
    throw thrown;
  }
}

/** Brings a model onto the device, unless it is there. */
export async function fetchModel(
  source: ModelSource, client: Promise<GuestClient>, history: History, onProgress: OnProgress | undefined, signal: AbortSignal | undefined,
): Promise<Model> {
  const { plan } = await lookUp(source, history, signal);
  const { blobs } = await client;
  const given = isAddress(source) ? undefined : source;
  // One tab fetches; another that wants the same waits, and finds it there.
  try {
    return await navigator.locks.request(`nextquill-model-${plan.id}`, signal ? { signal } : {}, async () => {
      const report = new ProgressReport(plan.name, onProgress, plan.files);
      const kept = await keptOf(plan.source, history);
      const sizes: Record<string, number> = {};
      const hashes: Record<string, string> = {};
      for (const file of plan.files) {
        signal?.throwIfAborted();
        const name = `${modelFolder(plan.id)}/${file.path}`;
        report.initiate(file.path);
        const wanted = { ...file, ...(kept?.plan.id === plan.id && { size: kept.sizes[file.path], sha256: kept.hashes[file.path] }) };
        let got = await onDevice(blobs, name, wanted);
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

function isAddress(source: ModelSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

async function keptOf(source: string, history: History): Promise<Kept | undefined> {
  return await history.record<Kept>(modelKey(source));
}

// onDevice tells whether a file is on the device, unaltered: the hash is cheap beside what follows.
async function onDevice(blobs: Blobs, name: string, file: { size?: number | undefined; sha256?: string | undefined }): Promise<{ size: number; sha256: string } | undefined> {
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

/** One file on its way. */
class Download {
  readonly #plan: ModelPlan;
  readonly #file: ModelFile;
  readonly #name: string; // of the blob
  readonly #blobs: Blobs;
  readonly #report: ProgressReport;
  readonly #signal: AbortSignal | undefined;
  #stored = 0; // bytes on the device
  #piece: Bytes | undefined; // what follows them
  #held = 0; // bytes in it

  constructor(plan: ModelPlan, file: ModelFile, name: string, blobs: Blobs, report: ProgressReport, signal: AbortSignal | undefined) {
    this.#plan = plan;
    this.#file = file;
    this.#name = name;
    this.#blobs = blobs;
    this.#report = report;
    this.#signal = signal;
  }

  /** Makes the file a blob, whole and with the right hash. */
  async run(given: Blob | undefined): Promise<{ size: number; sha256: string }> {
    const left = await this.#takeUp();
    try {
      return await this.#fetch(given);
    } catch (thrown) {
      if (left === 0 || !(thrown instanceof Fault) || thrown.kind !== "mismatch") throw thrown;
      // What an earlier visit left may be what is wrong.
      this.#cut(0);
      return await this.#fetch(given);
    }
  }

  // takeUp goes on from where an earlier visit was broken off.
  async #takeUp(): Promise<number> {
    const { size, sha256 } = this.#file;
    if (size !== undefined && sha256 !== undefined) this.#stored = Math.min(size, await this.#blobs.partial(this.#name));
    else this.#cut(0); // nothing would tell whether the pieces belong together
    return this.#stored;
  }

  async #fetch(given: Blob | undefined): Promise<{ size: number; sha256: string }> {
    const { path, size, sha256: want, shards, url } = this.#file;
    if (given !== undefined) await this.#copy(given);
    else if (shards !== undefined) await this.#fetchShards(shards);
    else if (this.#loaded !== size) await this.#fetchRange(new URL(url ?? path, this.#plan.base), 0, size);
    await this.#keep();
    if (size !== undefined && this.#stored !== size) throw await this.#spoilt(path, 0, "size", `${this.#stored} bytes`, `${size} bytes`);
    await this.#blobs.append(this.#name, this.#stored, new Uint8Array(0)); // cuts off what a kill may have left behind it
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
        await this.#keep();
        if (this.#stored !== end) throw await this.#spoilt(url, from, "size", `${this.#stored - from} bytes`, `${size} bytes`);
        const got = await this.#blobs.hashPartial(this.#name, from, size);
        if (got !== want) throw await this.#spoilt(url, from, "sha256", got, want);
      }
      from = end;
    }
  }

  // spoilt drops what came from `from` on, so that the next attempt fetches it anew.
  async #spoilt(where: string, from: number, field: string, detail: string, limit: string): Promise<Fault> {
    this.#cut(from);
    await this.#blobs.append(this.#name, from, new Uint8Array(0));
    return new Fault("mismatch", {
      where, field, detail, limit, remedy: "the file was altered or cut short on its way: open the model again, or make its manifest anew",
    });
  }

  // fetchRange fetches what is at `url` as the file's bytes from `from` to `end`, on from what is there of it.
  async #fetchRange(url: URL, from: number, end: number | undefined): Promise<void> {
    await this.#patiently(async () => {
      const response = await this.#get(url, this.#loaded - from, () => this.#cut(from));
      if (response.status !== 206) this.#cut(from); // the server sends it from the start
      const length = Number(response.headers.get("Content-Length") ?? 0);
      const total = this.#file.size ?? (response.headers.has("Content-Encoding") ? 0 : this.#loaded + length);
      try {
        for await (const chunk of this.#body(response, url)) {
          await this.#take(chunk);
          this.#report.loaded(this.#file.path, this.#loaded, total);
          if (end !== undefined && this.#loaded > end) break; // more than there should be
          if (this.#loaded > limits.file) {
            throw new Fault("too-large", { where: url.href, detail: `more than ${limits.file} bytes`, limit: `${limits.file} bytes` });
          }
        }
      } finally {
        await this.#keep();
      }
    });
  }

  async #get(url: URL, from: number, restart: () => void): Promise<Response> {
    const response = await request(url, this.#signal, from > 0 ? { headers: { Range: `bytes=${from}-` } } : {});
    const starts = response.headers.get("Content-Range")?.startsWith(`bytes ${from}-`);
    if (response.status === 416 || (response.status === 206 && !starts)) {
      restart();
      throw refused(url, response);
    }
    if (!response.ok) throw refused(url, response);
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
      throw new Fault("missing", { where: url.href, detail: "the connection broke off", remedy: "open the model again: it goes on from there", cause: new Error(describe(thrown)) });
    }
  }

  // patiently tries again after a break, a little later each time.
  async #patiently(attempt: () => Promise<void>): Promise<void> {
    for (let n = 1; ; n++) {
      try {
        await attempt();
        return;
      } catch (thrown) {
        if (this.#signal?.aborted) throw stopped(thrown);
        if (n === attempts || !(thrown instanceof Fault) || thrown.kind !== "missing" || /answers 4\d\d/.test(thrown.detail)) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 250 * 3 ** (n - 1)));
      }
    }
  }

  get #loaded(): number {
    return this.#stored + this.#held;
  }

  async #take(chunk: Bytes): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      this.#piece ??= new Uint8Array(pieceSize);
      const part = chunk.subarray(at, at + pieceSize - this.#held);
      this.#piece.set(part, this.#held);
      this.#held += part.byteLength;
      at += part.byteLength;
      if (this.#held === pieceSize) await this.#keep();
    }
  }

  // keep puts what is held on the device.
  async #keep(): Promise<void> {
    if (this.#piece === undefined) return;
    const [piece, at] = [this.#held === pieceSize ? this.#piece : this.#piece.slice(0, this.#held), this.#stored];
    this.#piece = undefined;
    this.#held = 0;
    this.#stored += piece.byteLength;
    await this.#blobs.append(this.#name, at, piece);
  }

  // cut forgets what came after the first bytes.
  #cut(size: number): void {
    this.#piece = undefined;
    this.#held = 0;
    this.#stored = size;
  }
}

// A model's files, from the network or the page, into blobs: checked before they
// are used, kept so that the next visit needs none of them, and gone on with after
// a break.

import type { Bytes, Session } from "../client.js";
import { describe, Fault } from "../fault.js";
import { sha256 } from "../store/hash.js";
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

export type Blobs = Session["blobs"];

// What is fetched is kept in parts of this size until the file is whole, so that a
// break costs no more than one.
const partSize = 4 << 20;
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
  source: ModelSource, session: Promise<Session>, history: History, onProgress: OnProgress | undefined, signal: AbortSignal | undefined,
): Promise<Model> {
  const { plan } = await lookUp(source, history, signal);
  const { blobs } = await session;
  const given = isAddress(source) ? undefined : source;
  // One tab fetches; another that wants the same waits, and finds it there.
  try {
    return await navigator.locks.request(`nextquill-model-${plan.id}`, signal ? { signal } : {}, async () => {
      const report = new ProgressReport(plan.name, onProgress, plan.files);
      const kept = await keptOf(plan.source, history);
      const sizes: Record<string, number> = {};
      const hashes: Record<string, string> = {};
      for (const [i, file] of plan.files.entries()) {
        signal?.throwIfAborted();
        const name = `${modelFolder(plan.id)}/${file.path}`;
        report.initiate(file.path);
        const wanted = { ...file, ...(kept?.plan.id === plan.id && { size: kept.sizes[file.path], sha256: kept.hashes[file.path] }) };
        let got = await onDevice(blobs, name, wanted);
        if (got === undefined) {
          report.download(file.path);
          const whole = await new Download(plan, file, `parts/${plan.id}/${i}`, blobs, report, signal).run(given?.[file.path]);
          await blobs.write(name, whole.data);
          await discard(blobs, `parts/${plan.id}/${i}/`);
          got = { size: whole.data.byteLength, sha256: whole.sha256 };
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
    const hash = await sha256(await blobs.read(name));
    return hash === file.sha256 ? { size: file.size, sha256: hash } : undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
    throw thrown;
  }
}

async function discard(blobs: Blobs, prefix: string): Promise<void> {
  for (const name of await blobs.list(prefix)) await blobs.delete(name);
}

/** One file on its way. */
class Download {
  readonly #plan: ModelPlan;
  readonly #file: ModelFile;
  readonly #parts: string; // folder of the parts that are kept until the file is whole
  readonly #blobs: Blobs;
  readonly #report: ProgressReport;
  readonly #signal: AbortSignal | undefined;
  #chunks: Bytes[] = []; // of the file so far
  #loaded = 0;
  #kept = 0; // bytes that are in parts on the device

  constructor(plan: ModelPlan, file: ModelFile, parts: string, blobs: Blobs, report: ProgressReport, signal: AbortSignal | undefined) {
    this.#plan = plan;
    this.#file = file;
    this.#parts = parts;
    this.#blobs = blobs;
    this.#report = report;
    this.#signal = signal;
  }

  /** Gives the file, whole and with the right hash. */
  async run(given: Blob | undefined): Promise<{ data: Bytes; sha256: string }> {
    if (given !== undefined) {
      this.#take(new Uint8Array(await given.arrayBuffer()));
    } else if (this.#file.shards !== undefined) {
      for (const shard of this.#file.shards) await this.#fetchShard(shard);
    } else {
      await this.#takeParts();
      await this.#fetchRange(new URL(this.#file.url ?? this.#file.path, this.#plan.base));
    }
    const data = join(this.#chunks, this.#loaded);
    this.#chunks = [];
    const { path, size, sha256: want } = this.#file;
    if (size !== undefined && data.byteLength !== size) throw await this.#spoilt("size", `${data.byteLength} bytes`, `${size} bytes`);
    const got = await sha256(data);
    if (want !== undefined && got !== want) throw await this.#spoilt("sha256", got, want);
    this.#report.loaded(path, data.byteLength, data.byteLength);
    return { data, sha256: got };
  }

  async #spoilt(field: string, detail: string, limit: string): Promise<Fault> {
    await discard(this.#blobs, `${this.#parts}/`);
    return new Fault("mismatch", {
      where: this.#file.path, field, detail, limit, remedy: "the file was altered or cut short on its way: open the model again, or make its manifest anew",
    });
  }

  async #fetchShard({ url, size, sha256: want }: NonNullable<ModelFile["shards"]>[number]): Promise<void> {
    const name = `${this.#parts}/${want}`;
    let data: Bytes | undefined;
    try {
      data = await this.#blobs.read(name);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind !== "missing") throw thrown;
    }
    if (data === undefined || (await sha256(data)) !== want) {
      const before = this.#loaded;
      const address = new URL(url, this.#plan.base);
      const chunks: Bytes[] = [];
      let n = 0;
      await this.#patiently(async () => {
        [chunks.length, n] = [0, 0];
        for await (const chunk of this.#body(await this.#get(address, 0), address)) {
          chunks.push(chunk);
          n += chunk.byteLength;
          if (n > size) break;
          this.#report.loaded(this.#file.path, before + n, this.#file.size ?? 0);
        }
      });
      data = join(chunks, n);
      const got = await sha256(data);
      if (n !== size || got !== want) throw await this.#spoilt(url, `${n} bytes of sha256 ${got}`, `${size} bytes of ${want}`);
      await this.#blobs.write(name, data);
    }
    this.#take(data);
  }

  // takeParts goes on from where an earlier visit was broken off.
  async #takeParts(): Promise<void> {
    if (this.#file.sha256 === undefined) return; // nothing would tell whether the parts belong together
    for (let n = 0; ; n++) {
      try {
        const part = await this.#blobs.read(`${this.#parts}/${n}`);
        if (part.byteLength !== partSize) return;
        this.#take(part);
        this.#kept = this.#loaded;
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.kind === "missing") return;
        throw thrown;
      }
    }
  }

  async #fetchRange(url: URL): Promise<void> {
    if (this.#loaded === this.#file.size) return;
    await this.#patiently(async () => {
      const response = await this.#get(url, this.#loaded);
      if (response.status !== 206) this.#reset(); // the server sends it from the start
      const length = Number(response.headers.get("Content-Length") ?? 0);
      const total = this.#file.size ?? (response.headers.has("Content-Encoding") ? 0 : this.#loaded + length);
      let whole = false;
      try {
        for await (const chunk of this.#body(response, url)) {
          this.#take(chunk);
          this.#report.loaded(this.#file.path, this.#loaded, total);
          if (this.#loaded > (this.#file.size ?? limits.file)) break;
          await this.#keepParts();
        }
        whole = true;
      } finally {
        if (!whole) await this.#keepParts();
      }
    });
  }

  async #get(url: URL, from: number): Promise<Response> {
    const response = await request(url, this.#signal, from > 0 ? { headers: { Range: `bytes=${from}-` } } : {});
    const starts = response.headers.get("Content-Range")?.startsWith(`bytes ${from}-`);
    if (response.status === 416 || (response.status === 206 && !starts)) {
      this.#reset();
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

  #take(chunk: Bytes): void {
    this.#chunks.push(chunk);
    this.#loaded += chunk.byteLength;
  }

  #reset(): void {
    this.#chunks = [];
    this.#loaded = 0;
    this.#kept = 0;
  }

  // keepParts puts whole parts on the device. A file of one part is not worth it.
  async #keepParts(): Promise<void> {
    if (this.#file.sha256 === undefined || (this.#file.size ?? 0) <= partSize) return;
    while (this.#loaded - this.#kept >= partSize) {
      await this.#blobs.write(`${this.#parts}/${this.#kept / partSize}`, slice(this.#chunks, this.#kept, partSize));
      this.#kept += partSize;
    }
  }
}

function join(chunks: readonly Bytes[], size: number): Bytes {
  if (chunks.length === 1) return chunks[0]!;
  return slice(chunks, 0, size);
}

function slice(chunks: readonly Bytes[], from: number, size: number): Bytes {
  const out = new Uint8Array(size);
  let at = -from; // of the chunk, in out
  for (const chunk of chunks) {
    if (at + chunk.byteLength > 0 && at < size) {
      const part = chunk.subarray(Math.max(0, -at), Math.min(chunk.byteLength, size - at));
      out.set(part, Math.max(0, at));
    }
    at += chunk.byteLength;
  }
  return out;
}

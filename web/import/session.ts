// Reading files: the page's side of the import worker. Nothing is stored: History.addAll does that.

import type { ImportRemark, ImportResult, ImportSender, ImportTable } from "../api.gen.js";
import { aborted, cancelled, Fault } from "../fault.js";
import { startWorker, workerFault } from "../host/startWorker.js";
import type { Item } from "../store/item.js";
import { checkFiles, checkImport } from "./check.js";
import type { FileColumn, ImportFiles, ImportOptions, ImportSource } from "./options.js";
import type { ImportWorkerAnswer, ImportWorkerRequest, NamedFile } from "./protocol.js";

export type { ImportRemark, ImportSender, ImportTable };

/** What files have: the user's texts, and what was left out. */
export interface FoundTexts {
  /** The senders of chats and mail, most messages first. */
  senders: ImportSender[];
  /** Whether one of the senders must be chosen. There are no items before that. */
  choose: boolean;
  items: Item[];
  /** The times of the oldest and the newest item, as ISO 8601 in UTC. */
  from: string | undefined;
  to: string | undefined;
  /** What was left out and why, most frequent first. */
  leftOut: ImportRemark[];
  /** What is imported with a change, such as without a time. */
  notes: ImportRemark[];
  /** Tables without a column of a usual name. They have no items before a column is chosen. */
  tables: ImportTable[];
  /** One fault for each file that cannot be imported. */
  failed: Fault[];
  /** Why there are no items. */
  fault: Fault | undefined;
}

interface Pending {
  resolve(result: ImportResult | undefined): void;
  reject(fault: Fault): void;
}

/**
 * Files that are being read, in a worker. Choose senders and columns until the texts are right, add
 * found.items to the history, and close.
 */
export class FileImport {
  readonly #worker: Worker;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ImportOptions["onProgress"];
  readonly #files: readonly NamedFile[];
  readonly #textColumn: string;
  #columns: readonly FileColumn[];
  #me: readonly string[];
  #items: Item[] = [];
  #pending: Pending | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #closed: Fault | undefined;
  #found!: FoundTexts;

  private constructor(script: URL, files: readonly NamedFile[], options: ImportOptions) {
    this.#files = files;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
    this.#textColumn = options.textColumn ?? "";
    this.#columns = options.textColumns ?? [];
    this.#me = namesOf(options.me);
    this.#worker = startWorker(script);
    this.#worker.onmessage = ({ data }: MessageEvent<ImportWorkerAnswer>) => this.#take(data);
    this.#worker.onerror = (e) => {
      e.preventDefault();
      this.#end(workerFault(script, e.message));
    };
    this.#signal?.addEventListener("abort", this.#abort);
  }

  /** Reads files. Use openFiles of the module. @internal */
  static async open(files: ImportFiles, options: ImportOptions, source: ImportSource): Promise<FileImport> {
    checkImport(options);
    checkFiles(files);
    if (options.signal?.aborted) throw aborted(options.signal, cancelled());
    const named = namedFiles(files, options.name);
    if (named.length === 0) {
      throw new Fault("missing", { where: "files", detail: "there is no file", remedy: "choose at least one file" });
    }
    const { importModule, importWorker } = source;
    // Bundlers find the files by these two expressions.
    const script =
      importWorker === undefined
        ? new URL("./import-worker.js", import.meta.url)
        : new URL(importWorker, document.baseURI);
    const one = new FileImport(script, named, options);
    try {
      const wasm =
        importModule === undefined
          ? new URL("./nextquill-import.wasm", import.meta.url).href
          : new URL(importModule, document.baseURI).href;
      await one.#ask({ type: "open", wasm, sha256: source.importSHA256 });
      await one.#readFiles();
      return one;
    } catch (thrown) {
      one.close();
      throw aborted(options.signal, thrown);
    }
  }

  /** What was found with the latest choice. */
  get found(): FoundTexts {
    return this.#found;
  }

  /**
   * Chooses the senders that are the user, and the columns of tables. Calls run one after the
   * other.
   */
  choose(choice: { me?: string | readonly string[]; textColumns?: readonly FileColumn[] }): Promise<FoundTexts> {
    const call = this.#queue.then(async () => {
      if (choice.me !== undefined) this.#me = namesOf(choice.me);
      if (choice.textColumns !== undefined) {
        this.#columns = choice.textColumns;
        return await this.#readFiles();
      }
      return await this.#finish({ type: "choose", me: this.#me });
    });
    this.#queue = call.catch(() => {});
    return call;
  }

  /** Ends the worker. The texts that were found stay. */
  close(): void {
    this.#end(new Fault("cancelled", { where: "import", detail: "is closed", remedy: "choose the files again" }));
  }

  readonly #abort = (): void => this.#end(cancelled());

  async #readFiles(): Promise<FoundTexts> {
    return await this.#finish({
      type: "read",
      files: this.#files,
      me: this.#me,
      textColumn: this.#textColumn,
      textColumns: this.#columns,
    });
  }

  async #finish(request: ImportWorkerRequest): Promise<FoundTexts> {
    this.#items = [];
    const result = await this.#ask(request);
    if (result === undefined || result.texts !== this.#items.length) {
      throw new Fault("internal", { where: "import", detail: "the answer is not complete", remedy: "reload the page" });
    }
    const { senders, choose, from, to, leftOut, notes, tables, failed, error } = result;
    this.#found = {
      senders,
      choose,
      items: this.#items,
      from: from || undefined,
      to: to || undefined,
      leftOut,
      notes,
      tables,
      failed: failed.map(faultOf),
      fault: error && faultOf(error),
    };
    return this.#found;
  }

  #ask(request: ImportWorkerRequest): Promise<ImportResult | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#worker.postMessage(request);
    });
  }

  #take(answer: ImportWorkerAnswer): void {
    switch (answer.type) {
      case "items":
        for (const item of answer.items) this.#items.push(item);
        return;
      case "progress":
        this.#onProgress?.({ read: answer.read, total: answer.total });
        return;
      case "result":
        this.#pending?.resolve(answer.result);
        return;
      case "error":
        this.#pending?.reject(Fault.fromInfo(answer.error));
        return;
    }
  }

  #end(why: Fault): void {
    this.#closed ??= why;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#worker.terminate();
    this.#pending?.reject(why);
  }
}

/** The fault of an import that needs a choice: there are several senders, and `me` names none. */
export class SendersFault extends Fault {
  readonly senders: readonly ImportSender[];

  constructor(senders: readonly ImportSender[]) {
    const likely = senders.find((s) => s.likely) ?? senders[0];
    super("missing", {
      where: "import",
      field: "me",
      detail: `the files have messages of ${senders.length} senders`,
      remedy: `name the user with me${likely === undefined ? "" : `, probably ${JSON.stringify(likely.id)}`}`,
    });
    this.senders = senders;
  }
}

/** Throws unless there are texts that may be added. */
export function requireTexts(found: FoundTexts): void {
  if (found.choose) throw new SendersFault(found.senders);
  if (found.items.length > 0) return;
  if (found.tables[0] !== undefined) {
    const { files, columns } = found.tables[0];
    throw new Fault("missing", {
      where: files[0],
      field: "textColumn",
      detail: "no column is named text",
      remedy: `name the column of the texts with textColumn; the columns are: ${columns.join(", ")}`,
    });
  }
  throw (
    found.failed[0] ?? found.fault ?? new Fault("missing", { detail: "there is no text", remedy: "add at least one" })
  );
}

function namesOf(me: string | readonly string[] | undefined): readonly string[] {
  return me === undefined ? [] : typeof me === "string" ? [me] : me;
}

function namedFiles(files: ImportFiles, name: string | undefined): NamedFile[] {
  if (typeof files === "string") return [{ name: name ?? "text", blob: new Blob([files.toWellFormed()]) }];
  if (files instanceof Blob) return [{ name: name ?? nameOf(files), blob: files }];
  return Array.from(files, (file) => (file instanceof Blob ? { name: nameOf(file), blob: file } : file));
}

function nameOf(blob: Blob): string {
  if (!(blob instanceof File)) return "text";
  return (blob.webkitRelativePath || blob.name || "file").toWellFormed();
}

function faultOf(info: { kind: string; where: string; field: string; detail: string; limit: string; remedy: string }) {
  return Fault.fromInfo({ ...info, message: info.detail } as Parameters<typeof Fault.fromInfo>[0]);
}

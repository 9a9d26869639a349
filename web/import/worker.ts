// The worker that reads people's files with the import module. It reads parts of files when the
// module asks for them, so that a large archive or mailbox is never in memory as a whole. To cancel
// an import, the page terminates the worker.

import type { ImportedItem, ImportResult } from "../api.gen.js";
import { Fault } from "../fault.js";
import { loadModule } from "../host/loadModule.js";
import type { Item } from "../store/item.js";
import { ImportModule } from "./module.js";
import type { ImportWorkerAnswer, ImportWorkerRequest, NamedFile } from "./protocol.js";

declare const self: DedicatedWorkerGlobalScope;

const progressEvery = 100; // ms

let module: ImportModule | undefined;
let files: readonly NamedFile[] = [];
let total = 0;
let done = 0;
let reported = 0;
let result: ImportResult | undefined;

// Settles when the requests so far are answered.
let queue: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<ImportWorkerRequest>) => {
  queue = queue.then(() => answer(data));
};

async function answer(request: ImportWorkerRequest): Promise<void> {
  try {
    post({ type: "result", result: await serve(request) });
  } catch (thrown) {
    post({ type: "error", error: Fault.from(thrown, "internal", { where: "import" }).info() });
  }
}

async function serve(request: ImportWorkerRequest): Promise<ImportResult | undefined> {
  if (request.type === "open") {
    const { module: compiled } = await loadModule(request.wasm, request.sha256);
    module = await ImportModule.open(compiled, read, (message) => {
      if (message.items.length > 0) post({ type: "items", items: message.items.map(stored) });
      result = message.result ?? result;
    });
    return undefined;
  }
  if (module === undefined) throw new Fault("internal", { where: "import", detail: "no module is open" });
  result = undefined;
  const me = [...request.me];
  if (request.type === "choose") {
    module.call({ method: "choose", files: [], me, text_column: "", text_columns: [] });
    return result;
  }
  ({ files } = request);
  done = 0;
  total = files.reduce((sum, { blob }) => sum + blob.size, 0);
  module.call({
    method: "read",
    files: files.map(({ name, blob }) => {
      const modified = blob instanceof File ? blob.lastModified : 0;
      return { name, size: blob.size, modified: Number.isSafeInteger(modified) ? modified : 0 };
    }),
    me,
    text_column: request.textColumn,
    text_columns: [...request.textColumns],
  });
  return result;
}

function read(file: number, offset: number, size: number): Uint8Array {
  const blob = files[file]?.blob;
  if (blob === undefined) throw new RangeError(`there is no file ${file}`);
  const data = new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob.slice(offset, offset + size)));
  done += data.byteLength;
  const now = performance.now();
  if (now - reported > progressEvery) {
    reported = now;
    post({ type: "progress", read: Math.min(done, total), total });
  }
  return data;
}

function stored({ id, context, text, time }: ImportedItem): Item {
  return time === "" ? { id, context, text } : { id, context, text, time };
}

function post(message: ImportWorkerAnswer): void {
  self.postMessage(message);
}

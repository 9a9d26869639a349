// The messages between the page (session.ts) and the import worker (worker.ts).

import type { FileColumn, ImportResult } from "../api.gen.js";
import type { ErrorInfo } from "../fault.js";
import type { Item } from "../store/item.js";

/** A file with its name: a path with slashes if it is in a folder. */
export interface NamedFile {
  name: string;
  blob: Blob;
}

/** A request of the page. The worker answers it with one "result" or "error". */
export type ImportWorkerRequest =
  | { type: "open"; wasm: string; sha256: string | undefined }
  | {
      type: "read";
      files: readonly NamedFile[];
      me: readonly string[];
      textColumn: string;
      textColumns: readonly FileColumn[];
    }
  | { type: "choose"; me: readonly string[] };

export type ImportWorkerAnswer =
  | { type: "result"; result: ImportResult | undefined }
  | { type: "error"; error: ErrorInfo }
  /** Texts, before the result. */
  | { type: "items"; items: Item[] }
  /** How many bytes of the files are read. */
  | { type: "progress"; read: number; total: number };

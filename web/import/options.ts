// Options of an import.

import type { FileColumn } from "../api.gen.js";
import type { NamedFile } from "./protocol.js";

export type { FileColumn, NamedFile };

/** Where the import module and its worker are; by default next to the module's script. */
export interface ImportSource {
  importModule?: string | URL | undefined;
  importWorker?: string | URL | undefined;
  /** The SHA-256 that the import module must have, in hexadecimal. */
  importSHA256?: string | undefined;
}

/** How many bytes of the files are read. */
export interface ImportProgress {
  read: number;
  total: number;
}

export interface ImportOptions {
  /**
   * The names or addresses of the user in chats and mail. Only texts of these senders are taken.
   * Without names, files with several senders need a choice.
   */
  me?: string | readonly string[] | undefined;
  /** The column of a table, or the key of a JSON object, that has the text. */
  textColumn?: string | undefined;
  /** Such columns of single files. */
  textColumns?: readonly FileColumn[] | undefined;
  /** The name of the file if it is a Blob without a name, such as "notes.csv". */
  name?: string | undefined;
  onProgress?: ((progress: ImportProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Files to import. Files of a folder keep their path in webkitRelativePath; or give the path. */
export type ImportFiles = Blob | string | Iterable<Blob | NamedFile>;

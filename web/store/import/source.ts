// The input and output of the readers.

import type { Fault } from "../../fault.js";
import type { NewItem } from "../item.js";

/**
 * An entry of a file, or the reason why it cannot be read. `where` is the file and the place in it.
 */
export type Entry = { where: string; item: NewItem } | { where: string; fault: Fault };

/** The input of a reader. */
export interface SourceFile {
  name: string;
  text: string;
  /** The bytes of the file, for mail, which declares its own encodings. */
  bytes: Uint8Array<ArrayBuffer>;
  /** When the file was last changed, if known. */
  changed: Date | undefined;
}

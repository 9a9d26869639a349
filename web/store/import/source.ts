// What the readers of the formats are given, and what they give.

import type { Fault } from "../../fault.js";
import type { NewItem } from "../item.js";

/** One entry of a file, or what is wrong with it. `where` is the file and the place in it. */
export type Entry = { where: string; item: NewItem } | { where: string; fault: Fault };

/** What a reader is given. */
export interface SourceFile {
  name: string;
  text: string;
  /** The file's bytes: mail declares its own encodings. */
  bytes: Uint8Array<ArrayBuffer>;
  /** When the file was changed, if known. */
  changed: Date | undefined;
}

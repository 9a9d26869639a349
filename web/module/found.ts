// What is known about the files of a model before they are downloaded.

import type { GuestClient } from "../host/client.js";
import type { ModelPlan } from "./manifest.js";

export type Blobs = GuestClient["blobs"];

/** The record of a complete download. */
export interface Kept {
  plan: ModelPlan;
  sizes: Record<string, number>;
  hashes: Record<string, string>;
}

/** The files of a model, as lookUp finds them. */
export interface Found {
  plan: ModelPlan;
  /** The record of an earlier download of the same files. */
  kept: Kept | undefined;
  /** The contents of the files, if the page has them. */
  given?: Readonly<Record<string, Blob>>;
  /** Checks that the missing files can be stored. */
  prepare?(blobs: Blobs, folder: string): Promise<void>;
  /** Says more about an error of the download. */
  explain?(thrown: unknown): Promise<unknown>;
}

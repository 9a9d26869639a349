// The messages between the page (client.ts) and the worker (worker.ts).

import type { DeviceInfo } from "../api.gen.js";
import type { ErrorInfo } from "../fault.js";
import type { Bytes } from "./blobs.js";
import type { Event } from "./guest.js";

/**
 * Where blobs are stored: in a folder of the origin's private file system, or in memory. They are
 * also in memory if the page may not store files.
 */
export type BlobsOption = { kind: "opfs"; folder?: string } | { kind: "memory" };

export interface OpenRequest {
  wasm: string | ArrayBuffer;
  sha256?: string | undefined;
  blobs: BlobsOption;
  baseline: boolean;
}

export interface Opened {
  device: DeviceInfo;
  /** SHA-256 of the guest, in hexadecimal. */
  sha256: string;
  bytes: number;
  /** Whether blobs stay when the worker ends. */
  persistent: boolean;
}

/** A request of the page. The worker answers it with one "result" or "error" of the same id. */
export type Request =
  | { id: number; type: "open"; open: OpenRequest }
  | { id: number; type: "call"; method: string; params: unknown }
  | { id: number; type: "blob size"; name: string }
  | { id: number; type: "blob read"; name: string }
  | { id: number; type: "blob write"; name: string; data: Bytes }
  | { id: number; type: "blob delete"; name: string }
  | { id: number; type: "blob hash"; name: string }
  | { id: number; type: "blob partial"; name: string }
  | { id: number; type: "blob append"; name: string; offset: number; data: Bytes }
  | { id: number; type: "blob hash partial"; name: string; offset: number; size: number }
  | { id: number; type: "blob finish"; name: string; sha256: string | undefined }
  | { id: number; type: "blob list"; prefix: string }
  | { id: number; type: "close" };

/** A message without an answer. The worker handles it even while it serves a call. */
export type Notice = { type: "cancel"; id: number } | { type: "lose device" };

export type Answer =
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; error: ErrorInfo }
  | { type: "event"; id: number; event: Event }
  /** The GPU was lost. Calls fail from now on. */
  | { type: "lost"; error: ErrorInfo }
  | { type: "log"; line: string };

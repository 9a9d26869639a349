// What page and worker say to each other.

import type { DeviceInfo } from "./device.js";
import type { Bytes } from "./blobs.js";
import type { ErrorInfo } from "../fault.js";
import type { Event } from "./guest.js";

/** Where blobs are kept: on the device, in a folder of this site's own, or in memory. */
export type BlobsOption = { kind: "opfs"; folder?: string } | { kind: "memory" };

export interface OpenRequest {
  wasm: string | ArrayBuffer;
  sha256?: string | undefined;
  blobs: BlobsOption;
  baseline: boolean;
}

export interface Opened {
  device: DeviceInfo;
  /** Of the guest that runs, in hexadecimal. */
  sha256: string;
  bytes: number;
}

/** One request of the page. Each is answered by one "result" or "error" of the same id. */
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

/** What needs no answer, and is heeded while a call is being served. */
export type Notice = { type: "cancel"; id: number } | { type: "lose device" };

export type Answer =
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; error: ErrorInfo }
  | { type: "event"; id: number; event: Event }
  /** The GPU is gone; calls fail from now on. */
  | { type: "lost"; error: ErrorInfo }
  | { type: "log"; line: string };

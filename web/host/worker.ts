// The dedicated worker: it holds the guest, the GPU and the blobs, and serves the
// page's requests one after the other.

import { openDevice } from "./device.js";
import { checkName, MemoryStore, WithScratch, type BlobStore, type Bytes } from "./blobs.js";
import { cancelled, describe, Fault } from "../fault.js";
import { Device } from "./gpu.js";
import { GuestHost } from "./guest.js";
import { OPFSStore } from "./opfs.js";
import { sha256Of } from "../store/hash.js";
import type { Answer, Notice, Opened, OpenRequest, Request } from "./protocol.js";

declare const self: DedicatedWorkerGlobalScope;

interface OpenGuest {
  host: GuestHost;
  device: Device;
  blobs: BlobStore;
}

let opened: OpenGuest | undefined;

// Calls that are waiting or being served, each with the way to stop it.
const stops = new Map<number, AbortController>();
let turn: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Request | Notice>) => {
  switch (data.type) {
    case "cancel":
      stops.get(data.id)?.abort();
      return;
    case "lose device":
      opened?.device.lose();
      return;
  }
  const stop = new AbortController();
  stops.set(data.id, stop);
  turn = turn.then(() => answer(data, stop.signal));
};

async function answer(request: Request, stop: AbortSignal): Promise<void> {
  try {
    if (stop.aborted) throw cancelled();
    const value = await serve(request, stop);
    const transfer = value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [];
    post({ type: "result", id: request.id, value }, transfer);
  } catch (thrown) {
    post({ type: "error", id: request.id, error: Fault.from(thrown, "internal", { where: "worker" }).info() });
  }
  stops.delete(request.id);
}

async function serve(request: Request, stop: AbortSignal): Promise<unknown> {
  if (request.type === "open") return await open(request.open);
  if (opened === undefined) throw new Fault("internal", { where: "worker", detail: "no guest is open" });
  const { host, device, blobs } = opened;
  if ("name" in request) checkName(request.name);
  switch (request.type) {
    case "call":
      return await host.call(request.method, request.params, (event) => post({ type: "event", id: request.id, event }), stop);
    case "blob size":
      return await blobs.size(request.name);
    case "blob read":
      return await readWhole(blobs, request.name);
    case "blob write":
      return await blobs.write(request.name, request.data);
    case "blob hash":
      return await sha256Of(await blobs.size(request.name), async (offset, size) => {
        const data = new Uint8Array(size);
        await blobs.read(request.name, offset, data);
        return data;
      });
    case "blob partial":
      return await blobs.partial(request.name);
    case "blob append":
      return await blobs.append(request.name, request.offset, request.data);
    case "blob hash partial":
      return await blobs.hashPartial(request.name, request.offset, request.size);
    case "blob finish":
      return await blobs.finish(request.name, request.sha256);
    case "blob delete":
      return await blobs.delete(request.name);
    case "blob list":
      return await blobs.list(request.prefix);
    case "close":
      opened = undefined;
      device.close();
      blobs.close();
      return undefined;
  }
}

// Another tab may replace the blob between its size and its bytes.
async function readWhole(blobs: BlobStore, name: string): Promise<Bytes> {
  for (;;) {
    const data = new Uint8Array(await blobs.size(name));
    await blobs.read(name, 0, data);
    if ((await blobs.size(name)) === data.byteLength) return data;
  }
}

async function open(o: OpenRequest): Promise<Opened> {
  if (opened !== undefined) throw new Fault("internal", { where: "worker", detail: "a guest is already open" });
  const [wasm, gpu, blobs] = await all([
    load(o),
    openDevice(o.baseline).then(({ device, info }) => new Device(device, info, (why) => post({ type: "lost", error: why.info() }))),
    o.blobs.kind === "memory" ? Promise.resolve(new MemoryStore()) : OPFSStore.open(o.blobs.folder ?? "nextquill").then((store) => new WithScratch(store)),
  ]);
  try {
    const host = await GuestHost.open(wasm.module, gpu, blobs, (line) => post({ type: "log", line }));
    opened = { host, device: gpu, blobs };
  } catch (thrown) {
    gpu.close();
    blobs.close();
    throw thrown;
  }
  return { device: gpu.info, sha256: wasm.sha256, bytes: wasm.bytes };
}

// all waits for three things at once; when one fails, what the others opened is
// closed again.
async function all(things: [ReturnType<typeof load>, Promise<Device>, Promise<BlobStore>]): Promise<[Awaited<ReturnType<typeof load>>, Device, BlobStore]> {
  try {
    return await Promise.all(things);
  } catch (thrown) {
    for (const thing of things.slice(1) as Promise<{ close(): void }>[]) void thing.then((t) => t.close(), () => {});
    throw thrown;
  }
}

async function load({ wasm, sha256: want }: OpenRequest): Promise<{ module: WebAssembly.Module; sha256: string; bytes: number }> {
  const where = typeof wasm === "string" ? wasm : "guest";
  const bytes = typeof wasm === "string" ? await fetched(wasm) : wasm;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  if (want !== undefined && want !== sha256) {
    throw new Fault("mismatch", { where, field: "sha256", detail: sha256, limit: want, remedy: "reload the page: the file was altered or cut short" });
  }
  try {
    return { module: await WebAssembly.compile(bytes), sha256, bytes: bytes.byteLength };
  } catch (thrown) {
    throw new Fault("malformed", { where, detail: "not a WASM module that this browser takes", cause: new Error(describe(thrown)) });
  }
}

async function fetched(url: string): Promise<ArrayBuffer> {
  const remedy = "check the connection and the address, and reload the page";
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Fault("missing", { where: url, detail: `the server answers ${response.status} ${response.statusText}`, remedy });
    return await response.arrayBuffer();
  } catch (thrown) {
    throw Fault.from(thrown, "missing", { where: url, remedy });
  }
}

function post(message: Answer, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

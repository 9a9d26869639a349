// The worker: it has the guest, the GPU and the blobs, and serves the requests of the page in
// order.

import { cancelled, Fault } from "../fault.js";
import { filesDenied } from "../store/denied.js";
import { sha256Of } from "../store/hash.js";
import { type BlobStore, type Bytes, checkName, MemoryStore, WithScratch } from "./blobs.js";
import { openDevice } from "./device.js";
import { Device } from "./gpu.js";
import { GuestHost } from "./guest.js";
import { type LoadedModule, loadModule } from "./loadModule.js";
import { OPFSStore } from "./opfs.js";
import type { Answer, BlobsOption, Notice, Opened, OpenRequest, Request } from "./protocol.js";

declare const self: DedicatedWorkerGlobalScope;

interface OpenGuest {
  host: GuestHost;
  device: Device;
  blobs: BlobStore;
}

let opened: OpenGuest | undefined;

// The requests that wait or run, by id.
const stops = new Map<number, AbortController>();
// Settles when the requests so far are answered.
let queue: Promise<void> = Promise.resolve();

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
  queue = queue.then(() => answer(data, stop.signal));
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
      return await host.call(
        request.method,
        request.params,
        (event) => post({ type: "event", id: request.id, event }),
        stop,
      );
    case "blob size":
      return await blobs.size(request.name);
    case "blob read":
      return await readAll(blobs, request.name);
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

// Reads a complete blob, again if another tab replaces it meanwhile.
async function readAll(blobs: BlobStore, name: string): Promise<Bytes> {
  for (;;) {
    const data = new Uint8Array(await blobs.size(name));
    await blobs.read(name, 0, data);
    if ((await blobs.size(name)) === data.byteLength) return data;
  }
}

async function open(o: OpenRequest): Promise<Opened> {
  if (opened !== undefined) throw new Fault("internal", { where: "worker", detail: "a guest is already open" });
  const [wasm, gpu, blobs] = await all([loadModule(o.wasm, o.sha256), openGPU(o.baseline), openStore(o.blobs)]);
  try {
    const host = await GuestHost.open(wasm.module, gpu, blobs, (line) => post({ type: "log", line }));
    opened = { host, device: gpu, blobs };
  } catch (thrown) {
    gpu.close();
    blobs.close();
    throw thrown;
  }
  return { device: gpu.info, sha256: wasm.sha256, bytes: wasm.bytes, persistent: !(blobs instanceof MemoryStore) };
}

async function openGPU(baseline: boolean): Promise<Device> {
  const { device, info } = await openDevice(baseline);
  return new Device(device, info, (why) => post({ type: "lost", error: why.info() }));
}

async function openStore(option: BlobsOption): Promise<BlobStore> {
  if (option.kind === "memory" || (await filesDenied())) return new MemoryStore();
  return new WithScratch(await OPFSStore.open(option.folder ?? "nextquill"));
}

// Awaits all three. If one fails, the others are closed.
async function all(
  opening: [Promise<LoadedModule>, Promise<Device>, Promise<BlobStore>],
): Promise<[LoadedModule, Device, BlobStore]> {
  try {
    return await Promise.all(opening);
  } catch (thrown) {
    for (const one of opening.slice(1) as Promise<{ close(): void }>[])
      void one.then(
        (o) => o.close(),
        () => {},
      );
    throw thrown;
  }
}

function post(message: Answer, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

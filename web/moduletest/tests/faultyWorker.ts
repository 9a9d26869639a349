// The product's worker, in which a test can make happen what a device does to a page: full storage,
// a torn write, a lost GPU. It changes the browser's own functions; the product has no hooks for
// tests. Pages talk to it over a BroadcastChannel.

import "nextquill/worker";

import type { WorkerCommand, WorkerNotice } from "./instruments.js";

const channel = new BroadcastChannel("test");
const tell = (notice: WorkerNotice) => channel.postMessage(notice);

// The n-th write from now on fails; 0 is none. A worker can start with it: faultyWorker.js?fail=3.
let fail = Number(new URL(import.meta.url).searchParams.get("fail"));
let tear = "";
let loseDevices = false;
let made = 0;
let destroyed = 0;
const devices: GPUDevice[] = [];
const fileNames = new WeakMap<FileSystemSyncAccessHandle, string>();

channel.onmessage = ({ data }: MessageEvent<WorkerCommand>) => {
  if (data.fail !== undefined) {
    fail = data.fail;
    tell({ armed: true });
  }
  if (data.tear !== undefined) tear = data.tear;
  if (data.loseDevices !== undefined) loseDevices = data.loseDevices;
  if (data.destroy) for (const device of devices.splice(0)) device.destroy();
  if (data.count) tell({ live: made - destroyed });
};

tell({ started: true });

const full = () => new DOMException("no space is left", "QuotaExceededError");

function isDue(write: "create" | "write" | "flush"): boolean {
  if (fail === 0 || --fail > 0) return false;
  tell({ failed: write });
  return true;
}

// patch replaces a method of a class by what `make` returns for it.
function patch<T extends object, K extends keyof T>(of: { prototype: T }, name: K, make: (method: T[K]) => T[K]): void {
  of.prototype[name] = make(of.prototype[name]);
}

patch(
  FileSystemDirectoryHandle,
  "getFileHandle",
  (method) =>
    async function (this: FileSystemDirectoryHandle, name, options) {
      if (options?.create && isDue("create")) throw full();
      return await method.call(this, name, options);
    },
);

patch(
  FileSystemFileHandle,
  "createSyncAccessHandle",
  (method) =>
    async function (this: FileSystemFileHandle) {
      const handle = await method.call(this);
      fileNames.set(handle, decodeURIComponent(this.name));
      return handle;
    },
);

patch(
  FileSystemSyncAccessHandle,
  "write",
  (method) =>
    function (this: FileSystemSyncAccessHandle, data, options) {
      const half = () =>
        method.call(this, (data as Uint8Array<ArrayBuffer>).subarray(0, data.byteLength >> 1), options);
      if (tear !== "" && fileNames.get(this)?.includes(tear)) {
        tear = "";
        half();
        tell({ torn: true });
        for (const end = performance.now() + 20000; performance.now() < end; ); // the page is killed meanwhile
      }
      if (isDue("write")) {
        half(); // a full device takes a part
        throw full();
      }
      return method.call(this, data, options);
    },
);

patch(
  FileSystemSyncAccessHandle,
  "flush",
  (method) =>
    function (this: FileSystemSyncAccessHandle) {
      if (isDue("flush")) throw full();
      return method.call(this);
    },
);

patch(
  GPUAdapter,
  "requestDevice",
  (method) =>
    async function (this: GPUAdapter, descriptor) {
      const device = await method.call(this, descriptor);
      devices.push(device);
      if (loseDevices) setTimeout(() => device.destroy(), 50);
      return device;
    },
);

patch(
  GPUDevice,
  "createBuffer",
  (method) =>
    function (this: GPUDevice, descriptor) {
      made++;
      return method.call(this, descriptor);
    },
);

const gone = new WeakSet<GPUBuffer>();
patch(
  GPUBuffer,
  "destroy",
  (method) =>
    function (this: GPUBuffer) {
      if (!gone.has(this)) destroyed++;
      gone.add(this);
      return method.call(this);
    },
);

patch(
  GPUDevice,
  "destroy",
  (method) =>
    function (this: GPUDevice) {
      tell({ left: made - destroyed }); // what only goes with the device
      return method.call(this);
    },
);

package moduletest

// faulty is a worker's script in which what a device does to a page can be made to
// happen. It runs the worker of the product as it is; the tests name it as the
// page's worker, and tell it on a channel what is to go wrong.
const faulty = `import "./worker.js";
const channel = new BroadcastChannel("test");
let fail = Number(new URL(import.meta.url).searchParams.get("fail")); // the write that fails from now on, counted from 1; 0 is none
let tear = ""; // the file whose write is cut in the middle
const names = new WeakMap();
let doomed = false; // devices are lost soon after they are there
let made = 0, gone = 0;
const devices = [];

channel.onmessage = ({data}) => {
  if (data.fail !== undefined) {
    fail = data.fail;
    channel.postMessage({armed: true});
  }
  if (data.tear !== undefined) tear = data.tear;
  if (data.doomed !== undefined) doomed = data.doomed;
  if (data.destroy) for (const device of devices.splice(0)) device.destroy();
  if (data.count) channel.postMessage({live: made - gone});
};

channel.postMessage({hello: true});

const full = () => new DOMException("no space is left", "QuotaExceededError");
const due = (what) => {
  if (fail === 0 || --fail > 0) return false;
  channel.postMessage({failed: what});
  return true;
};
const patch = (of, name, make) => { of.prototype[name] = make(of.prototype[name]); };

patch(FileSystemDirectoryHandle, "getFileHandle", (f) => async function (name, options) {
  if (options?.create && due("create")) throw full();
  return await f.call(this, name, options);
});
patch(FileSystemFileHandle, "createSyncAccessHandle", (f) => async function (options) {
  const handle = await f.call(this, options);
  names.set(handle, decodeURIComponent(this.name));
  return handle;
});
patch(FileSystemSyncAccessHandle, "write", (f) => function (data, options) {
  if (tear !== "" && names.get(this).includes(tear)) {
    tear = "";
    f.call(this, data.subarray(0, data.byteLength >> 1), options);
    channel.postMessage({torn: true});
    for (const until = performance.now() + 20000; performance.now() < until;);
  }
  if (due("write")) {
    f.call(this, data.subarray(0, data.byteLength >> 1), options); // a device takes what it can
    throw full();
  }
  return f.call(this, data, options);
});
patch(FileSystemSyncAccessHandle, "flush", (f) => function () {
  if (due("flush")) throw full();
  return f.call(this);
});

patch(GPUAdapter, "requestDevice", (f) => async function (...args) {
  const device = await f.apply(this, args);
  devices.push(device);
  if (doomed) setTimeout(() => device.destroy(), 50);
  return device;
});
patch(GPUDevice, "createBuffer", (f) => function (...args) {
  made++;
  return f.apply(this, args);
});
const destroyed = new WeakSet();
patch(GPUBuffer, "destroy", (f) => function () {
  if (!destroyed.has(this)) gone++;
  destroyed.add(this);
  return f.call(this);
});
patch(GPUDevice, "destroy", (f) => function () {
  channel.postMessage({left: made - gone}); // what goes with the device only
  return f.call(this);
});
`

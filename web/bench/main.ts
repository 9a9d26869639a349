// bench.html: runs the test guest's kernel cases and its report of this device.

import { Fault, GuestClient } from "../host/client.js";
import { h } from "../ui/dom.js";
import { duration } from "../ui/format.js";
import { finding, type KernelCases, type Report, tables } from "./report.js";

interface Assets {
  worker: string;
  guest: string;
  sha256: string;
  /** Files of the embedded model. */
  model: string[];
}

declare const ASSETS: Assets; // replaced by cmd/buildwasm

// ?cases=swiglu tests only the kernel cases whose names match.
const filter = new URLSearchParams(location.search).get("cases") ?? "";

/** Blobs of the model and of the report lie in the memory of the worker. */
async function open(signal: AbortSignal): Promise<GuestClient> {
  const client = await GuestClient.open({
    wasm: ASSETS.guest,
    sha256: ASSETS.sha256,
    worker: new URL(ASSETS.worker, document.baseURI),
    blobs: { kind: "memory" },
    signal,
  });
  for (const name of ASSETS.model) {
    const response = await fetch(name, { signal });
    if (!response.ok) throw new Fault("missing", { where: name, detail: `the server answers ${response.status}` });
    await client.blobs.write(name, new Uint8Array(await response.arrayBuffer()));
  }
  return client;
}

async function testKernels(
  client: GuestClient,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<KernelCases> {
  const failed: string[] = [];
  let done = 0;
  const result = await client.call<{ passed: number }>(
    "kernel-cases",
    { filter },
    {
      signal,
      onEvent: (event) => {
        if (event.event !== "kernel-case") return;
        const { case: name, message } = event as unknown as { case: string; message?: string };
        if (message) failed.push(`${name}: ${message}`);
        say(`Testing kernels: ${++done}`);
      },
    },
  );
  return { passed: result.passed, failed };
}

function element<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

const start = element<HTMLButtonElement>("start");
const minutes = element<HTMLInputElement>("minutes");
const cancel = element<HTMLButtonElement>("cancel");
const save = element<HTMLButtonElement>("save");
const bar = element<HTMLProgressElement>("bar");
const status = element("status");
const alert = element("alert");
const result = element("result");
const say = (text: string): void => {
  status.textContent = text;
};

async function measure(signal: AbortSignal): Promise<void> {
  say("Opening…");
  const client = await open(signal);
  try {
    const kernels = await testKernels(client, signal, say);
    result.replaceChildren(h("p", { class: "prose" }, finding(kernels)));
    const begun = performance.now();
    const report = await client.call<Report>(
      "bench-report",
      { model: "model", seconds: 60 * minutes.valueAsNumber },
      {
        signal,
        onEvent: (event) => {
          const { stage, done, total } = event as unknown as { stage: string; done: number; total: number };
          if (stage !== "report" || total === 0) return;
          bar.value = done / total;
          const seconds = (performance.now() - begun) / 1000;
          say(`Part ${done + 1} of ${total}, ${duration(seconds)} so far`);
        },
      },
    );
    result.append(...tables(report));
    const figures = { when: new Date().toISOString(), machine: navigator.userAgent, kernels, report };
    const file = new Blob([JSON.stringify(figures, null, 2)], { type: "application/json" });
    save.onclick = () => h("a", { href: URL.createObjectURL(file), download: "nextquill-device.json" }).click();
    save.hidden = false;
    say(`${report.device.name}: finished in ${duration(report.seconds)}.`);
  } finally {
    await client.close();
  }
}

start.addEventListener("click", async () => {
  if (!minutes.reportValidity()) return;
  const stop = new AbortController();
  cancel.onclick = () => stop.abort();
  start.hidden = save.hidden = alert.hidden = true;
  cancel.hidden = bar.hidden = false;
  bar.value = 0;
  result.replaceChildren();
  try {
    await measure(stop.signal);
  } catch (thrown) {
    say(stop.signal.aborted ? "Cancelled." : "");
    if (!stop.signal.aborted) {
      alert.textContent = Fault.from(thrown, "internal").message;
      alert.hidden = false;
    }
  } finally {
    start.hidden = false;
    cancel.hidden = bar.hidden = true;
  }
});

// The section "Before you start": the GPU, the sizes of the download, and the button that starts
// it.

import { checkGPU, type GPUCheck, type Progress } from "../module/nextquill.js";
import { explain } from "../ui/faultText.js";
import { bytes } from "../ui/format.js";
import type { App } from "./app.js";
import { sizes } from "./assets.js";
import { byId, facts } from "./dom.js";
import { downloadedKey } from "./offline.js";
import type { Requests } from "./requests.js";

export async function start(app: App, requests: Requests): Promise<void> {
  const gpu = byId("gpu", HTMLElement);
  const costs = byId("costs", HTMLElement);
  const fetchButton = byId("fetch", HTMLButtonElement);
  const note = byId("fetch-note", HTMLElement);
  const bar = byId("fetch-bar", HTMLProgressElement);
  const title = byId("start-title", HTMLElement);
  const side = byId("start-note", HTMLElement);
  const before = side.textContent;

  facts(costs, [
    ["The model, downloaded once", bytes(sizes.model)],
    ["The program", `${bytes(sizes.guest)} (1 MB compressed)`],
    ["Stored in this browser", `about ${bytes(sizes.model + sizes.guest)}`],
    ["Data sent to servers", "none"],
  ]);
  const found = await checkGPU();
  if (!found.ok) {
    title.textContent = "No GPU here";
    const { sentence, remedy } = explain(found.fault);
    const noGPU = "This browser gives pages no GPU (WebGPU), which the model needs.";
    const why = found.fault?.kind === "no-adapter" ? noGPU : sentence;
    gpu.textContent = `${why} ${remedy} You can still collect, search and export your texts on this page.`;
    costs.hidden = fetchButton.hidden = true;
    app.noGPU = true;
    app.dispatchEvent(new Event("ready"));
    return;
  }
  gpu.textContent = describe(found);
  fetchButton.disabled = false;

  const open = async (): Promise<void> => {
    fetchButton.disabled = true;
    bar.hidden = false;
    bar.removeAttribute("value");
    note.textContent = "Opening…";
    const opened = await app.guard(() => app.open((event) => show(event, bar, note)));
    bar.hidden = true;
    note.textContent = "";
    fetchButton.disabled = opened;
    if (!opened) return;
    remember(true);
    requests.restart("the model was downloaded");
  };
  app.addEventListener("ready", () => {
    const open = app.model !== undefined;
    costs.hidden = fetchButton.hidden = open;
    title.textContent = open ? "Ready" : "Before you start";
    side.textContent = open ? "The model is stored in this browser and opens with this page." : before;
    fetchButton.disabled = open;
    if (!open) remember(false);
  });
  fetchButton.addEventListener("click", () => void open());
  if (localStorage.getItem(downloadedKey) !== null) await open();
}

function describe({ name, cpu }: GPUCheck): string {
  const called = name === "" ? "" : ` (${name})`;
  if (cpu) return `This page cannot use a GPU, but the CPU can replace it${called}. Everything works, but slowly.`;
  return `This page can use a GPU${called}.`;
}

function show(event: Progress, bar: HTMLProgressElement, note: HTMLElement): void {
  if (event.status !== "progress_total" || event.total === 0) return;
  bar.value = event.loaded / event.total;
  note.textContent = `${bytes(event.loaded)} of ${bytes(event.total)}`;
}

function remember(yes: boolean): void {
  if (yes) localStorage.setItem(downloadedKey, "1");
  else localStorage.removeItem(downloadedKey);
}

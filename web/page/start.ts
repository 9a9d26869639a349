// The first section: what this machine can do, what will be fetched, and the button that fetches it.

import { checkGPU, type GPUCheck, type Progress } from "../module/nextquill.js";
import { explain, type App } from "./app.js";
import { sizes } from "./assets.js";
import { byId, facts } from "./dom.js";
import { bytes } from "./format.js";
import { agreed } from "./offline.js";
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
    ["The model, fetched once", bytes(sizes.model)],
    ["The program", `${bytes(sizes.guest)} (1 MB compressed)`],
    ["Kept in this browser", `about ${bytes(sizes.model + sizes.guest)}`],
    ["Sent anywhere", "nothing"],
  ]);
  const found = await checkGPU();
  if (!found.ok) {
    title.textContent = "No GPU here";
    const { sentence, remedy } = explain(found.fault);
    const why = found.fault?.kind === "no-adapter" ? "This browser gives pages no GPU to compute on (WebGPU), and the model needs one." : sentence;
    gpu.textContent = `${why} ${remedy} You can still collect, search and export your texts on this page.`;
    costs.hidden = fetchButton.hidden = true;
    app.unable = true;
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
    requests.restart("the model was fetched");
  };
  app.addEventListener("ready", () => {
    const open = app.model !== undefined;
    costs.hidden = fetchButton.hidden = open;
    title.textContent = open ? "Ready" : "Before you start";
    side.textContent = open ? "The model is in this browser, and opens with this page." : before;
    fetchButton.disabled = open;
    if (!open) remember(false);
  });
  fetchButton.addEventListener("click", () => void open());
  if (localStorage.getItem(agreed) !== null) await open();
}

function describe({ name, cpu }: GPUCheck): string {
  const called = name === "" ? "" : ` (${name})`;
  return cpu ? `There is no GPU for this page to use, but a processor can stand in for one${called}. Everything works, slowly.`
    : `There is a GPU that this page can use${called}. That is all it needs.`;
}

function show(event: Progress, bar: HTMLProgressElement, note: HTMLElement): void {
  if (event.status !== "progress_total" || event.total === 0) return;
  bar.value = event.loaded / event.total;
  note.textContent = `${bytes(event.loaded)} of ${bytes(event.total)}`;
}

function remember(yes: boolean): void {
  if (yes) localStorage.setItem(agreed, "1");
  else localStorage.removeItem(agreed);
}

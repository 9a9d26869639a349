// The list of models in "Before you start": what each costs to download, to hold and to learn with.

import { modelKey } from "../../module/download.js";
import type { ModelSource, Progress } from "../../module/nextquill.js";
import { button, h } from "../../ui/dom.js";
import { bytes, plural } from "../../ui/format.js";
import type { App } from "../app.js";
import { sizes, urls } from "../assets.js";
import { chosenKey, downloadedKey, filesKey } from "../keys.js";
import { about, trainingTokens, workPerToken } from "./cost.js";
import { type ListedModel, listed, sourceOf } from "./listed.js";
import { knownSpeed, speedOf } from "./speed.js";

const maxFiles = 8;
const GB = 1e9;
const usableMemory = 0.6; // the share of a device's memory that a page can hope for

interface LocalModel {
  source: string;
  title: string;
  bytes: number;
}

/** Shows the list in `place`. */
export async function modelList(app: App, place: HTMLElement): Promise<void> {
  const list = h("ul", { class: "models" });
  const note = h("p", { class: "quiet", role: "status" });
  const input = h("input", { id: "model-file", class: "sr", type: "file", accept: ".gguf" });
  const label = h("label", { class: "link", for: "model-file" }, "choose a GGUF file");
  const drop = h("p", { class: "drop" }, "Or drop a model here, or ", h("span", { class: "pick" }, input, label), ".");
  place.replaceChildren(list, note, drop);

  const use = async (source: ModelSource, title: string): Promise<void> => {
    note.textContent = `Opening ${title}…`;
    const opened = await app.guard(async () => {
      if (app.model !== undefined) await app.whileClosed(async () => {});
      await app.open((event) => show(event, note), source);
    });
    note.textContent = "";
    const model = app.model;
    if (!opened || model === undefined) return;
    if (source === urls.model) localStorage.removeItem(chosenKey);
    else localStorage.setItem(chosenKey, model.model.source);
    localStorage.setItem(downloadedKey, "1");
    if (source instanceof Blob) {
      const { source: stored, bytes } = model.model;
      const others = localModels().filter((one) => one.source !== stored);
      localStorage.setItem(filesKey, JSON.stringify([{ source: stored, title, bytes }, ...others].slice(0, maxFiles)));
    }
    await draw();
  };
  const take = (file: File | undefined): void => {
    if (file !== undefined) void use(file, file.name);
  };
  input.addEventListener("change", () => {
    take(input.files?.[0]);
    input.value = "";
  });
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation(); // it is no text
    drop.classList.remove("over");
    take(event.dataTransfer?.files[0]);
  });

  const draw = async (): Promise<void> => {
    const isOpen = (source: string) => app.model?.model.source === source;
    const stored = await Promise.all(
      listed.map(async (m) => {
        if (m.id === "") return urls.model;
        const kept = await app.history.record<{ plan: { pinned?: { source: string } } }>(modelKey(sourceOf(m)));
        return kept === undefined ? undefined : (kept.plan.pinned?.source ?? sourceOf(m));
      }),
    );
    const blocked = await Promise.all(listed.map((m, i) => (stored[i] === undefined ? tooLarge(m) : undefined)));
    const rows = listed.map((m, i) => {
      const source = stored[i];
      const inUse = source !== undefined && isOpen(source);
      return row(m.title, m.about, costs(app, m, inUse), action(m, source, inUse, blocked[i]));
    });
    const files = localModels().map((m) => {
      const inUse = isOpen(m.source);
      const go = inUse ? used() : button("Use", () => void use(m.source, m.title), { "aria-label": `Use ${m.title}` });
      return row(m.title, "Your file.", `${bytes(m.bytes)} stored`, go);
    });
    list.replaceChildren(...rows, ...files);
  };
  const action = (m: ListedModel, source: string | undefined, inUse: boolean, why: string | undefined): HTMLElement => {
    if (inUse) return used();
    if (source !== undefined) {
      return button("Use", () => void use(source, m.title), { "aria-label": `Use ${m.title}` });
    }
    if (why !== undefined) return h("span", { class: "quiet" }, why);
    return h("a", { class: "link", href: `download.html?model=${encodeURIComponent(m.id)}` }, `Download ${m.title}`);
  };
  for (const event of ["items", "ready"]) app.addEventListener(event, () => void app.watch(draw));
  await draw();
  if (app.model !== undefined && knownSpeed(app.model) === undefined) {
    note.textContent = "Measuring how fast this device learns…";
    await speedOf(app);
    note.textContent = "";
    await draw();
  }
}

function used(): HTMLElement {
  return h("b", {}, "In use");
}

function row(title: string, description: string, costs: string, action: HTMLElement): HTMLElement {
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h("b", {}, title),
      " ",
      h("span", { class: "quiet" }, description),
      h("p", { class: "numbers" }, costs),
    ),
    action,
  );
}

// The download, the memory and the time of a model.
function costs(app: App, m: ListedModel, inUse: boolean): string {
  const download = m.id === "" ? sizes.model : m.bytes;
  const parts = [`${rounded(download)} to download`, `${rounded(m.memory)} of memory while learning`];
  const speed = knownSpeed(app.model);
  const open = openSize(app);
  const items = app.items;
  if (speed !== undefined && items.length > 0 && (inUse || open !== undefined)) {
    const scale = inUse || open === undefined ? 1 : workPerToken(m) / workPerToken(open);
    parts.push(`${about((trainingTokens(items) * scale) / speed)} to learn ${plural(items.length, "text")}`);
  } else if (items.length > 0 && app.model === undefined) {
    parts.push("the time is measured when a model is open");
  }
  return `${parts.join(" · ")}.`;
}

// A size that is known roughly.
function rounded(n: number): string {
  return n < 1e8 ? bytes(n) : bytes(n).replace(/\.\d MB/, " MB");
}

// The size of the open model, if it is in the list.
function openSize(app: App): ListedModel | undefined {
  const source = app.model?.model.source;
  return listed.find((m) => (m.id === "" ? source === urls.model : source?.includes(`/${m.id}/`)));
}

// Why this device cannot hold a model, or undefined.
async function tooLarge(m: ListedModel): Promise<string | undefined> {
  const { deviceMemory } = navigator as { deviceMemory?: number }; // gigabytes, rounded
  if (deviceMemory !== undefined && m.memory > usableMemory * deviceMemory * GB)
    return `Needs ${bytes(m.memory)} of memory; this device has about ${deviceMemory} GB.`;
  const { usage = 0, quota = Infinity } = await navigator.storage.estimate();
  if (m.bytes > quota - usage) return `Needs ${bytes(m.bytes)} of storage; this browser gives ${bytes(quota - usage)}.`;
  return undefined;
}

function localModels(): LocalModel[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(filesKey) ?? "[]");
    return Array.isArray(list) ? (list as LocalModel[]).slice(0, maxFiles) : [];
  } catch {
    return [];
  }
}

function show(event: Progress, note: HTMLElement): void {
  if (event.status !== "progress_total" || event.total === 0) return;
  note.textContent = `${bytes(event.loaded)} of ${bytes(event.total)}`;
}

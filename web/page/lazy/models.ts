// The list of models in "Learn from your texts": what each costs to download, to hold and to learn
// with.

import { modelKey } from "../../module/download.js";
import type { ModelSource } from "../../module/nextquill.js";
import { siteStorage } from "../../store/denied.js";
import { button, h } from "../../ui/dom.js";
import { bytes } from "../../ui/format.js";
import type { App } from "../app.js";
import { sizes, urls } from "../assets.js";
import { chosenKey, downloadedKey, filesKey } from "../keys.js";
import { settings } from "../settings.js";
import { text } from "../strings.js";
import { trainingTokens, workPerToken } from "./cost.js";
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
  const label = h("label", { class: "link", for: "model-file" }, text.models.chooseFile);
  const drop = h("p", { class: "drop" }, text.models.drop, h("span", { class: "pick" }, input, label), ".");
  place.replaceChildren(list, note, drop);

  const use = async (source: ModelSource, title: string): Promise<void> => {
    if (app.learning) {
      note.textContent = text.models.busy;
      return;
    }
    note.textContent = text.models.opening(title);
    const opened = await app.guard(async () => {
      if (app.model !== undefined) await app.whileClosed(async () => {});
      await app.open(source);
    });
    note.textContent = "";
    const model = app.model;
    if (!opened || model === undefined) return;
    if (source === urls.model) settings.remove(chosenKey);
    else settings.set(chosenKey, model.model.source);
    settings.set(downloadedKey, "1");
    if (source instanceof Blob) {
      const { source: stored, bytes } = model.model;
      const others = localModels().filter((one) => one.source !== stored);
      settings.set(filesKey, JSON.stringify([{ source: stored, title, bytes }, ...others].slice(0, maxFiles)));
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
      return row(titleOf(m), text.models.about[m.id] ?? "", costs(app, m, inUse), action(m, source, inUse, blocked[i]));
    });
    const files = localModels().map((m) => {
      const inUse = isOpen(m.source);
      const go = inUse
        ? used()
        : button(text.models.use, () => void use(m.source, m.title), { "aria-label": text.models.useOne(m.title) });
      return row(m.title, text.models.yourFile, text.models.stored(m.bytes), go);
    });
    list.replaceChildren(...rows, ...files);
  };
  const action = (m: ListedModel, source: string | undefined, inUse: boolean, why: string | undefined): HTMLElement => {
    if (inUse) return used();
    if (source !== undefined) {
      return button(text.models.use, () => void use(source, titleOf(m)), {
        "aria-label": text.models.useOne(titleOf(m)),
      });
    }
    if (why !== undefined) return h("span", { class: "quiet" }, why);
    return h(
      "a",
      { class: "link", href: `download.html?model=${encodeURIComponent(m.id)}` },
      text.models.download(m.title),
    );
  };
  // The model whose speed was measured, or could not be measured.
  let tried = "";
  const update = async (): Promise<void> => {
    await draw();
    const id = app.model?.model.id ?? "";
    if (id === "" || id === tried || !app.idle || knownSpeed(app.model) !== undefined) return;
    tried = id;
    note.textContent = text.models.measuring;
    await speedOf(app);
    note.textContent = "";
    await draw();
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, () => void app.watch(update));
  await update();
}

function used(): HTMLElement {
  return h("b", {}, text.models.inUse);
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
  const parts = [text.models.toDownload(rounded(download)), text.models.memory(rounded(m.memory))];
  const speed = knownSpeed(app.model);
  const open = openSize(app);
  const items = app.items;
  if (speed !== undefined && items.length > 0 && (inUse || open !== undefined)) {
    const scale = inUse || open === undefined ? 1 : workPerToken(m) / workPerToken(open);
    parts.push(text.models.toLearn((trainingTokens(items) * scale) / speed, items.length));
  } else if (items.length > 0 && app.model === undefined) {
    parts.push(text.models.notMeasured);
  }
  return `${parts.join(" · ")}.`;
}

// A size that is known roughly.
function rounded(n: number): string {
  return n < 1e8 ? bytes(n) : bytes(n).replace(/[.,]\d MB/, " MB");
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
    return text.models.needsMemory(m.memory, deviceMemory);
  const { usage, quota } = await siteStorage();
  if (quota > 0 && m.bytes > quota - usage) return text.models.needsStorage(m.bytes, quota - usage);
  return undefined;
}

function localModels(): LocalModel[] {
  try {
    const list: unknown = JSON.parse(settings.get(filesKey) ?? "[]");
    return Array.isArray(list) ? (list as LocalModel[]).slice(0, maxFiles) : [];
  } catch {
    return [];
  }
}

function titleOf(m: ListedModel): string {
  return m.id === "" ? text.models.small : m.title;
}

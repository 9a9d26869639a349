// The page download.html. It alone may connect to the server of the models. It stores the chosen
// model in this browser and returns to the page with the texts, which opens it from there.

import { NextQuill, type Progress } from "../module/nextquill.js";
import { bytes } from "../ui/format.js";
import { guestSHA256, importSource, urls } from "./assets.js";
import { byId, facts } from "./dom.js";
import { errorText } from "./errors.js";
import { chosenKey, downloadedKey } from "./keys.js";
import { setLanguage } from "./language.js";
import { type ListedModel, listed, sourceOf } from "./lazy/listed.js";
import { settings } from "./settings.js";
import { text } from "./strings.js";

const start = byId("download", HTMLButtonElement);
const bar = byId("bar", HTMLProgressElement);
const note = byId("note", HTMLElement);
const alert = byId("alert", HTMLElement);

const wanted = new URLSearchParams(location.search).get("model");
const model = listed.find(({ id }) => id !== "" && id === wanted);
await setLanguage();
if (model === undefined) fail(new Error(text.downloads.unknown));
else offer(model);

function offer(model: ListedModel): void {
  byId("title", HTMLElement).textContent = text.models.download(model.title);
  facts(byId("facts", HTMLElement), [
    [text.downloads.from, model.id],
    [text.downloads.size, bytes(model.bytes)],
    [text.downloads.memory, bytes(model.memory)],
  ]);
  start.disabled = false;
  start.addEventListener("click", () => void download(model));
}

async function download(model: ListedModel): Promise<void> {
  start.disabled = true;
  alert.hidden = true;
  bar.hidden = false;
  bar.removeAttribute("value");
  note.textContent = text.downloads.connecting;
  const { worker, guest } = urls;
  try {
    const opened = await NextQuill.open({
      model: sourceOf(model),
      worker,
      guest,
      guestSHA256,
      onProgress: show,
      ...importSource,
    });
    await opened.dispose();
    settings.set(chosenKey, opened.model.source);
    settings.set(downloadedKey, "1");
    location.replace("./");
  } catch (thrown) {
    fail(thrown);
    note.textContent = "";
    start.textContent = text.downloads.again;
    start.disabled = false;
  }
  bar.hidden = true;
}

function show(event: Progress): void {
  if (event.status !== "progress_total" || event.total === 0) return;
  bar.value = event.loaded / event.total;
  note.textContent = text.downloading(event.loaded, event.total);
}

function fail(thrown: unknown): void {
  alert.replaceChildren(errorText(thrown));
  alert.hidden = false;
}

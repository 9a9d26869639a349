import { NextQuill } from "nextquill";
import guest from "nextquill/nextquill.wasm?url";
import importModule from "nextquill/nextquill-import.wasm?url";
import importWorker from "nextquill/import-worker.js?url";
import worker from "nextquill/worker.js?url";

const byId = (id) => document.getElementById(id);
const [texts, train, write, progress, draft] = ["texts", "train", "write", "progress", "draft"].map(byId);

let opened;
const open = () => (opened ??= NextQuill.open({
  model: "model/", worker, guest, importWorker, importModule,
  onProgress: (p) => {
    if (p.status === "progress_total") progress.value = p.progress / 100;
  },
}));

// The message of an error says what to do.
const on = (button, action) => button.addEventListener("click", () => {
  button.disabled = true;
  action().catch((fault) => (draft.textContent = fault.message)).finally(() => (button.disabled = false));
});

on(train, async () => {
  const quill = await open();
  if (texts.value.trim() !== "") await quill.history.import(texts.value, { name: "texts.txt" });
  for await (const event of quill.personalize()) {
    if (event.event === "step") progress.value = (event.phase - 1 + event.step / event.steps) / event.phases;
  }
  draft.textContent = "Done.";
});

on(write, async () => {
  const quill = await open();
  draft.textContent = "";
  for await (const piece of quill.write()) draft.append(piece);
});

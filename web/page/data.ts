// Your data: what is kept, taking it along, and removing it.

import { forget, type AdapterInfo } from "../module/nextquill.js";
import type { App } from "./app.js";
import { byId, facts, save } from "./dom.js";
import { bytes, date, plural } from "./format.js";
import { forgetProgram } from "./offline.js";

export function dataPanel(app: App): void {
  const sizes = byId("sizes", HTMLElement);
  const note = byId("data-note", HTMLElement);
  const exportTexts = byId("export-history", HTMLButtonElement);
  const exportAdapter = byId("export-adapter", HTMLButtonElement);
  const importAdapter = byId("import-adapter", HTMLButtonElement);
  const file = byId("adapter-file", HTMLInputElement);
  const forgetButton = byId("forget", HTMLButtonElement);
  const sure = byId("sure", HTMLDialogElement);

  let learnt: AdapterInfo | undefined;
  const draw = async (): Promise<void> => {
    if (!app.busy) learnt = await app.model?.adapter.info(); // a run may replace it at any moment
    const { usage = 0, quota = 0 } = await navigator.storage.estimate();
    const kept = await navigator.storage.persisted();
    facts(sizes, [
      ["Texts", app.items.length.toLocaleString("en")],
      ["What was learnt", learnt === undefined ? "nothing yet" : `${bytes(learnt.bytes)}, ${date(learnt.made)}`],
      ["Used in this browser", bytes(usage)],
      ["Room for this site", bytes(quota)],
      ["Kept when space runs low", kept ? "yes" : "not promised"],
    ]);
    exportTexts.disabled = app.items.length === 0;
    exportAdapter.disabled = learnt === undefined || app.busy;
    importAdapter.disabled = app.model === undefined || !app.idle;
    forgetButton.disabled = !app.idle;
  };
  // Looking on storage takes a moment; looks must not overtake each other.
  let drawing = Promise.resolve();
  const redraw = (): void => {
    drawing = drawing.then(() => app.watch(draw)).then(() => undefined);
  };
  for (const event of ["items", "ready", "busy", "learnt"]) app.addEventListener(event, redraw);
  redraw();

  exportTexts.addEventListener("click", () => void app.guard(async () => {
    save(await app.history.export(), "nextquill-texts.jsonl");
    note.textContent = `${plural(app.items.length, "text")} exported.`;
  }));
  exportAdapter.addEventListener("click", () => void app.work(async (model) => {
    save(await model.adapter.export(), "nextquill-adapter.zip");
    note.textContent = "The adapter is exported: PEFT’s format, for any tool that reads it.";
  }));
  importAdapter.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (chosen === undefined) return;
    void app.work(async (model) => {
      await model.adapter.import(chosen);
      note.textContent = `${chosen.name} is in use.`;
    }).then(redraw);
  });
  forgetButton.addEventListener("click", () => {
    sure.returnValue = "";
    sure.showModal();
  });
  sure.addEventListener("close", () => {
    if (sure.returnValue !== "yes") return;
    void app.guard(() => app.without(async () => {
      const { left } = await forget();
      left.push(...(await forgetProgram()));
      note.textContent = left.length === 0 ? "Everything is removed; nothing is left in this browser." : `Still there: ${left.join(", ")}. Close other tabs of this page and try again.`;
    }));
  });
}

// The section "Your data": what is stored, export, import and deletion.

import { type AdapterInfo, forget } from "../module/nextquill.js";
import { siteStorage } from "../store/denied.js";
import { h } from "../ui/dom.js";
import { bytes, count, date } from "../ui/format.js";
import type { App } from "./app.js";
import { byId, facts, save } from "./dom.js";
import { deleteProgram } from "./offline.js";
import { text } from "./strings.js";

export function dataPanel(app: App): void {
  const sizes = byId("sizes", HTMLElement);
  const note = byId("data-note", HTMLElement);
  const exportTexts = byId("export-history", HTMLButtonElement);
  const exportAdapter = byId("export-adapter", HTMLButtonElement);
  const importAdapter = byId("import-adapter", HTMLButtonElement);
  const file = byId("adapter-file", HTMLInputElement);
  const forgetButton = byId("forget", HTMLButtonElement);
  const sure = byId("sure", HTMLDialogElement);

  const warning = h("p", { id: "export-warning", class: "quiet", hidden: true }, text.data.exportWarning);
  note.before(warning);
  exportAdapter.setAttribute("aria-describedby", warning.id);

  let adapter: AdapterInfo | undefined;
  const draw = async (): Promise<void> => {
    if (!app.busy) adapter = await app.model?.adapter.info(); // a run may replace it at any time
    const { usage, quota, persisted } = await siteStorage();
    const stored = await app.history.persistent();
    facts(sizes, [
      [text.data.texts, count(app.items.length)],
      [
        text.data.training,
        adapter === undefined ? text.data.noneYet : `${bytes(adapter.bytes)}, ${date(adapter.made)}`,
      ],
      [text.data.used, bytes(usage)],
      [text.data.quota, bytes(quota)],
      stored
        ? [text.data.protected, persisted ? text.data.yes : text.data.no]
        : [text.data.keptAfter, text.data.notKept],
    ]);
    warning.hidden = adapter === undefined;
    exportTexts.disabled = app.items.length === 0;
    exportAdapter.disabled = adapter === undefined || app.busy;
    importAdapter.disabled = app.model === undefined || !app.idle;
    forgetButton.disabled = !app.idle;
  };
  // Reading the storage is asynchronous. Updates run one after the other.
  let drawing = Promise.resolve();
  const redraw = (): void => {
    drawing = drawing.then(() => app.watch(draw)).then(() => undefined);
  };
  for (const event of ["items", "ready", "busy", "trained"]) app.addEventListener(event, redraw);
  redraw();

  exportTexts.addEventListener(
    "click",
    () =>
      void app.guard(async () => {
        save(await app.history.export(), "nextquill-texts.jsonl");
        note.textContent = text.data.exported(app.items.length);
      }),
  );
  exportAdapter.addEventListener(
    "click",
    () =>
      void app.work(async (model) => {
        save(await model.adapter.export(), "nextquill-adapter.zip");
        note.textContent = text.data.trainingExported;
      }),
  );
  importAdapter.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (chosen === undefined) return;
    void app
      .work(async (model) => {
        await model.adapter.import(chosen);
        note.textContent = text.data.inUse(chosen.name);
      })
      .then(redraw);
  });
  forgetButton.addEventListener("click", () => {
    sure.returnValue = "";
    sure.showModal();
  });
  sure.addEventListener("close", () => {
    if (sure.returnValue !== "yes") return;
    void app.guard(async () => {
      const left: string[] = [];
      await app.whileClosed(async () => {
        left.push(...(await forget()).left, ...(await deleteProgram()));
      });
      // The page shows the empty history only now.
      note.textContent = left.length === 0 ? text.data.allDeleted : text.data.notDeleted(left.join(", "));
    });
  });
}

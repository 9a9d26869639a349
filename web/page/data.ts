// The section "Your data": what is stored, export, import and deletion.

import { type AdapterInfo, forget } from "../module/nextquill.js";
import { siteStorage } from "../store/denied.js";
import { h } from "../ui/dom.js";
import { bytes, date, plural } from "../ui/format.js";
import type { App } from "./app.js";
import { byId, facts, save } from "./dom.js";
import { deleteProgram } from "./offline.js";

export function dataPanel(app: App): void {
  const sizes = byId("sizes", HTMLElement);
  const note = byId("data-note", HTMLElement);
  const exportTexts = byId("export-history", HTMLButtonElement);
  const exportAdapter = byId("export-adapter", HTMLButtonElement);
  const importAdapter = byId("import-adapter", HTMLButtonElement);
  const file = byId("adapter-file", HTMLInputElement);
  const forgetButton = byId("forget", HTMLButtonElement);
  const sure = byId("sure", HTMLDialogElement);

  const warning = h(
    "p",
    { id: "export-warning", class: "quiet", hidden: true },
    "An exported training contains words of your texts. Give it only to people who may read your texts.",
  );
  note.before(warning);
  exportAdapter.setAttribute("aria-describedby", warning.id);

  let adapter: AdapterInfo | undefined;
  const draw = async (): Promise<void> => {
    if (!app.busy) adapter = await app.model?.adapter.info(); // a run may replace it at any time
    const { usage, quota, persisted } = await siteStorage();
    const stored = await app.history.persistent();
    facts(sizes, [
      ["Texts", app.items.length.toLocaleString("en")],
      ["Training", adapter === undefined ? "none yet" : `${bytes(adapter.bytes)}, ${date(adapter.made)}`],
      ["Storage in use", bytes(usage)],
      ["Storage for this site", bytes(quota)],
      ...(stored
        ? ([["Protected when space runs low", persisted ? "yes" : "no"]] as const)
        : ([["Kept after this page is closed", "no, this browser does not let the page store data"]] as const)),
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
        note.textContent = `${plural(app.items.length, "text")} exported.`;
      }),
  );
  exportAdapter.addEventListener(
    "click",
    () =>
      void app.work(async (model) => {
        save(await model.adapter.export(), "nextquill-adapter.zip");
        note.textContent = "The training is exported.";
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
        note.textContent = `${chosen.name} is in use.`;
      })
      .then(redraw);
  });
  forgetButton.addEventListener("click", () => {
    sure.returnValue = "";
    sure.showModal();
  });
  sure.addEventListener("close", () => {
    if (sure.returnValue !== "yes") return;
    void app.guard(() =>
      app.whileClosed(async () => {
        const { left } = await forget();
        left.push(...(await deleteProgram()));
        note.textContent =
          left.length === 0
            ? "Everything is deleted; nothing is left in this browser."
            : `Could not delete: ${left.join(", ")}. Close other tabs of this page and try again.`;
      }),
    );
  });
}

// The parts of the page that are fetched when they are needed: the list of models, and the choice
// of how many texts to learn from.

import { button, h } from "../ui/dom.js";
import type { App } from "./app.js";
import { byId } from "./dom.js";
import { chosenModel } from "./keys.js";

// Training on fewer characters takes less than five minutes with the embedded model on any device
// that was measured.
const manyCharacters = 100_000;

/** Adds the list of models and the choice of texts to their places in the page. */
export function choices(app: App): void {
  const place = byId("models", HTMLElement);
  const open = button("Choose another model", () => {
    open.disabled = true;
    void app.guard(async () => {
      const { modelList } = await import("./lazy/models.js");
      await modelList(app, place);
    });
  });
  open.className = "link";
  place.append(h("p", {}, open));
  place.hidden = false;
  app.addEventListener("ready", () => (place.hidden = app.noGPU));

  const budget = byId("budget", HTMLElement);
  let loading: Promise<void> | undefined;
  const check = (): void => {
    const characters = app.items.reduce((n, { text }) => n + text.length, 0);
    if (app.model === undefined || (chosenModel() === undefined && characters < manyCharacters)) return;
    loading ??= import("./lazy/budget.js").then(({ textBudget }) => textBudget(app, budget));
    void app.watch(async () => await loading);
  };
  for (const event of ["items", "ready"]) app.addEventListener(event, check);
}

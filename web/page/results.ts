// What the page shows of a model: drafts, an explained text, the progress of training. All of it is
// cleared when everything is deleted, here or in another tab.

import type { App } from "./app.js";

const outputs = [
  "draft-plain",
  "draft-you",
  "draft-live",
  "passage",
  "explain-note",
  "write-note",
  "train-facts",
  "result",
  "charts",
];
const panels = ["drafts", "passage", "training", "result"];
const forms = ["write-form", "explain-form"];

export function clearResults(app: App): void {
  app.addEventListener("closing", () => {
    for (const id of outputs) document.getElementById(id)?.replaceChildren();
    for (const id of panels) document.getElementById(id)?.setAttribute("hidden", "");
    for (const id of forms) (document.getElementById(id) as HTMLFormElement | null)?.reset();
  });
}

// The line of steps: what is done, and what to do next. The button of the next step stands out.

import { type App, type DownloadEvent, minTexts } from "./app.js";
import { byId } from "./dom.js";
import { text } from "./strings.js";

const sections = ["history", "train", "write", "explain"] as const;
const buttons = ["#add [type=submit]", "#train-start", "#write-start", "#explain-start"] as const;

export function stepsLine(app: App): void {
  const links = [...document.querySelectorAll("#steps ol a")];
  const next = byId("next", HTMLAnchorElement);
  const draw = (): void => {
    const done = stepsDone(app);
    const at = done.indexOf(false);
    links.forEach((link, i) => {
      link.querySelector(".nr")!.textContent = done[i] ? "✓" : String(i + 1);
      if (i === at) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
    for (const [i, button] of buttons.entries()) document.querySelector(button)?.classList.toggle("primary", i === at);
    document.body.dataset.step = sections[at] ?? "done";
    const sentence = nextOf(app, at);
    if (next.textContent !== sentence) next.textContent = sentence;
    next.hash = app.gpu === false ? "history" : (sections[at] ?? "history");
  };
  for (const event of ["items", "ready", "busy", "step"]) app.addEventListener(event, draw);
  draw();
  showDownload(app);
}

function stepsDone({ items, done }: App): boolean[] {
  return [items.length >= minTexts, done.learnt, done.written, done.explained];
}

function nextOf(app: App, at: number): string {
  const n = app.items.length;
  if (app.gpu === false) return text.nextNoGPU;
  if (app.learning) return text.nextLearning;
  switch (sections[at]) {
    case "history":
      return text.nextTexts(n, minTexts);
    case "train":
      return text.nextLearn(n);
    case "write":
      return text.nextWrite;
    case "explain":
      return text.nextExplain;
    default:
      return text.nextAgain;
  }
}

// The line stays in view, so it also shows the download.
function showDownload(app: App): void {
  const note = byId("fetch-note", HTMLElement);
  const bar = byId("fetch-bar", HTMLProgressElement);
  app.addEventListener("download", (event) => {
    const { progress } = event as DownloadEvent;
    bar.hidden = progress === undefined;
    if (progress === undefined) {
      note.textContent = "";
      bar.removeAttribute("value");
    } else if (progress.status === "progress_total" && progress.total > 0) {
      bar.value = progress.loaded / progress.total;
      note.textContent = text.downloading(progress.loaded, progress.total);
    } else if (note.textContent === "") note.textContent = text.opening;
  });
}

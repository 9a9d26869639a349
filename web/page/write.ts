// The section "Write": a draft by the base model next to one by the personalized model.

import type { Field } from "../module/nextquill.js";
import type { App } from "./app.js";
import { byId } from "./dom.js";
import type { DraftText, Explainer } from "./explain.js";
import { Fields, fieldNames } from "./fields.js";
import { text as t } from "./strings.js";

export function writePanel(app: App, explainer: Explainer): void {
  const form = byId("write-form", HTMLFormElement);
  const fields = new Fields(form);
  const steer = byId("steer", HTMLInputElement);
  const start = byId("write-start", HTMLButtonElement);
  const stop = byId("write-stop", HTMLButtonElement);
  const note = byId("write-note", HTMLElement);
  const unavailable = byId("write-unavailable", HTMLElement);
  const live = byId("draft-live", HTMLElement);
  const drafts = byId("drafts", HTMLElement);
  const plain = byId("draft-plain", HTMLElement);
  const you = byId("draft-you", HTMLElement);
  const youNote = byId("draft-you-note", HTMLElement);
  const explainButton = byId("draft-explain", HTMLButtonElement);
  const copy = byId("draft-copy", HTMLButtonElement);
  let stopping: AbortController | undefined;
  let written: Field[] = [];
  let complete = false; // whether the personalized draft came to its end

  steer.addEventListener("input", () => {
    form.querySelector("output")!.textContent = steer.value;
  });
  const enable = (): void => {
    start.disabled = app.unavailable !== "";
    start.textContent = app.label(drafts.hidden ? t.write : t.writeAgain);
    explainButton.disabled = app.unavailable !== "";
    if (stopping === undefined) unavailable.textContent = app.unavailable;
    fields.setNames(fieldNames(app.items));
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, enable);

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    written = fields.values();
    if (written.length === 0) {
      note.textContent = t.sayAbout;
      form.querySelector("input")?.focus();
      return;
    }
    void write();
  });
  // After learning, two drafts show what has changed. They are about the newest text, which the
  // model has not seen: it was held out.
  app.addEventListener("learnt", () => {
    if (app.unavailable !== "") return; // a draft is being written
    if (fields.values().length === 0) fields.set(app.items.at(-1)?.context ?? []);
    written = fields.values();
    void write(false);
  });
  stop.addEventListener("click", () => stopping?.abort());
  const draft = (): DraftText => ({ context: written, text: you.textContent ?? "", complete });
  explainButton.addEventListener("click", () => explainer.explain(draft()));
  copy.addEventListener("click", () => {
    void app.guard(async () => {
      await navigator.clipboard.writeText(you.textContent ?? "");
      note.textContent = t.copied;
    });
  });

  async function write(focus = true): Promise<void> {
    if (app.unavailable !== "") return;
    stopping = new AbortController();
    const { signal } = stopping;
    // The same seed for both drafts, so that only the model differs.
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
    drafts.hidden = stop.hidden = false;
    explainButton.hidden = copy.hidden = start.hidden = true;
    live.textContent = youNote.textContent = "";
    note.textContent = app.model === undefined ? t.opening : "";
    plain.replaceChildren();
    you.replaceChildren();
    complete = false;
    if (focus) stop.focus({ preventScroll: true });
    const finished = await app.work(async (model) => {
      note.textContent = "";
      if (!app.done.learnt) youNote.textContent = t.notLearnt;
      const writeInto = async (into: HTMLElement, plain: boolean): Promise<void> => {
        const text = document.createTextNode("");
        into.replaceChildren(text);
        into.classList.add("writing");
        try {
          const options = { context: written, signal, seed, plain, steer: plain ? 0 : Number(steer.value) };
          for await (const piece of model.write(options)) text.appendData(piece);
        } finally {
          into.classList.remove("writing");
        }
      };
      await writeInto(you, false);
      complete = true;
      await writeInto(plain, true);
    });
    const focused = document.activeElement === stop;
    stopping = undefined;
    note.textContent = "";
    drafts.hidden = you.textContent === ""; // the model could not be opened, or wrote nothing
    if (finished && drafts.hidden) note.textContent = t.emptyDraft;
    enable();
    stop.hidden = true;
    start.hidden = false;
    if (focused) start.focus({ preventScroll: true });
    explainButton.hidden = copy.hidden = you.textContent === "";
    if (you.textContent !== "") {
      app.mark("written");
      explainer.offer(draft());
    }
    live.textContent = finished ? t.draftDone(you.textContent) : t.draftStopped(you.textContent);
  }
}

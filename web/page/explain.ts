// The section "Which words are yours": a text with the shade of each word, and the texts that
// influenced it.

import type { Field } from "../module/nextquill.js";
import type { App } from "./app.js";
import { byId } from "./dom.js";
import { Fields, fieldNames } from "./fields.js";
import { countOwn, passage as passageOf, wordsOf } from "./passage.js";
import { text as t } from "./strings.js";

/** A draft to explain. It is not complete if its writing was stopped. */
export interface DraftText {
  context: readonly Field[];
  text: string;
  complete: boolean;
}

export interface Explainer {
  /** Puts a draft into the form, unless the user has typed a text there. */
  offer(draft: DraftText): void;
  /** Explains a draft. */
  explain(draft: DraftText): void;
}

export function explainPanel(app: App): Explainer {
  const form = byId("explain-form", HTMLFormElement);
  const fields = new Fields(form);
  const text = form.elements.namedItem("text") as HTMLTextAreaElement;
  const start = byId("explain-start", HTMLButtonElement);
  const own = byId("explain-own", HTMLButtonElement);
  const note = byId("explain-note", HTMLElement);
  const unavailable = byId("explain-unavailable", HTMLElement);
  const passage = byId("passage", HTMLElement);
  let running = false;
  let offered: DraftText | undefined; // what the form has, unless the user has changed it

  const enable = (): void => {
    start.disabled = app.unavailable !== "";
    start.textContent = app.label(t.explain);
    unavailable.textContent = running ? "" : app.unavailable;
    own.hidden = app.items.length === 0;
    fields.setNames(fieldNames(app.items));
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, enable);

  const run = async (): Promise<void> => {
    if (text.value.trim() === "") {
      note.textContent = t.noText;
      text.focus();
      return;
    }
    const complete = offered === undefined || offered.complete || text.value !== offered.text;
    running = true;
    note.textContent = t.reading;
    let result = "";
    await app.work(async (model) => {
      const explained = await model.explain({ context: fields.values(), text: text.value.trim() });
      passage.replaceChildren(...passageOf(explained));
      passage.hidden = false;
      result = (complete ? "" : t.unfinished) + countOwn(wordsOf(explained.tokens));
      app.mark("explained");
    });
    running = false;
    note.textContent = result;
    enable();
  };
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    void run();
  });
  own.addEventListener("click", () => {
    const latest = app.items.at(-1);
    if (latest === undefined) return;
    fields.clear();
    fields.set(latest.context);
    text.value = latest.text;
    text.focus();
  });
  const take = (draft: DraftText): void => {
    offered = draft;
    fields.set(draft.context);
    text.value = draft.text;
  };
  return {
    offer(draft) {
      if (text.value === (offered?.text ?? "")) take(draft);
    },
    explain(draft) {
      take(draft);
      byId("explain", HTMLElement).scrollIntoView();
      void run();
    },
  };
}

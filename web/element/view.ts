// The controls of the element, without their behaviour.

import type { NamedFile } from "../module/nextquill.js";
import { h, button as plainButton } from "../ui/dom.js";
import { chosenFiles } from "../ui/dropped.js";
import type { Strings } from "./strings.js";

export interface Actions {
  add(): void;
  files(files: NamedFile[]): void;
  personalize(): void;
  pause(): void;
  cancel(): void;
  write(): void;
  explain(): void;
  forget(): void;
  edited(): void;
}

export type View = ReturnType<typeof makeView>;

/** Creates a button with a part name of its own, for styling by the page. */
export function button(part: string, text: string, press: () => void): HTMLButtonElement {
  return plainButton(text, press, { part: `button ${part}` });
}

/**
 * Creates the controls. Parts: box, notice, texts, items, item, text, file, import, about, steer,
 * amount, draft, explained, token, effect, progress, status, button, and one per button.
 */
export function makeView(s: Strings, on: Actions) {
  const notice = h("p", { part: "notice", class: "status", hidden: true }, s.notStored);
  const summary = h("summary", { part: "summary" }, s.texts(0));
  const text = h("textarea", { id: "text", part: "text", rows: "3", dir: "auto" });
  const file = h("input", { id: "file", part: "file", type: "file", multiple: true });
  const importing = h("div", { part: "import", class: "import", role: "region" });
  const items = h("ul", { part: "items", tabindex: "0", "aria-label": s.texts(0) });
  const about = h("input", { id: "about", part: "about", type: "text", autocomplete: "off", dir: "auto" });
  const steer = h("input", { id: "steer", part: "steer", type: "range", min: "0", max: "2", step: "0.1", value: "0" });
  const amount = h("output", { part: "amount", for: "steer" }, s.amount(0));
  steer.addEventListener("input", () => (amount.value = s.amount(steer.valueAsNumber)));
  const draft = h("textarea", { id: "draft", part: "draft", class: "draft", rows: "4", dir: "auto" });
  const explained = h("div", { part: "explained", class: "explained", hidden: true });
  const progress = h("progress", { part: "progress", max: "1", value: "0", hidden: true, "aria-label": s.personalize });
  const status = h("p", { part: "status", class: "status", role: "status" }, s.idle);
  const buttons = {
    add: button("add", s.addButton, on.add),
    personalize: button("personalize", s.personalize, on.personalize),
    pause: button("pause", s.pause, on.pause),
    cancel: button("cancel", s.cancel, on.cancel),
    write: button("write", s.write, on.write),
    explain: button("explain", s.explain, on.explain),
    forget: button("forget", s.forget, on.forget),
  };
  buttons.write.classList.add("main");
  buttons.forget.classList.add("quiet");
  buttons.pause.hidden = buttons.cancel.hidden = true;

  const field = (label: string, control: HTMLElement, ...extra: HTMLElement[]) =>
    h("div", { class: "field" }, h("span", {}, h("label", { for: control.id }, label), " ", ...extra), control);
  const row = (...children: HTMLElement[]) => h("div", { class: "row" }, ...children);
  const texts = h(
    "details",
    { part: "texts" },
    summary,
    row(field(s.add, text), buttons.add),
    field(s.file, file),
    importing,
    items,
  );
  const box = h(
    "div",
    { class: "box", part: "box" },
    notice,
    texts,
    row(buttons.personalize, buttons.pause, buttons.cancel),
    progress,
    row(field(s.about, about), buttons.write),
    field(s.steer, steer, amount),
    field(s.draft, draft),
    explained,
    row(buttons.explain, buttons.forget),
    status,
  );
  file.addEventListener("change", () => {
    const files = chosenFiles(file);
    file.value = ""; // so that the same files can be chosen again
    on.files(files);
  });
  text.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) on.add();
  });
  about.addEventListener("keydown", (e) => {
    if (e.key !== "Enter") return;
    e.preventDefault(); // Enter would submit the surrounding form
    on.write();
  });
  draft.addEventListener("input", on.edited);
  return {
    box,
    notice,
    texts,
    summary,
    text,
    file,
    importing,
    items,
    about,
    steer,
    draft,
    explained,
    progress,
    status,
    buttons,
  };
}

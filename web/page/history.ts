// The section "What you wrote": adding, importing, searching, editing and deleting texts.

import type { Item, NamedFile, NewItem } from "../module/nextquill.js";
import { button, h } from "../ui/dom.js";
import { chosenFiles, droppedFiles } from "../ui/dropped.js";
import { ImportPanel } from "../ui/importPanel.js";
import type { App } from "./app.js";
import { urls } from "./assets.js";
import { byId } from "./dom.js";
import { entry } from "./entry.js";
import { Fields, fieldNames } from "./fields.js";
import { patternOf, search } from "./search.js";
import { text } from "./strings.js";

const pageSize = 5;

export function historyPanel(app: App): void {
  new HistoryPanel(app);
}

class HistoryPanel {
  readonly #app: App;
  readonly #form = byId("add", HTMLFormElement);
  readonly #text = this.#form.elements.namedItem("text") as HTMLTextAreaElement;
  readonly #fields = new Fields(this.#form);
  readonly #note = byId("history-note", HTMLElement);
  readonly #shelf = byId("shelf", HTMLElement);
  readonly #search = byId("search", HTMLInputElement);
  readonly #count = byId("count", HTMLElement);
  readonly #list = byId("items", HTMLElement);
  readonly #more = byId("more", HTMLButtonElement);
  readonly #panel: ImportPanel;
  #found: readonly Item[] = []; // what the search has found, the newest first
  #pattern: RegExp | undefined; // of this search
  #stopSearch = () => {};
  #shown = pageSize;
  readonly #whole = new Set<string>(); // the ids of long texts that are shown completely
  #adding = false;
  #editing = "";
  #editorView: HTMLElement | undefined; // kept, with what is typed, when the list is drawn again

  constructor(app: App) {
    this.#app = app;
    this.#panel = new ImportPanel(byId("import", HTMLElement), text.importing, {
      openFiles: (files, options) => app.history.openFiles(files, options),
      addAll: (items, onProgress) => app.change((history) => history.addAll(items, onProgress)),
      say: (sentence) => (this.#note.textContent = sentence),
      fail: (thrown) => app.showError(thrown),
      closed: (hadFocus) => hadFocus && byId("files", HTMLElement).focus({ preventScroll: true }),
    });
    app.addEventListener("closing", () => {
      this.#panel.close();
      this.#note.textContent = ""; // it may offer to restore a text
      this.#editing = "";
    });
    app.addEventListener("items", () => this.#draw());
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      void app.guard(() => this.#once(() => this.#add()));
    });
    this.#form.querySelector("[data-do=field]")!.addEventListener("click", () => this.#fields.extend());
    this.#text.addEventListener("paste", (e) => this.#pasted(e));
    this.#search.addEventListener("input", () => {
      this.#shown = pageSize;
      this.#draw();
    });
    this.#more.addEventListener("click", () => {
      const before = this.#shown;
      this.#shown += 4 * pageSize;
      this.#show();
      this.#list.children[before]?.querySelector<HTMLElement>("button")?.focus();
    });
    byId("sample", HTMLButtonElement).addEventListener(
      "click",
      () => void app.guard(() => this.#once(() => this.#sample())),
    );
    this.#acceptFiles();
    void app.watch(() => this.#sayIfNotStored());
  }

  async #sayIfNotStored(): Promise<void> {
    if (await this.#app.history.persistent()) return;
    this.#form.before(h("p", { class: "alert", role: "status" }, text.noStorage));
  }

  async #add(): Promise<void> {
    if (this.#text.value.trim() === "") {
      this.#note.textContent = text.noText;
      this.#text.focus();
      return;
    }
    const typed = this.#text.value;
    const item = { context: this.#fields.values(), text: typed.trim(), time: new Date() };
    await this.#app.change((history) => history.add(item));
    if (this.#text.value === typed) {
      this.#text.value = "";
      this.#fields.clear();
    }
    this.#note.textContent = text.added;
    this.#text.focus();
  }

  // Paragraphs may be separate texts: offers to split the pasted text. What the user typed before
  // and after it stays in the field.
  #pasted(event: ClipboardEvent): void {
    const pasted = (event.clipboardData?.getData("text/plain") ?? "").replace(/\r\n?/g, "\n");
    const paragraphs = pasted.split(/\n\s*\n/).filter((p) => p.trim() !== "");
    if (paragraphs.length < 2) return;
    const time = new Date();
    const add = async () => {
      await this.#addAll(paragraphs.map((p) => ({ text: p.trim(), time })));
      const { value } = this.#text;
      const at = value.indexOf(pasted);
      if (at >= 0) this.#text.value = value.slice(0, at) + value.slice(at + pasted.length);
      this.#text.focus();
    };
    const label = text.addParagraphs(paragraphs.length);
    this.#note.replaceChildren(button(label, () => void this.#app.guard(() => this.#once(add)), { class: "link" }));
  }

  async #sample(): Promise<void> {
    const answer = await fetch(urls.sample);
    if (!answer.ok) throw new Error(text.noSample(`${answer.status} ${answer.statusText}`));
    const lines = (await answer.text()).split("\n").filter((line) => line !== "");
    await this.#addAll(lines.map((line) => JSON.parse(line) as NewItem));
  }

  // Adds texts once, even if the user presses the button again meanwhile.
  async #once(add: () => Promise<void>): Promise<void> {
    if (this.#adding) return;
    this.#adding = true;
    try {
      await add();
    } finally {
      this.#adding = false;
    }
  }

  async #addAll(items: readonly NewItem[]): Promise<void> {
    const { added, skipped } = await this.#app.change((history) => history.addAll(items));
    this.#note.textContent = text.importing.added(added, skipped);
  }

  // The folder field chooses folders, the other one files. Both are read and shown before they are
  // added.
  #acceptFiles(): void {
    for (const id of ["files", "folder"]) {
      const field = byId(id, HTMLInputElement);
      field.addEventListener("change", () => {
        const files = chosenFiles(field);
        field.value = ""; // so that the same files can be chosen again
        void this.#take(Promise.resolve(files));
      });
    }
    this.#acceptDrops();
  }

  async #take(files: Promise<NamedFile[]>): Promise<void> {
    this.#note.textContent = "";
    await this.#app.guard(async () => await this.#panel.take(await files));
  }

  #acceptDrops(): void {
    const zone = byId("drop", HTMLElement);
    const over = (on: boolean) => zone.classList.toggle("over", on);
    // A file that is dropped elsewhere must not replace the page.
    for (const name of ["dragover", "drop"] as const) document.addEventListener(name, (e) => e.preventDefault());
    document.addEventListener("dragover", (e) => over(e.dataTransfer?.types.includes("Files") ?? false));
    document.addEventListener("dragleave", (e) => {
      if (e.relatedTarget === null) over(false);
    });
    document.addEventListener("drop", (e) => {
      over(false);
      if (e.dataTransfer !== null) void this.#take(droppedFiles(e.dataTransfer));
    });
  }

  #draw(): void {
    const all = this.#app.items;
    this.#fields.setNames(fieldNames(all));
    this.#shelf.hidden = all.length === 0;
    const pattern = patternOf(this.#search.value);
    const done = (found: readonly Item[]): void => {
      this.#found = found;
      this.#pattern = pattern;
      const counted = pattern === undefined ? text.texts(all.length) : text.found(found.length, all.length);
      if (this.#count.textContent !== counted) this.#count.textContent = counted;
      this.#show();
    };
    this.#stopSearch();
    if (pattern === undefined) done(all.toReversed());
    else this.#stopSearch = search(all, pattern, done);
  }

  #show(): void {
    this.#list.replaceChildren(
      ...this.#found.slice(0, this.#shown).map((item) => {
        if (item.id !== this.#editing) return this.#entry(item);
        this.#editorView ??= this.#editor(item, fieldNames(this.#app.items));
        return this.#editorView;
      }),
    );
    this.#more.hidden = this.#found.length <= this.#shown;
  }

  #entry(item: Item): HTMLElement {
    return entry(item, {
      pattern: this.#pattern,
      whole: this.#whole.has(item.id),
      edit: () => this.#edit(item),
      remove: (name) => void this.#app.guard(() => this.#remove(item, name)),
      toggle: () => {
        if (!this.#whole.delete(item.id)) this.#whole.add(item.id);
        const view = this.#entry(item);
        this.#list.querySelector(`[data-id="${CSS.escape(item.id)}"]`)?.replaceWith(view);
        view.querySelector<HTMLElement>(".whole")?.focus();
      },
    });
  }

  #edit(item: Item): void {
    this.#editing = item.id;
    this.#editorView = undefined;
    this.#show();
    this.#list.querySelector<HTMLElement>("form textarea")?.focus();
  }

  #editor(item: Item, names: readonly string[]): HTMLElement {
    const area = h("textarea", { name: "text" });
    area.value = item.text;
    area.required = true;
    const field = h("label", { class: "field" }, h("span", {}, text.text), area);
    const form = h("form", { class: "sheet" }, h("div", { class: "fields" }), field);
    const fields = new Fields(form);
    fields.setNames(item.context.length > 0 ? item.context.map((f) => f.name) : names);
    fields.set(item.context);
    const done = () => {
      this.#editing = "";
      this.#show();
      this.#search.focus({ preventScroll: true });
    };
    form.append(
      h(
        "div",
        { class: "row" },
        h("button", { type: "submit", class: "primary" }, text.save),
        button(text.cancel, done),
      ),
    );
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#app.guard(async () => {
        const patch = { context: fields.values(), text: area.value.trim() };
        await this.#app.change((history) => history.update(item.id, patch));
        done();
      });
    });
    form.addEventListener("keydown", (e) => {
      if (e.key === "Escape") done();
    });
    return h("li", {}, form);
  }

  async #remove(item: Item, name: string): Promise<void> {
    const last = this.#app.items.length === 1;
    await this.#app.change((history) => history.remove(item.id));
    this.#note.replaceChildren(
      ...text.deleted(h("bdi", {}, name)),
      button(
        text.undo,
        () => {
          void this.#app.guard(async () => {
            await this.#app.change((history) => history.add(item));
            this.#note.textContent = text.restored;
            this.#refocus(last);
          });
        },
        { class: "link" },
      ),
    );
    this.#refocus(last);
  }

  // The focused button is gone: moves the focus to an element nearby.
  #refocus(empty: boolean): void {
    (empty ? this.#text : this.#search).focus({ preventScroll: true });
  }
}

// The section "What you wrote": adding, importing, searching, editing and deleting texts.

import type { Item, NamedFile, NewItem } from "../module/nextquill.js";
import { button, h } from "../ui/dom.js";
import { chosenFiles, droppedFiles } from "../ui/dropped.js";
import { cut, date } from "../ui/format.js";
import { ImportPanel } from "../ui/importPanel.js";
import type { App } from "./app.js";
import { urls } from "./assets.js";
import { byId } from "./dom.js";
import { Fields, fieldNames } from "./fields.js";
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
  #shown = pageSize;
  #editing = "";
  #editorView: HTMLElement | undefined; // kept, with what is typed, when the list is drawn again

  constructor(app: App) {
    this.#app = app;
    this.#panel = new ImportPanel(byId("import", HTMLElement), text.importing, {
      openFiles: (files, options) => app.history.openFiles(files, options),
      addAll: (items) => app.history.addAll(items),
      say: (sentence) => (this.#note.textContent = sentence),
      fail: (thrown) => app.showError(thrown),
      closed: (hadFocus) => hadFocus && byId("files", HTMLElement).focus({ preventScroll: true }),
    });
    app.addEventListener("closing", () => this.#panel.close());
    app.addEventListener("items", () => this.#draw());
    this.#form.addEventListener("submit", (e) => {
      e.preventDefault();
      void app.guard(() => this.#add());
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
      this.#draw();
      this.#list.children[before]?.querySelector<HTMLElement>("button")?.focus();
    });
    byId("sample", HTMLButtonElement).addEventListener("click", () => void app.guard(() => this.#sample()));
    this.#acceptFiles();
  }

  async #add(): Promise<void> {
    if (this.#text.value.trim() === "") {
      this.#note.textContent = text.noText;
      this.#text.focus();
      return;
    }
    await this.#app.history.add({ context: this.#fields.values(), text: this.#text.value.trim(), time: new Date() });
    this.#text.value = "";
    this.#fields.clear();
    this.#note.textContent = text.added;
    this.#text.focus();
  }

  // Paragraphs may be separate texts: offers to split the pasted text.
  #pasted(event: ClipboardEvent): void {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    const paragraphs = pasted.split(/\r?\n\s*\n/).filter((p) => p.trim() !== "");
    if (paragraphs.length < 2) return;
    const time = new Date();
    this.#note.replaceChildren(
      button(
        text.addParagraphs(paragraphs.length),
        () => {
          void this.#app.guard(async () => {
            await this.#addAll(paragraphs.map((p) => ({ text: p.trim(), time })));
            this.#text.value = "";
          });
        },
        { class: "link" },
      ),
    );
  }

  async #sample(): Promise<void> {
    const answer = await fetch(urls.sample);
    if (!answer.ok) throw new Error(text.noSample(`${answer.status} ${answer.statusText}`));
    const lines = (await answer.text()).split("\n").filter((line) => line !== "");
    await this.#addAll(lines.map((line) => JSON.parse(line) as NewItem));
  }

  async #addAll(items: readonly NewItem[]): Promise<void> {
    const { added, skipped } = await this.#app.history.addAll(items);
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
    const names = fieldNames(all);
    this.#fields.setNames(names);
    this.#shelf.hidden = all.length === 0;
    const query = this.#search.value.trim().toLowerCase();
    const found = all.filter((item) => query === "" || matches(item, query)).toReversed();
    const counted = query === "" ? text.texts(all.length) : text.found(found.length, all.length);
    if (this.#count.textContent !== counted) this.#count.textContent = counted;
    this.#list.replaceChildren(
      ...found.slice(0, this.#shown).map((item) => {
        if (item.id !== this.#editing) return this.#entry(item, query);
        this.#editorView ??= this.#editor(item, names);
        return this.#editorView;
      }),
    );
    this.#more.hidden = found.length <= this.#shown;
  }

  #entry(item: Item, query: string): HTMLElement {
    const [first, ...others] = item.context;
    const name = cut(first?.value ?? item.text, 40);
    const about = h("p");
    if (first !== undefined) about.append(h("dfn", {}, ...marked(first.value, query)));
    for (const f of others) about.append(h("span", { class: "other", title: f.name }, ...marked(f.value, query)));
    if (item.time !== undefined) about.append(h("span", { class: "quiet" }, date(item.time)));
    const head = h(
      "div",
      { class: "head" },
      about,
      h(
        "span",
        { class: "tools" },
        button(text.edit, () => this.#edit(item), { class: "link", "aria-label": text.editOne(name) }),
        button(text.delete, () => void this.#app.guard(() => this.#remove(item, name)), {
          class: "link",
          "aria-label": text.deleteOne(name),
        }),
      ),
    );
    return h("li", {}, head, h("p", { class: "text" }, ...marked(item.text, query)));
  }

  #edit(item: Item): void {
    this.#editing = item.id;
    this.#editorView = undefined;
    this.#draw();
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
      this.#draw();
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
        await this.#app.history.update(item.id, { context: fields.values(), text: area.value.trim() });
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
    await this.#app.history.remove(item.id);
    this.#note.replaceChildren(
      text.deleted(name),
      button(
        text.undo,
        () => {
          void this.#app.guard(async () => {
            await this.#app.history.add(item);
            this.#note.textContent = text.restored;
            this.#refocus(this.#shelf.hidden === true);
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

function matches(item: Item, query: string): boolean {
  return item.text.toLowerCase().includes(query) || item.context.some((f) => f.value.toLowerCase().includes(query));
}

/** Splits a text and marks the matches of a search. */
function marked(text: string, query: string): (Node | string)[] {
  const lower = text.toLowerCase();
  // Lower case may change the length of a text. Then nothing is marked.
  if (query === "" || lower.length !== text.length) return [text];
  const out: (Node | string)[] = [];
  let at = 0;
  for (let hit = lower.indexOf(query); hit >= 0; hit = lower.indexOf(query, at)) {
    out.push(text.slice(at, hit), h("mark", {}, text.slice(hit, hit + query.length)));
    at = hit + query.length;
  }
  out.push(text.slice(at));
  return out;
}

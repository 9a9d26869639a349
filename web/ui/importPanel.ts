// The panel between choosing files and adding their texts: progress, "Which one is you?", the text
// column, and a preview. The page and the element use it.

import {
  type Added,
  type AddProgress,
  Fault,
  type FileImport,
  type FoundTexts,
  type ImportOptions,
  type ImportRemark,
  type ImportSender,
  type ImportTable,
  type Item,
  type NamedFile,
} from "../module/nextquill.js";
import { button, h } from "./dom.js";
import { explain } from "./faultText.js";
import { cut, date } from "./format.js";
import type { ImportStrings } from "./importStrings.js";

const shownSenders = 6;
const moreSenders = 50;
const sampleLength = 240;
const placesPerReason = 5; // as the importer lists

/** What the panel needs of its page or element. */
export interface ImportPanelHost {
  openFiles(files: readonly NamedFile[], options: ImportOptions): Promise<FileImport>;
  addAll(items: readonly Item[], onProgress: (progress: AddProgress) => void): Promise<Added>;
  /** Says what happened, where screen readers announce it. */
  say(text: string): void;
  /** Shows an error. */
  fail(thrown: unknown): void;
  /** The panel was closed. The focus must move if it was inside. */
  closed(hadFocus: boolean): void;
  /** The controls changed, so their disabled state may need an update. */
  changed?(): void;
}

let panels = 0;

/** Shows itself in `root`, a section that is hidden while there is nothing to show. */
export class ImportPanel {
  readonly #root: HTMLElement;
  readonly #strings: ImportStrings;
  readonly #host: ImportPanelHost;
  readonly #id = `import-${++panels}`;
  #next: AbortController | undefined; // of the files that are chosen last
  #stop: AbortController | undefined; // of the files that are shown
  #files: FileImport | undefined;
  #view: Preview | undefined;
  #adding: Promise<void> | undefined; // settles when the texts are added

  constructor(root: HTMLElement, strings: ImportStrings, host: ImportPanelHost) {
    this.#root = root;
    this.#strings = strings;
    this.#host = host;
    root.hidden = true;
  }

  /** Reads files and shows a preview. Files that were read before and not added are dropped. */
  async take(files: readonly NamedFile[]): Promise<void> {
    if (files.length === 0) return;
    const stop = new AbortController();
    this.#next = stop;
    await this.#adding;
    if (this.#next !== stop) return; // closed, or other files were chosen meanwhile
    this.#end();
    this.#stop = stop;
    const bar = this.#showProgress(files.length);
    this.#host.say(this.#strings.reading(files.length));
    try {
      const opened = await this.#host.openFiles(files, {
        signal: stop.signal,
        onProgress: ({ read, total }) => bar.set(read, total),
      });
      if (this.#stop !== stop) {
        opened.close();
        return;
      }
      this.#files = opened;
      const likely = opened.found.senders.filter((s) => s.likely).map((s) => s.id);
      if (opened.found.choose && likely.length > 0) await opened.choose({ me: likely });
      if (this.#stop === stop) this.#showPreview(opened, new Set(likely));
    } catch (thrown) {
      if (this.#stop !== stop) return;
      this.#hide();
      this.#host.say("");
      if (!(thrown instanceof Fault && thrown.kind === "cancelled")) this.#host.fail(thrown);
    }
  }

  /** Restores the state of the controls after all of them were enabled. */
  refresh(): void {
    this.#view?.refresh();
  }

  /** Drops what was read. */
  close(): void {
    this.#next = undefined;
    this.#end();
    this.#hide();
  }

  #showProgress(files: number): { set(read: number, total: number): void } {
    const s = this.#strings;
    const title = h("h3", { id: this.#id, tabindex: "-1" }, s.reading(files));
    const progress = h("progress", { "aria-labelledby": this.#id });
    const percent = h("span", { class: "quiet" }, s.fetching);
    const cancel = button(s.cancel, () => this.#cancel(), { part: "button import-cancel" });
    this.#show(title, progress, h("div", { class: "row" }, cancel, percent));
    return {
      set(read, total) {
        if (total === 0) return;
        progress.max = total;
        progress.value = read;
        percent.textContent = s.percent(Math.floor((100 * read) / total));
      },
    };
  }

  #showPreview(files: FileImport, likely: ReadonlySet<string>): void {
    this.#view = new Preview(this.#id, this.#strings, files, likely, {
      add: () => this.#add(files),
      cancel: () => this.#cancel(),
      fail: (thrown) => {
        if (this.#files !== files) return; // cancelled, or replaced by other files
        this.close();
        this.#host.fail(thrown);
      },
      changed: () => this.#host.changed?.(),
    });
    this.#show(...this.#view.parts);
    this.#host.changed?.();
    this.#host.say("");
    this.#root.querySelector("h3")?.focus();
  }

  // A second press adds nothing.
  #add(files: FileImport): void {
    const view = this.#view;
    if (this.#adding !== undefined || files.found.items.length === 0 || view === undefined) return;
    this.#adding = this.#addAll(files.found.items, view).finally(() => (this.#adding = undefined));
  }

  async #addAll(items: readonly Item[], view: Preview): Promise<void> {
    const hadFocus = this.#hasFocus(); // a disabled button loses it
    view.busy(this.#strings.adding(items.length));
    try {
      const { added, skipped } = await this.#host.addAll(items, ({ done, total }) => view.progress(done / total));
      this.#end();
      this.#hide(hadFocus);
      this.#host.say(this.#strings.added(added, skipped));
    } catch (thrown) {
      view.ready(); // so that the user can try again
      this.#host.fail(thrown);
    }
  }

  #cancel(): void {
    if (this.#adding !== undefined) return;
    this.close();
    this.#host.say(this.#strings.cancelled);
  }

  #end(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#files?.close();
    this.#files = undefined;
    this.#view = undefined;
  }

  #show(...parts: Node[]): void {
    this.#root.replaceChildren(...parts);
    this.#root.setAttribute("aria-labelledby", this.#id);
    this.#root.hidden = false;
  }

  #hasFocus(): boolean {
    return this.#root.contains((this.#root.getRootNode() as Document | ShadowRoot).activeElement);
  }

  #hide(hadFocus = this.#hasFocus()): void {
    this.#root.hidden = true;
    this.#root.replaceChildren();
    this.#host.closed(hadFocus);
  }
}

interface PreviewActions {
  add(): void;
  cancel(): void;
  fail(thrown: unknown): void;
  changed(): void;
}

/** What was found, with the choice of senders and columns. */
class Preview {
  readonly parts: Node[];
  readonly #strings: ImportStrings;
  readonly #files: FileImport;
  readonly #actions: PreviewActions;
  readonly #me: Set<string>;
  readonly #columns = new Map<string, string>(); // by file
  readonly #title: HTMLElement;
  readonly #failed = h("div", {});
  readonly #who = h("fieldset", { class: "who" });
  readonly #tables = h("div", { class: "tables" });
  readonly #found = h("p", { class: "found", role: "status" });
  readonly #bar = h("progress", { max: "1", value: "0", hidden: true });
  readonly #samples = h("div", {});
  readonly #about = h("div", {});
  readonly #add: HTMLButtonElement;
  readonly #cancel: HTMLButtonElement;
  #latest = 0;
  #pending = false;

  constructor(
    id: string,
    strings: ImportStrings,
    files: FileImport,
    likely: ReadonlySet<string>,
    actions: PreviewActions,
  ) {
    this.#strings = strings;
    this.#files = files;
    this.#actions = actions;
    const { senders } = files.found;
    const chosen = senders.filter((s) => s.chosen).map((s) => s.id);
    this.#me = new Set(chosen.length > 0 ? chosen : likely);
    this.#title = h("h3", { id, tabindex: "-1" });
    this.#add = button(strings.add(0), actions.add, { class: "primary main", part: "button import-add" });
    this.#cancel = button(strings.cancel, actions.cancel, { part: "button import-cancel" });
    this.#drawWho();
    this.parts = [
      this.#title,
      this.#failed,
      this.#who,
      this.#tables,
      this.#found,
      this.#bar,
      this.#samples,
      this.#about,
      h("div", { class: "row" }, this.#add, this.#cancel),
    ];
    this.#draw();
  }

  /** Disables the buttons and choices while the texts are added. */
  busy(text: string): void {
    this.#found.textContent = text;
    this.#bar.ariaLabel = text;
    this.#pending = true;
    this.#setChoices(false);
    this.refresh();
  }

  /** Shows the share of the texts that are added. */
  progress(done: number): void {
    this.#bar.value = done;
    this.#bar.hidden = false;
  }

  /** Shows what was found, with the buttons enabled. */
  ready(): void {
    this.#pending = false;
    this.#bar.hidden = true;
    this.#setChoices(true);
    this.#draw();
  }

  #setChoices(enabled: boolean): void {
    this.#who.disabled = !enabled;
    for (const select of this.#tables.querySelectorAll("select")) select.disabled = !enabled;
  }

  refresh(): void {
    const { items } = this.#files.found;
    this.#add.disabled = this.#pending || items.length === 0;
  }

  // Applies the choice of senders or columns. If there are several changes, only the last is shown.
  async #choose(choice: Parameters<FileImport["choose"]>[0]): Promise<void> {
    const mine = ++this.#latest;
    this.#pending = true;
    this.#found.textContent = this.#strings.updating;
    this.refresh();
    try {
      await this.#files.choose(choice);
    } catch (thrown) {
      if (mine === this.#latest) this.#actions.fail(thrown);
      return;
    }
    if (mine !== this.#latest) return;
    this.ready();
    this.#actions.changed();
  }

  #draw(): void {
    const s = this.#strings;
    const { found } = this.#files;
    const asks = !this.#who.hidden || found.tables.length > 0 || this.#columns.size > 0;
    const empty = found.items.length === 0 && !asks;
    this.#title.textContent = empty ? s.nothing : s.title;
    this.#add.hidden = empty;
    this.#add.textContent = s.add(found.items.length);
    this.#cancel.textContent = empty ? s.close : s.cancel;
    this.#drawFailed(found);
    this.#drawTables(found.tables);
    if (empty) this.#found.textContent = found.failed.length > 0 || !found.fault ? "" : sentence(found.fault);
    else if (found.choose) this.#found.textContent = s.tick;
    else this.#found.textContent = s.found(found.items.length, found.from, found.to);
    this.#found.hidden = this.#found.textContent === "";
    this.#samples.replaceChildren(...this.#sampleParts(found.items));
    this.#about.replaceChildren(
      ...this.#remarks(s.leftOut, found.choose ? [] : found.leftOut),
      ...this.#remarks(s.notes, found.notes),
    );
    this.refresh();
  }

  #drawFailed({ failed }: FoundTexts): void {
    if (failed.length === 0) {
      this.#failed.replaceChildren();
      return;
    }
    const lines = failed.map((fault) => {
      const { sentence, remedy } = explain(fault);
      const rest = sentence.slice(sentence.startsWith(`${fault.where}: `) ? fault.where.length + 2 : 0);
      const name = fault.where === "" ? [] : [h("bdi", {}, fault.where), ": "];
      return h("li", {}, ...name, rest, remedy === "" ? "" : ` ${remedy}`);
    });
    this.#failed.replaceChildren(
      h("p", { class: "wrong" }, this.#strings.failed(failed.length)),
      h("ul", { class: "failed" }, ...lines),
    );
  }

  #drawWho(): void {
    const s = this.#strings;
    const { found } = this.#files;
    this.#who.hidden = !found.choose && found.senders.length < 2 && !found.senders.some((one) => !one.chosen);
    if (this.#who.hidden) return;
    const first = (one: ImportSender) => this.#me.has(one.id);
    const senders = [...found.senders.filter(first), ...found.senders.filter((one) => !first(one))];
    const list = h("div", { class: "senders" });
    const rest = senders.slice(Math.max(shownSenders, this.#me.size));
    for (const one of senders.slice(0, senders.length - rest.length)) list.append(this.#sender(one));
    const more = button(s.moreSenders(Math.min(rest.length, moreSenders)), () => {
      const added = rest.splice(0, moreSenders).map((one) => this.#sender(one));
      list.append(...added);
      added[0]?.querySelector("input")?.focus();
      more.textContent = s.moreSenders(Math.min(rest.length, moreSenders));
      more.hidden = rest.length === 0;
    });
    more.className = "link";
    more.hidden = rest.length === 0;
    this.#who.replaceChildren(h("legend", {}, s.who), h("p", { class: "quiet" }, s.whoNote), list, more);
  }

  #sender(one: ImportSender): HTMLElement {
    const s = this.#strings;
    const box = h("input", { type: "checkbox", value: one.id });
    box.checked = this.#me.has(one.id);
    box.addEventListener("change", () => {
      if (box.checked) this.#me.add(one.id);
      else this.#me.delete(one.id);
      void this.#choose({ me: [...this.#me] });
    });
    const name = h("bdi", { class: "name" }, cut(one.name || one.address, 80));
    const address = one.name !== "" && one.address !== "" && one.address !== one.name.toLowerCase();
    const about = [s.messages(one.count), ...(one.likely ? [s.probably] : [])].join(" · ");
    const small = h("span", { class: "quiet" }, ...(address ? [h("bdi", {}, one.address), " · "] : []), about);
    const said = h("span", { class: "said", dir: "auto" }, `“${one.sample}”`);
    return h("label", { class: "sender" }, box, h("span", {}, name, " ", small, said));
  }

  #drawTables(tables: readonly ImportTable[]): void {
    // A table whose column was chosen is no longer among them, but the choice stays visible.
    for (const table of tables) {
      const key = table.files.join("\n");
      if ([...this.#tables.children].some((one) => (one as HTMLElement).dataset.files === key)) continue;
      const select = h("select", {}, h("option", { value: "" }, this.#strings.chooseColumn));
      for (const column of table.columns) select.append(h("option", { value: column }, column));
      select.addEventListener("change", () => {
        for (const file of table.files) this.#columns.set(file, select.value);
        const textColumns = [...this.#columns].map(([file, column]) => ({ file, column }));
        void this.#choose({ me: [...this.#me], textColumns: textColumns.filter((one) => one.column !== "") });
      });
      const label = h("label", { class: "field" }, h("span", {}, this.#strings.column(table.files)), select);
      label.dataset.files = key;
      this.#tables.append(label);
    }
    this.#tables.hidden = this.#tables.childElementCount === 0;
  }

  #sampleParts(items: readonly Item[]): Node[] {
    const n = items.length;
    const chosen = n <= 3 ? items : [items[0]!, items[Math.floor(n / 2)]!, items[n - 1]!];
    if (chosen.length === 0) return [];
    const lines = chosen.map((item) => {
      const when = item.time === undefined ? [] : [h("span", { class: "quiet" }, date(item.time))];
      return h("li", {}, ...when, h("p", { class: "text", dir: "auto" }, cut(item.text, sampleLength)));
    });
    const title = n > 3 ? [h("p", { class: "quiet" }, this.#strings.samples)] : [];
    return [...title, h("ul", { class: "samples" }, ...lines)];
  }

  #remarks(title: (n: number) => string, remarks: readonly ImportRemark[]): Node[] {
    const total = remarks.reduce((sum, r) => sum + r.count, 0);
    if (total === 0) return [];
    const lines = remarks.map((r) => {
      const more = r.count > r.places.length && r.places.length >= placesPerReason;
      const places = this.#strings.places(r.places, more);
      return h(
        "li",
        {},
        `${r.count.toLocaleString("en")} × ${r.reason}`,
        ...(places === "" ? [] : [h("span", { class: "quiet", dir: "auto" }, places)]),
      );
    });
    return [h("details", {}, h("summary", {}, title(total)), h("ul", { class: "reasons" }, ...lines))];
  }
}

function sentence(fault: Fault): string {
  const said = explain(fault);
  return `${said.sentence} ${said.remedy}`.trim();
}

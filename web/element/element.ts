// <next-quill>: the module as a custom element that needs no script.
//
//	<script type="module" src="lib/element.js"></script>
//	<next-quill model="model/" name="answer"></next-quill>

import { quote } from "../fault.js";
import {
  type Explanation,
  Fault,
  type Forgotten,
  forget as forgetAll,
  type History,
  type ImportSource,
  type Item,
  type ModelSource,
  NextQuill,
  openHistory,
  type Preset,
  type Progress,
  presets,
  type Run,
  type RunEvent,
  type StepEvent,
} from "../module/nextquill.js";
import { ignoreDoubleClicks } from "../ui/clicks.js";
import { h } from "../ui/dom.js";
import { cut } from "../ui/format.js";
import { ImportPanel } from "../ui/importPanel.js";
import { runProgress } from "../ui/progress.js";
import { explainedView } from "./explained.js";
import { english, type Strings } from "./strings.js";
import { styles } from "./styles.js";
import { button, makeView, type View } from "./view.js";

const shownItems = 50;

// Servers that render pages import this file too, and have no elements.
const { HTMLElement: Base = class {} as typeof HTMLElement } = globalThis as { HTMLElement?: typeof HTMLElement };

/**
 * A box in which users add texts of theirs, personalize the model and have drafts written. In a
 * form, its value is the draft. The model is downloaded when it is first needed.
 *
 * Attributes: model, revision, file, hub, preset, epochs, max-tokens, worker, guest, import-worker,
 * import-module, name, value, required, disabled.
 * Events: "input" and "change" when the draft changes; "nq-progress", "nq-event", "nq-draft",
 * "nq-explain", "nq-forget" and "nq-error", each with a detail. See custom-elements.json.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface types the events
export class NextQuillElement extends Base {
  static readonly formAssociated = true;
  static readonly observedAttributes = ["value", "required", "disabled", "model", "revision", "file", "hub"];
  /** The texts that are shown. Replace them before the first element is created. */
  static strings: Strings = english;

  readonly #internals = this.attachInternals();
  readonly #view: View;
  readonly #panel: ImportPanel;
  readonly #strings = (this.constructor as typeof NextQuillElement).strings;
  #history: History | undefined;
  #quill: Promise<NextQuill> | undefined;
  #model: Exclude<ModelSource, string> | undefined; // a model that is no text
  #opening = new AbortController();
  #run: Run | undefined;
  #writing: AbortController | undefined;
  #formDisabled = false;
  #forgetConfirmed = false;
  #firstDraw = true;

  constructor() {
    super();
    const guarded = (action: () => Promise<void>) => () => void action().catch((thrown: unknown) => this.#fail(thrown));
    this.#view = makeView(this.#strings, {
      add: guarded(() => this.#add()),
      files: (files) => guarded(() => this.#panel.take(files))(),
      personalize: guarded(async () => void (await this.personalize())),
      pause: guarded(() => this.#pause()),
      cancel: guarded(async () => await this.#run?.cancel()),
      write: guarded(async () => {
        if (this.#writing === undefined) await this.write();
        else this.#writing.abort();
      }),
      explain: guarded(async () => {
        if ((await this.explain()) === undefined) this.#view.draft.focus();
      }),
      forget: guarded(() => this.#confirmForget()),
      edited: () => this.#setValue(this.#view.draft.value, true),
    });
    this.#panel = new ImportPanel(this.#view.importing, this.#strings.import, {
      openFiles: (files, options) => this.history.openFiles(files, options),
      addAll: (items, onProgress) => this.history.addAll(items, onProgress),
      say: (text) => this.#say(text),
      fail: (thrown) => this.#fail(thrown),
      closed: (hadFocus) => hadFocus && this.#view.file.focus({ preventScroll: true }),
      changed: () => this.#showDisabled(),
    });
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [styles()];
    root.append(this.#view.box);
    ignoreDoubleClicks(root);
    this.#internals.role = "group";
    this.#validate();
  }

  /** The draft, which is the value in a form. */
  get value(): string {
    return this.#view.draft.value;
  }

  set value(text: string) {
    this.#view.draft.value = text;
    this.#setValue(text, false);
  }

  /**
   * The model; see the option `model` of NextQuill.open. Text is the value of the attribute. A file
   * of the user can be set as it is.
   */
  get model(): ModelSource {
    return this.#model ?? this.getAttribute("model") ?? besideModule("../model/", import.meta.url);
  }

  set model(model: ModelSource) {
    this.#model = typeof model === "string" ? undefined : model;
    if (typeof model === "string") this.setAttribute("model", model);
    else void this.#close();
  }

  /** The name of the draft in a form. */
  get name(): string {
    return this.getAttribute("name") ?? "";
  }

  set name(name: string) {
    this.setAttribute("name", name);
  }

  /** Whether the form is invalid without a draft. */
  get required(): boolean {
    return this.hasAttribute("required");
  }

  set required(required: boolean) {
    this.toggleAttribute("required", required);
  }

  /** Whether all controls are disabled. */
  get disabled(): boolean {
    return this.hasAttribute("disabled");
  }

  set disabled(disabled: boolean) {
    this.toggleAttribute("disabled", disabled);
  }

  get form(): HTMLFormElement | null {
    return this.#internals.form;
  }

  get validity(): ValidityState {
    return this.#internals.validity;
  }

  get validationMessage(): string {
    return this.#internals.validationMessage;
  }

  get willValidate(): boolean {
    return this.#internals.willValidate;
  }

  checkValidity(): boolean {
    return this.#internals.checkValidity();
  }

  reportValidity(): boolean {
    return this.#internals.reportValidity();
  }

  /** The user's texts. */
  get history(): History {
    this.#history ??= this.#watch(openHistory(this.#importSource()));
    return this.#history;
  }

  /** Opens the model, if it is not open, and returns it. Throws the Faults of NextQuill.open. */
  open(): Promise<NextQuill> {
    this.#quill ??= this.#open().catch((thrown: unknown) => {
      this.#quill = undefined; // the next call tries again
      throw thrown;
    });
    return this.#quill;
  }

  /** Trains on the texts. Resolves when that is done or cancelled. */
  async personalize(): Promise<void> {
    if (this.#run !== undefined) return;
    const quill = await this.open();
    const preset = this.getAttribute("preset");
    const epochs = this.#number("epochs");
    const resume = (await quill.unfinished()) !== undefined;
    if (this.#run !== undefined) return; // another call was faster
    this.#run = quill.personalize({
      resume,
      ...(preset !== null && { preset: presetOf(preset) }),
      ...(epochs !== undefined && { epochs }),
    });
    try {
      for await (const event of this.#run) {
        this.#fire("nq-event", event);
        if (event.event === "step") this.#showStep(event);
        if (event.event === "state") this.#showRun();
      }
      this.#say(this.#strings.trained);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind !== "cancelled") throw thrown;
      this.#say(this.#strings.cancelled);
    } finally {
      this.#run = undefined;
      this.#showRun();
    }
  }

  /** Writes a draft about the given text, by default that of the field, and returns it. */
  async write(about: string = this.#view.about.value): Promise<string> {
    this.#writing?.abort();
    const stop = new AbortController();
    this.#writing = stop;
    const { draft, buttons, explained } = this.#view;
    buttons.write.textContent = this.#strings.stop;
    explained.hidden = true;
    try {
      const quill = await this.open();
      this.#say(this.#strings.writing);
      const maxTokens = this.#number("max-tokens");
      let text = "";
      draft.setAttribute("aria-busy", "true");
      for await (const piece of quill.write({
        signal: stop.signal,
        steer: this.#view.steer.valueAsNumber,
        ...(about.trim() !== "" && { context: about }),
        ...(maxTokens !== undefined && { maxTokens }),
      })) {
        text += piece;
        draft.value = text;
      }
      this.#setValue(text, true);
      this.dispatchEvent(new Event("change", { bubbles: true }));
      this.#fire("nq-draft", { text });
      this.#say(this.#strings.written);
      return text;
    } catch (thrown) {
      this.#setValue(draft.value, true);
      if (!stop.signal.aborted) throw thrown;
      this.#say(this.#strings.cancelled);
      return draft.value;
    } finally {
      draft.removeAttribute("aria-busy");
      if (this.#writing === stop) {
        this.#writing = undefined;
        buttons.write.textContent = this.#strings.write;
      }
    }
  }

  /**
   * Shows the data-side causal effect of the user's texts on each token of the draft. Without a
   * draft it says so, and returns undefined.
   */
  async explain(): Promise<Explanation | undefined> {
    if (this.value.trim() === "") {
      this.#say(this.#strings.required);
      return undefined;
    }
    const quill = await this.open();
    this.#say(this.#strings.preparing);
    const about = this.#view.about.value;
    const result = await quill.explain({
      text: this.value,
      influence: false,
      ...(about.trim() !== "" && { context: about }),
    });
    this.#view.explained.replaceChildren(...explainedView(this.#strings, result.tokens.slice(0, -1)));
    this.#view.explained.hidden = false;
    this.#say(this.#strings.idle);
    this.#fire("nq-explain", result);
    return result;
  }

  // The callbacks of custom elements.

  connectedCallback(): void {
    for (const name of ["value", "required", "disabled", "model"] as const) this.#upgrade(name);
    void this.#showItems();
    void this.history.persistent().then((persistent) => (this.#view.notice.hidden = persistent));
  }

  disconnectedCallback(): void {
    // An element that was only moved is connected again by then.
    queueMicrotask(() => {
      if (!this.isConnected) void this.dispose();
    });
  }

  attributeChangedCallback(name: string, old: string | null, value: string | null): void {
    if (name === "value" && this.#view.draft.value === "") this.value = value ?? "";
    if (["model", "revision", "file", "hub"].includes(name) && this.#quill !== undefined && old !== value)
      void this.#close();
    if (name === "disabled") this.#showDisabled();
    if (name === "required") this.#validate();
  }

  formDisabledCallback(disabled: boolean): void {
    this.#formDisabled = disabled;
    this.#showDisabled();
  }

  formResetCallback(): void {
    this.value = this.getAttribute("value") ?? "";
    this.#view.explained.hidden = true;
  }

  formStateRestoreCallback(state: string | File | FormData | null): void {
    if (typeof state === "string") this.value = state;
  }

  /** Frees the worker and the GPU memory, like removing the element. Stored data stays. */
  async dispose(): Promise<void> {
    this.#panel.close();
    this.#history?.close();
    this.#history = undefined;
    await this.#close();
  }

  async #close(): Promise<void> {
    const quill = this.#quill;
    this.#quill = undefined;
    this.#opening.abort();
    await quill?.then(
      (q) => q.dispose(),
      () => {},
    );
  }

  async #open(): Promise<NextQuill> {
    this.#opening = new AbortController();
    this.#say(this.#strings.preparing);
    const quill = await NextQuill.open({
      model: this.model,
      revision: this.getAttribute("revision") ?? undefined,
      file: this.getAttribute("file") ?? undefined,
      hub: this.getAttribute("hub") ?? undefined,
      worker: this.getAttribute("worker") ?? undefined,
      guest: this.getAttribute("guest") ?? undefined,
      ...this.#importSource(),
      signal: this.#opening.signal,
      onProgress: (progress) => {
        this.#fire("nq-progress", progress);
        if (progress.status === "progress_total") this.#say(this.#strings.opening(Math.round(progress.progress)));
      },
    });
    this.#view.notice.hidden = await quill.persistent();
    this.#say(this.#strings.idle);
    return quill;
  }

  #importSource(): ImportSource {
    return {
      importWorker: this.getAttribute("import-worker") ?? undefined,
      importModule: this.getAttribute("import-module") ?? undefined,
    };
  }

  async #add(): Promise<void> {
    const { text } = this.#view;
    if (text.value.trim() === "") {
      this.#say(this.#strings.noText);
      text.focus();
      return;
    }
    await this.history.add({ text: text.value, time: new Date() });
    text.value = "";
    this.#say(this.#strings.import.added(1, 0));
    text.focus();
  }

  async #pause(): Promise<void> {
    if (this.#run?.state === "paused") this.#run.resume();
    else await this.#run?.pause();
    if (this.#run?.state === "paused") this.#say(this.#strings.paused);
    this.#showRun();
  }

  async #confirmForget(): Promise<void> {
    const { forget } = this.#view.buttons;
    if (!this.#forgetConfirmed) {
      this.#forgetConfirmed = true;
      forget.textContent = this.#strings.forgetSure;
      setTimeout(() => {
        this.#forgetConfirmed = false;
        forget.textContent = this.#strings.forget;
      }, 4000);
      return;
    }
    await this.#run?.cancel();
    await this.dispose();
    const result = await forgetAll();
    this.#clearResults();
    this.#say(result.left.length === 0 ? this.#strings.forgotten : this.#strings.notForgotten(result.left.length));
    this.#fire("nq-forget", result);
    await this.#showItems();
  }

  // Everything is deleted, here or in another tab.
  #clearResults(): void {
    this.#panel.close();
    this.value = "";
    this.#view.explained.replaceChildren();
    this.#view.explained.hidden = true;
  }

  #watch(history: History): History {
    history.addEventListener("change", () => void this.#showItems());
    history.addEventListener("forgotten", () => {
      this.#clearResults();
      void this.#close();
    });
    return history;
  }

  async #showItems(): Promise<void> {
    const { items, summary } = this.#view;
    let all: Item[];
    try {
      all = await this.history.list();
    } catch (thrown) {
      if (this.isConnected) this.#fail(thrown);
      return;
    }
    const label = this.#strings.texts(all.length);
    summary.textContent = label;
    items.setAttribute("aria-label", label);
    const newest = all.slice(-shownItems).reverse();
    items.replaceChildren(...newest.map((item) => this.#itemView(item)));
    const rest = all.length - newest.length;
    if (rest > 0) items.append(h("li", { part: "item" }, this.#strings.more(rest)));
    items.hidden = all.length === 0;
    this.#showDisabled();
    if (this.#firstDraw) this.#view.texts.open = all.length === 0; // adding a text is the first step
    this.#firstDraw = false;
  }

  #itemView(item: Item): HTMLElement {
    const remove = button("remove", this.#strings.remove, () => {
      void this.history.remove(item.id).catch((thrown: unknown) => this.#fail(thrown));
    });
    remove.setAttribute("aria-label", this.#strings.removeOne(cut(item.text, 40)));
    return h("li", { part: "item" }, h("span", { dir: "auto" }, cut(item.text, 200)), remove);
  }

  #showStep(event: StepEvent): void {
    const { done, left } = runProgress(event);
    this.#view.progress.value = done;
    const text = this.#strings.training(Math.round(100 * done), left > 0 ? this.#strings.left(left) : "");
    this.#say(text, "off"); // screen readers do not announce every step
  }

  #showRun(): void {
    const { buttons, progress } = this.#view;
    const running = this.#run !== undefined;
    progress.hidden = buttons.pause.hidden = buttons.cancel.hidden = !running;
    buttons.personalize.hidden = running;
    buttons.pause.textContent = this.#run?.state === "paused" ? this.#strings.resume : this.#strings.pause;
  }

  #showDisabled(): void {
    const disabled = this.#formDisabled || this.disabled;
    const controls = this.#view.box.querySelectorAll<HTMLButtonElement | HTMLInputElement>(
      "button, input, select, textarea",
    );
    for (const control of controls) control.disabled = disabled;
    if (!disabled) this.#panel.refresh();
  }

  #setValue(text: string, notify: boolean): void {
    this.#internals.setFormValue(text);
    this.#validate();
    if (notify) this.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  }

  #validate(): void {
    const missing = this.required && this.value === "";
    if (missing) this.#internals.setValidity({ valueMissing: true }, this.#strings.required, this.#view.draft);
    else this.#internals.setValidity({});
  }

  // Applies a property that was set before the element was defined.
  #upgrade<Name extends "value" | "required" | "disabled" | "model">(name: Name): void {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete (this as Partial<this>)[name];
    this[name] = value;
  }

  // The number in an attribute. The module checks its range.
  #number(attribute: string): number | undefined {
    const text = this.getAttribute(attribute);
    if (text === null) return undefined;
    const n = text.trim() === "" ? NaN : Number(text);
    if (!Number.isNaN(n)) return n;
    const remedy = "set a number, or remove the attribute for the default";
    throw new Fault("malformed", {
      where: "next-quill",
      field: attribute,
      detail: `${quote(text)} is no number`,
      remedy,
    });
  }

  #say(text: string, live: "polite" | "off" = "polite"): void {
    const { status } = this.#view;
    status.ariaLive = live;
    status.classList.remove("wrong");
    status.role = "status";
    if (status.textContent !== text) status.textContent = text;
  }

  #fail(thrown: unknown): void {
    const fault = Fault.from(thrown, "internal");
    const { status } = this.#view;
    status.classList.add("wrong");
    status.role = "alert";
    status.ariaLive = "assertive";
    status.textContent = fault.message;
    this.#fire("nq-error", fault);
  }

  #fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

function presetOf(name: string): Preset {
  if ((presets as readonly string[]).includes(name)) return name as Preset;
  throw new Fault("unsupported", {
    where: "next-quill",
    field: "preset",
    detail: name,
    remedy: `use one of ${presets.join(", ")}`,
  });
}

/** The events of the element, for addEventListener. */
export interface NextQuillElementEventMap extends HTMLElementEventMap {
  "nq-progress": CustomEvent<Progress>;
  "nq-event": CustomEvent<RunEvent>;
  "nq-draft": CustomEvent<{ text: string }>;
  "nq-explain": CustomEvent<Explanation>;
  "nq-forget": CustomEvent<Forgotten>;
  "nq-error": CustomEvent<Fault>;
}

export interface NextQuillElement {
  addEventListener<K extends keyof NextQuillElementEventMap>(
    type: K,
    listener: (this: NextQuillElement, event: NextQuillElementEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof NextQuillElementEventMap>(
    type: K,
    listener: (this: NextQuillElement, event: NextQuillElementEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** The attributes of the element in JSX. See the README of the package for React. */
export interface NextQuillAttributes {
  model?: string;
  revision?: string;
  file?: string;
  hub?: string;
  preset?: Preset;
  epochs?: number | string;
  "max-tokens"?: number | string;
  worker?: string;
  guest?: string;
  name?: string;
  value?: string;
  required?: boolean;
  disabled?: boolean;
  // Those of every element, with the names of JSX.
  id?: string;
  class?: string;
  className?: string;
  slot?: string;
  title?: string;
  lang?: string;
  dir?: string;
  hidden?: boolean;
  style?: unknown;
  ref?: unknown;
  key?: string | number;
}

declare global {
  interface HTMLElementTagNameMap {
    "next-quill": NextQuillElement;
  }
  // JSX looks elements up here.
  namespace JSX {
    interface IntrinsicElements {
      "next-quill": NextQuillAttributes;
    }
  }
}

// A function, because bundlers take new URL(…, import.meta.url) for a file to include.
function besideModule(path: string, module: string): URL {
  return new URL(path, module);
}

const registry = (globalThis as { customElements?: CustomElementRegistry }).customElements;
if (registry?.get("next-quill") === undefined) registry?.define("next-quill", NextQuillElement);

// Functions that the tests of the site run in its pages. The browser adds this script to each
// document before the page's own scripts, so it works under the page's policy. The tests call the
// functions in one-line scripts.

/** An element of the document, or inside the element <next-quill>. */
function find<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T {
  const found = root.querySelector<T>(selector);
  if (found === null) throw new Error(`there is no ${selector}`);
  return found;
}

/** The shadow root of the page's <next-quill>. */
function shadow(): ShadowRoot {
  const { shadowRoot } = find("next-quill");
  if (shadowRoot === null) throw new Error("<next-quill> has no content yet");
  return shadowRoot;
}

/** Types a text into a field. */
function fill(selector: string, text: string): void {
  const field = find<HTMLInputElement | HTMLTextAreaElement>(selector);
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Whether an element is visible and can be used. */
function shown(selector: string): boolean {
  const element = document.querySelector<HTMLElement & { disabled?: boolean }>(selector);
  return element?.checkVisibility() === true && !element.disabled;
}

/** What the page's observers have seen since probe.observe(). */
const seen = { remaining: new Set<string>(), pieces: 0, longTasks: [] as { duration: number; of: string }[] };

const probe = {
  seen,

  /** Starts to observe the remaining time of training, the pieces of a draft, and long tasks. */
  observe(): void {
    new PerformanceObserver((list) => {
      for (const { duration, attribution } of list.getEntries() as PerformanceLongTaskTiming[]) {
        seen.longTasks.push({ duration, of: attribution.map((a) => `${a.containerType} ${a.name}`).join() });
      }
    }).observe({ type: "longtask" });
    const remaining = find("#train-left");
    new MutationObserver(() => seen.remaining.add(remaining.textContent)).observe(remaining, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    new MutationObserver((mutations) => (seen.pieces += mutations.length)).observe(find("#draft-you"), {
      characterData: true,
      subtree: true,
    });
  },

  /**
   * Whether the note on an explained text counts the tokens of the text, and not those of the key
   * next to it.
   */
  noteCountsPassage(): boolean {
    const strong = document.querySelectorAll("#passage .passage :is(.w2, .w3, .w4)").length;
    const all = document.querySelectorAll("#passage .passage .t").length;
    return find("#explain-note").textContent.startsWith(`${strong} of ${all} words`);
  },

  /**
   * Controls that are too low for a finger. Links in a sentence and tokens in a text are as high as
   * their line.
   */
  lowControls(): string[] {
    const roots = [
      document,
      ...Array.from(document.querySelectorAll("next-quill"), (element) => element.shadowRoot ?? element),
    ];
    return (
      roots
        .flatMap((root) => [...root.querySelectorAll("button, summary, input:not(.sr), select, textarea, label.link")])
        // The target of a check box is the label around it.
        .map((control) => (control.matches("[type=checkbox]") ? (control.closest("label") ?? control) : control))
        .filter((control) => control.checkVisibility() && control.getBoundingClientRect().height < 44)
        .map((c) => `${c.id || c.textContent || c.className || c.localName}: ${c.getBoundingClientRect().height}`)
    );
  },

  /** The buttons and fields inside the element. */
  controls: () => [...shadow().querySelectorAll<HTMLInputElement>("button, input, textarea")],

  /** A computed style of a part of the element. */
  styleOfPart(part: string, property: keyof CSSStyleDeclaration): unknown {
    return getComputedStyle(find(`[part~=${part}]`, shadow()))[property];
  },

  /** The element's public methods and properties, sorted. */
  publicMembers(): string[] {
    const names = Object.getOwnPropertyNames(customElements.get("next-quill")?.prototype);
    return names.filter((name) => name !== "constructor" && !name.endsWith("Callback")).sort();
  },

  /** The style of the focused element's outline. */
  focusOutline(): string {
    const active = document.activeElement;
    const focused = active?.matches(".pick input") ? active.nextElementSibling : active;
    return focused === null ? "none" : getComputedStyle(focused).outlineStyle;
  },

  /** A description of the focused element, after "*" if it matches the selector. */
  describeFocus(selector: string): string {
    const focused = document.activeElement;
    if (focused === null) return "nothing";
    return (focused.matches(selector) ? "*" : "") + (focused.id || focused.textContent || focused.localName);
  },

  /** Whether an element is completely in the window. */
  isInWindow(selector: string): boolean {
    const { top, bottom } = find(selector).getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  },

  /** When the page showed something first, in ms since the navigation; 0 if it has not yet. */
  firstPaint: () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,

  /** Whether the top of an element is in the window, and nothing covers it. */
  isUncovered(element: Element): boolean {
    const { left, top } = element.getBoundingClientRect();
    const at = document.elementFromPoint(left + 4, top + 4);
    return at !== null && (element.contains(at) || at.contains(element));
  },

  /** Edits the first text of the list. */
  editFirstText(text: string): void {
    find("#items .tools button").click();
    fill("#items textarea", text);
    find<HTMLFormElement>("#items form").requestSubmit();
  },

  /** The explained text. */
  passageText(): string {
    const passages = [...document.querySelectorAll("#passage .passage")];
    return passages.map((passage) => passage.textContent.replace("⏎", "").trim()).join();
  },

  /** Elements that only text with markup could have made. */
  markup(): Element[] {
    const inText = "#items b, #import b, #history-note b, #alert b, #passage :is(b + b), #drafts b";
    return [...document.querySelectorAll(`img, iframe, object, body script, ${inText}`)];
  },

  /** Where files can be dropped, in CSS pixels. */
  dropPoint(): { x: number; y: number } {
    const area = find("#drop");
    area.scrollIntoView({ behavior: "instant", block: "center" });
    const { x, y } = area.getBoundingClientRect();
    return { x: x + 5, y: y + 5 };
  },

  /** Pastes a text at the end of a field, and then types another one. */
  paste(selector: string, text: string, typed: string): void {
    const field = find<HTMLTextAreaElement>(selector);
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    fill(selector, field.value + text + typed);
  },

  /** Chooses the second sender too and presses Add at once. Returns what the panel then says. */
  chooseAndAdd(): [disabled: boolean, says: string] {
    find("#import .sender:nth-child(2) input").click();
    const add = find<HTMLButtonElement>("#import .primary");
    add.click();
    return [add.disabled, find("#import .found").textContent.slice(0, 13)];
  },

  /** Makes changes of the database fail, or work again. */
  failStorage(fails: boolean): void {
    const { prototype } = IDBObjectStore;
    prototype.put = fails
      ? () => {
          throw new DOMException("the disk fails", "UnknownError");
        }
      : put;
  },

  /** Shows results as the model gives them. */
  showResults(draft: string, explained: string): void {
    find("#draft-you").textContent = draft;
    find("#passage").textContent = explained;
    fill("#explain textarea", explained);
    for (const panel of ["#drafts", "#passage"]) find(panel).hidden = false;
  },

  /** Chooses files in the element's file field: [name, content]. */
  chooseInElement(...files: [string, string][]): void {
    choose(find<HTMLInputElement>("#file", shadow()), files);
  },

  /** The senders that the import panel lists, each after whether it is chosen. */
  senders: () =>
    Array.from(
      document.querySelectorAll<HTMLInputElement>("#import .sender input"),
      (box) => `${box.checked} ${box.value}`,
    ),

  /** Chooses files in the page's file field: [name, content]. */
  choose(...files: [string, string][]): void {
    choose(find<HTMLInputElement>("#files"), files);
  },

  /** Whether the form around the element is valid without and with a draft, and what it sends. */
  formWithDraft(draft: string): { before: boolean; sent: FormDataEntryValue | null; after: boolean } {
    const form = find<HTMLFormElement>("form");
    (form.elements[0] as HTMLInputElement).value = "Ann";
    const before = form.checkValidity();
    find<HTMLElement & { value: string }>("next-quill").value = draft;
    return { before, sent: new FormData(form).get("letter"), after: form.checkValidity() };
  },
};

function choose(field: HTMLInputElement, files: [string, string][]): void {
  const data = new DataTransfer();
  for (const [name, content] of files) data.items.add(new File([content], name));
  field.files = data.files;
  field.dispatchEvent(new Event("change"));
}

const { put } = IDBObjectStore.prototype;

/** What browsers tell about a long task (https://w3c.github.io/longtasks/). */
interface PerformanceLongTaskTiming extends PerformanceEntry {
  readonly attribution: readonly { containerType: string; name: string }[];
}

Object.assign(globalThis, { fill, shown, probe });

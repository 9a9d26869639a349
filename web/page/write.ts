// Write: one draft by the model as it came, one by the model as it was taught, side by side.

import type { App } from "./app.js";
import { byId } from "./dom.js";
import { fieldNames, Fields } from "./fields.js";

/** explain is called with a draft whose words are to be explained. */
export function writePanel(app: App, explain: (context: ReturnType<Fields["values"]>, text: string) => void): void {
  const form = byId("write-form", HTMLFormElement);
  const fields = new Fields(form);
  const steer = byId("steer", HTMLInputElement);
  const start = byId("write-start", HTMLButtonElement);
  const stop = byId("write-stop", HTMLButtonElement);
  const note = byId("write-note", HTMLElement);
  const lack = byId("write-lack", HTMLElement);
  const said = byId("draft-said", HTMLElement);
  const drafts = byId("drafts", HTMLElement);
  const plain = byId("draft-plain", HTMLElement);
  const you = byId("draft-you", HTMLElement);
  const youNote = byId("draft-you-note", HTMLElement);
  const why = byId("draft-explain", HTMLButtonElement);
  const copy = byId("draft-copy", HTMLButtonElement);
  let stopping: AbortController | undefined;
  let written: ReturnType<Fields["values"]> = [];

  steer.addEventListener("input", () => {
    form.querySelector("output")!.textContent = steer.value;
  });
  const enable = (): void => {
    start.disabled = app.lacks !== "";
    if (stopping === undefined) lack.textContent = app.lacks;
    fields.name(fieldNames(app.items));
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, enable);

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    written = fields.values();
    if (written.length === 0) {
      note.textContent = "Say what it is about first.";
      form.querySelector("input")?.focus();
      return;
    }
    void write();
  });
  stop.addEventListener("click", () => stopping?.abort());
  why.addEventListener("click", () => explain(written, you.textContent ?? ""));
  copy.addEventListener("click", () => {
    void app.guard(async () => {
      await navigator.clipboard.writeText(you.textContent ?? "");
      note.textContent = "Copied.";
    });
  });

  async function write(): Promise<void> {
    stopping = new AbortController();
    const { signal } = stopping;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]!; // the same for both, so that only the model differs
    drafts.hidden = stop.hidden = false;
    why.hidden = copy.hidden = start.hidden = true;
    said.textContent = note.textContent = "";
    plain.replaceChildren();
    you.replaceChildren();
    stop.focus({ preventScroll: true });
    const finished = await app.work(async (model) => {
      youNote.textContent = (await model.adapter.info()) === undefined ? ", not learnt yet: your texts are only shown to the model" : "";
      const draft = async (into: HTMLElement, plain: boolean): Promise<void> => {
        const text = document.createTextNode("");
        into.replaceChildren(text);
        into.classList.add("writing");
        try {
          for await (const piece of model.write({ context: written, signal, seed, plain, steer: plain ? 0 : Number(steer.value) })) text.appendData(piece);
        } finally {
          into.classList.remove("writing");
        }
      };
      await draft(you, false);
      await draft(plain, true);
    });
    stopping = undefined;
    enable();
    stop.hidden = true;
    start.hidden = false;
    start.textContent = "Write again";
    start.focus({ preventScroll: true });
    why.hidden = copy.hidden = you.textContent === "";
    said.textContent = `${finished ? "Done." : "Stopped."} You: ${you.textContent}`;
  }
}

// The context of a text as form fields. Their names are those of the user's texts, so that a
// request has the same form as the texts that the model was trained on.

import type { Field, Item } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { text } from "./strings.js";

const maxFields = 6;

/**
 * The field names of at least a quarter of the texts, in their order; "subject" if there are none.
 */
export function fieldNames(items: readonly Item[]): string[] {
  const uses = new Map<string, number>();
  for (const item of items) for (const f of item.context) uses.set(f.name, (uses.get(f.name) ?? 0) + 1);
  const names = [...uses].filter(([, n]) => 4 * n >= items.length).map(([name]) => name);
  return names.length === 0 ? ["subject"] : names.slice(0, maxFields);
}

/** The fields of one form. */
export class Fields {
  readonly #root: HTMLElement;
  #names: string[] = [];

  constructor(form: HTMLFormElement) {
    this.#root = form.querySelector<HTMLElement>(".fields")!;
  }

  /** Shows fields with these names and keeps typed values. */
  setNames(names: readonly string[]): void {
    if (names.join("\n") === this.#names.join("\n")) return;
    const typed = this.values();
    this.#names = [...names];
    this.set([...names.map((name) => ({ name, value: "" })), ...typed]);
  }

  /** The typed values, without empty fields. */
  values(): Field[] {
    return [...this.#root.children].flatMap((row) => {
      const inputs = row.querySelectorAll("input");
      const value = inputs[inputs.length - 1]!.value.trim();
      const name = inputs.length > 1 ? inputs[0]!.value.trim() : (row.querySelector("span")?.textContent ?? "");
      return name === "" || value === "" ? [] : [{ name, value }];
    });
  }

  /** Shows these values. The last value of a name counts. */
  set(values: readonly Field[]): void {
    const last = new Map(this.#names.map((name) => [name, ""]));
    for (const { name, value } of values) last.set(name, value);
    this.#root.replaceChildren(
      ...[...last].map(([name, value]) => {
        const input = h("input", { type: "text", dir: "auto" });
        input.value = value;
        return h("label", { class: "field" }, h("span", {}, name), input);
      }),
    );
  }

  clear(): void {
    for (const input of this.#root.querySelectorAll<HTMLInputElement>("input:not(.name)")) input.value = "";
  }

  /** Adds a field whose name the user types. */
  extend(): void {
    const name = h("input", { type: "text", class: "name", dir: "auto", "aria-label": text.nameOfDetail });
    name.placeholder = text.detailHint;
    this.#root.append(
      h("div", { class: "field" }, name, h("input", { type: "text", dir: "auto", "aria-label": text.valueOfDetail })),
    );
    name.focus();
  }
}

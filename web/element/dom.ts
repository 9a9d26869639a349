// Making elements without markup: text stays text, whatever is in it.

type Attributes = Record<string, string | boolean | undefined>;

/** An element with attributes (true: present, false or undefined: absent) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A button of its own kind: it never submits the form around it. */
export function button(part: string, text: string, onClick: () => void): HTMLButtonElement {
  const b = make("button", { type: "button", part: `button ${part}` }, text);
  b.addEventListener("click", onClick);
  return b;
}

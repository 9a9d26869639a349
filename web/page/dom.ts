// Building the page from text and elements. Nothing here takes HTML, so what people and models wrote can never be markup.

/** The element of the page with this id; index.html has it. */
export function byId<E extends Element>(id: string, kind: abstract new (...args: never[]) => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`index.html has no ${kind.name} with the id ${id}`);
  return found;
}

type Props = Partial<Record<"class" | "type" | "role" | "id" | "name" | "for" | "title" | "aria-label" | "tabindex" | "value", string>>;

/** A new element with attributes and children. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A new SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number> = {}, text = ""): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== "") element.textContent = text;
  return element;
}

/** A button that is no submit button. */
export function button(label: string, press: () => void, style = "", spoken = ""): HTMLButtonElement {
  const b = h("button", { type: "button", class: style }, label);
  if (spoken !== "") b.setAttribute("aria-label", spoken);
  b.addEventListener("click", press);
  return b;
}

/** Fills a list of facts. */
export function facts(list: HTMLElement, rows: readonly (readonly [name: string, value: string])[]): void {
  list.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Hands a file to the person. */
export function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the download may begin late
}

// One text of the list: its context, the text or a part of it, and the buttons.

import type { Item } from "../module/nextquill.js";
import { Pace } from "../store/pace.js";
import { excerpt, pieces } from "../ui/clip.js";
import { button, h } from "../ui/dom.js";
import { cut, date } from "../ui/format.js";
import { text } from "./strings.js";

const shownText = 500; // characters in the list
const shownValue = 160; // characters of a context field
const pieceLength = 4000; // of a text that is shown completely
const maxMarks = 1000; // in such a text

export interface EntryOptions {
  /** What the user searches for. */
  pattern: RegExp | undefined;
  /** Whether the complete text is shown, if it is long. */
  whole: boolean;
  edit(): void;
  remove(name: string): void;
  /** Shows the complete text, or only a part again. */
  toggle(): void;
}

export function entry(item: Item, { pattern, whole, edit, remove, toggle }: EntryOptions): HTMLElement {
  const [first, ...others] = item.context;
  const name = cut(first?.value ?? item.text, 40);
  const about = h("p", { dir: "auto" });
  if (first !== undefined) about.append(h("dfn", { dir: "auto" }, ...part(first.value, shownValue, pattern)));
  for (const f of others) {
    about.append(h("span", { class: "other", title: f.name, dir: "auto" }, ...part(f.value, shownValue, pattern)));
  }
  if (item.time !== undefined) about.append(h("span", { class: "quiet" }, date(item.time)));
  const tools = h(
    "span",
    { class: "tools" },
    button(text.edit, edit, { class: "link", "aria-label": text.editOne(name) }),
    button(text.delete, () => remove(name), { class: "link", "aria-label": text.deleteOne(name) }),
  );
  const view = h("li", { "data-id": item.id }, h("div", { class: "head" }, about, tools));
  if (item.text.length <= shownText) {
    view.append(h("p", { class: "text", dir: "auto" }, ...marked(item.text, pattern)));
    return view;
  }
  view.append(
    whole ? completeText(item.text, name, pattern) : clippedText(item.text, pattern),
    button(whole ? text.showLess : text.showAll(item.text.length), toggle, {
      class: "link whole",
      "aria-expanded": String(whole),
    }),
  );
  return view;
}

function clippedText(whole: string, pattern: RegExp | undefined): HTMLElement {
  return h("p", { class: "text", dir: "auto" }, ...part(whole, shownText, pattern));
}

// A box that scrolls. It is filled in slices, and the browser lays out only the pieces that are
// visible.
function completeText(whole: string, name: string, pattern: RegExp | undefined): HTMLElement {
  const box = h("div", { class: "text long", role: "region", tabindex: "0", "aria-label": text.textOf(name) });
  const rest = pieces(whole, pieceLength).reverse();
  const pace = new Pace();
  let marks = 0;
  const fill = (): void => {
    pace.restart();
    while (rest.length > 0) {
      const nodes = marked(rest.pop()!, marks < maxMarks ? pattern : undefined);
      marks += nodes.length >> 1;
      box.append(h("div", { dir: "auto" }, ...nodes));
      if (!pace.over()) continue;
      setTimeout(() => box.isConnected && fill());
      return;
    }
  };
  fill();
  return box;
}

// The part of a text that is shown, with the matches marked.
function part(whole: string, length: number, pattern: RegExp | undefined): (Node | string)[] {
  const shown = excerpt(whole, length, pattern);
  return [
    ...(shown.from > 0 ? ["… "] : []),
    ...marked(shown.text, pattern),
    ...(shown.to < whole.length ? [" …"] : []),
  ];
}

// A text of a limited length with the matches marked.
function marked(part: string, pattern: RegExp | undefined): (Node | string)[] {
  if (pattern === undefined) return [part];
  const out: (Node | string)[] = [];
  let at = 0;
  for (const hit of part.matchAll(pattern)) {
    out.push(part.slice(at, hit.index), h("mark", {}, hit[0]));
    at = hit.index + hit[0].length;
  }
  out.push(part.slice(at));
  return out;
}

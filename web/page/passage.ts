// A text with the shade of each word, and the earlier texts that influenced the word that the user
// points at.

import { shadeLevels } from "../api.gen.js";
import type { TokenCause } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { explainedText, shadeOf } from "../ui/explained.js";
import { cut, percent, signed } from "../ui/format.js";
import { words } from "../ui/words.js";
import { text as t } from "./strings.js";

const shownItems = 3;
const minInfluence = 0.01; // nats

/** What a passage shows: the tokens of a text, and the earlier texts that were in the prompt. */
export interface Explained {
  readonly tokens: readonly TokenCause[];
  readonly items: readonly { readonly text: string }[];
}

// The token at the end of a text. People do not read it.
const endOfText = "⏎";

/** The words of an explained text, without its end. */
export function wordsOf(tokens: readonly TokenCause[]): TokenCause[] {
  return words(tokens.at(-1)?.text === endOfText ? tokens.slice(0, -1) : tokens);
}

/** How many words of a text are the writer's own: those from the second shade on. */
export function countOwn(all: readonly TokenCause[]): string {
  const own = all.filter((word) => word.dce >= shadeLevels[1]).length;
  return t.own(own, all.length, all.length === 0 ? 0 : own / all.length);
}

/** Creates the text, the lines about the chosen word, and the legend. */
export function passage(e: Explained): HTMLElement[] {
  const about = h("div", { class: "about" }, h("p", { class: "quiet" }, t.chooseWord));
  const all = wordsOf(e.tokens);
  let chosen: HTMLElement | undefined;
  const list = explainedText(all, {
    list: { class: "passage", "aria-label": t.wordByWord, dir: "auto" },
    token: {},
    name: (word) => t.spoken(word.text.trim(), Math.exp(word.logpWith), Math.exp(word.logpWithout)),
    choose(i, element) {
      chosen?.classList.remove("on");
      chosen = element;
      element.classList.add("on");
      about.replaceChildren(
        ...details(
          all[i]!,
          e.items.map((item) => item.text),
        ),
      );
    },
  });
  return [list, about, legend()];
}

function details(word: TokenCause, items: readonly string[]): HTMLElement[] {
  const [after, without] = [percent(Math.exp(word.logpWith)), percent(Math.exp(word.logpWithout))];
  const out: HTMLElement[] = [h("p", {}, h("b", { dir: "auto" }, word.text.trim()), t.word(after, without))];
  const influential = word.influence
    .map((nats, i) => ({ nats, text: items[i] ?? "" }))
    .filter((m) => Math.abs(m.nats) >= minInfluence)
    .toSorted((a, b) => Math.abs(b.nats) - Math.abs(a.nats))
    .slice(0, shownItems);
  if (influential.length > 0) {
    out.push(
      h("p", { class: "quiet" }, t.causes),
      h(
        "ol",
        { "aria-label": t.causes },
        ...influential.map(({ nats, text }) => {
          return h("li", {}, h("span", {}, t.times(Math.exp(nats))), h("span", { dir: "auto" }, cut(text, 160)));
        }),
      ),
    );
  }
  return out;
}

function legend(): HTMLElement {
  const swatch = (dce: number): HTMLElement => h("i", { class: shadeOf(dce) }, signed(100 * dce, 0));
  return h(
    "p",
    { class: "legend" },
    h("span", {}, t.lessLikely),
    ...shadeLevels.toReversed().map((l) => swatch(-l)),
    swatch(0),
    ...shadeLevels.map(swatch),
    h("span", {}, t.moreLikely),
  );
}

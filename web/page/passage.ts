// A text with the shade of each word, and the earlier texts that influenced the word that the user
// points at.

import { shadeLevels } from "../api.gen.js";
import type { TokenCause } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { explainedText, isShaded, shadeOf } from "../ui/explained.js";
import { cut, percent, signed } from "../ui/format.js";
import { shared } from "../ui/strings.js";
import { words } from "../ui/words.js";

const shownItems = 3;
const minInfluence = 0.01; // nats

/** What a passage shows: the tokens of a text, and the earlier texts that were in the prompt. */
export interface Explained {
  readonly tokens: readonly TokenCause[];
  readonly items: readonly { readonly text: string }[];
}

/** How many words of a text are the writer's own: those from the second shade on. */
export function countOwn(tokens: readonly TokenCause[]): string {
  const all = words(tokens);
  const own = all.filter((word) => word.dce >= shadeLevels[1]).length;
  const share = all.length === 0 ? 0 : own / all.length;
  return `${own} of ${all.length} words and marks (${percent(share)}) are clearly yours.`;
}

/** Creates the text, the lines about the chosen word, and the legend. */
export function passage(e: Explained): HTMLElement[] {
  const about = h("div", { class: "about" }, h("p", { class: "quiet" }, shared.chooseWord));
  const all = words(e.tokens);
  let chosen: HTMLElement | undefined;
  const list = explainedText(all, {
    list: { class: "passage", "aria-label": "The text, word by word", dir: "auto" },
    token: {},
    name: spoken,
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

const named = (word: TokenCause): string => word.text.trim() || shared.space;
const points = (dce: number): string => `${signed(100 * dce, 1)} points`;

function spoken(word: TokenCause): string {
  const way = !isShaded(word.dce) ? "not changed" : word.dce > 0 ? "more likely" : "less likely";
  return `${named(word)}: ${way} with your texts, ${points(word.dce)}`;
}

function details(word: TokenCause, items: readonly string[]): HTMLElement[] {
  const out: HTMLElement[] = [
    h(
      "p",
      {},
      h("b", { dir: "auto" }, named(word)),
      ` ${points(word.dce)}: ${percent(Math.exp(word.logpWith))} with the earlier texts, `,
      `${percent(Math.exp(word.logpWithout))} without.`,
    ),
  ];
  const influential = word.influence
    .map((nats, i) => ({ nats, text: items[i] ?? "" }))
    .filter((m) => Math.abs(m.nats) >= minInfluence)
    .toSorted((a, b) => Math.abs(b.nats) - Math.abs(a.nats))
    .slice(0, shownItems);
  if (influential.length > 0) {
    out.push(
      h("p", { class: "quiet" }, "The earlier texts that changed it most, and how much likelier each makes the word:"),
      h(
        "ol",
        { "aria-label": "How much likelier each text makes the word" },
        ...influential.map(({ nats, text }) => {
          return h("li", {}, h("span", {}, times(nats)), h("span", { dir: "auto" }, cut(text, 160)));
        }),
      ),
    );
  }
  return out;
}

// A difference of log-probabilities as the ratio of two probabilities.
function times(nats: number): string {
  const ratio = Math.exp(nats);
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)} times`;
}

function legend(): HTMLElement {
  const swatch = (dce: number): HTMLElement => h("i", { class: shadeOf(dce) }, signed(100 * dce, 0));
  return h(
    "p",
    { class: "legend" },
    h("span", {}, "less likely"),
    ...shadeLevels.toReversed().map((l) => swatch(-l)),
    swatch(0),
    ...shadeLevels.map(swatch),
    h("span", {}, "more likely with the earlier texts, in percentage points"),
  );
}

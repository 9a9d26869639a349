// The section "Which words are yours": a text with the shade of each token, and the texts that
// influenced it.

import { shadeLevels } from "../api.gen.js";
import type { Explanation, Field, TokenCause } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { explainedText, isShaded, shadeOf } from "../ui/explained.js";
import { cut, percent, signed } from "../ui/format.js";
import { shared } from "../ui/strings.js";
import type { App } from "./app.js";
import { byId } from "./dom.js";
import { Fields, fieldNames } from "./fields.js";

const shownItems = 3;
const minInfluence = 0.01; // nats

export function explainPanel(app: App): (context: readonly Field[], text: string) => void {
  const form = byId("explain-form", HTMLFormElement);
  const fields = new Fields(form);
  const text = form.elements.namedItem("text") as HTMLTextAreaElement;
  const start = byId("explain-start", HTMLButtonElement);
  const own = byId("explain-own", HTMLButtonElement);
  const note = byId("explain-note", HTMLElement);
  const unavailable = byId("explain-unavailable", HTMLElement);
  const passage = byId("passage", HTMLElement);
  let running = false;

  const enable = (): void => {
    start.disabled = app.unavailable !== "";
    unavailable.textContent = running ? "" : app.unavailable;
    own.hidden = app.items.length === 0;
    fields.setNames(fieldNames(app.items));
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, enable);

  const run = async (): Promise<void> => {
    if (text.value.trim() === "") {
      note.textContent = shared.noText;
      text.focus();
      return;
    }
    running = true;
    note.textContent = "Reading the text with your texts, and without each of them…";
    let result = "";
    await app.work(async (model) => {
      const explained = await model.explain({ context: fields.values(), text: text.value.trim() });
      passage.replaceChildren(...draw(explained));
      passage.hidden = false;
      result = summary(explained.tokens);
    });
    running = false;
    note.textContent = result;
    enable();
  };
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    void run();
  });
  own.addEventListener("click", () => {
    const latest = app.items.at(-1);
    if (latest === undefined) return;
    fields.clear();
    fields.set(latest.context);
    text.value = latest.text;
    text.focus();
  });
  return (context, draft) => {
    fields.set(context);
    text.value = draft;
    byId("explain", HTMLElement).scrollIntoView();
    void run();
  };
}

// Tokens from the second shade on count as the user's own.
function summary(tokens: readonly TokenCause[]): string {
  const own = tokens.filter((token) => token.dce >= shadeLevels[1]).length;
  const share = tokens.length === 0 ? 0 : own / tokens.length;
  return `${own} of ${tokens.length} tokens (${percent(share)}) are clearly yours.`;
}

function draw(e: Explanation): HTMLElement[] {
  const about = h("div", { class: "about" }, h("p", { class: "quiet" }, shared.chooseToken));
  let chosen: HTMLElement | undefined;
  const list = explainedText(e.tokens, {
    list: { class: "passage", "aria-label": "The text, token by token" },
    token: {},
    name: spoken,
    choose(i, element) {
      chosen?.classList.remove("on");
      chosen = element;
      element.classList.add("on");
      about.replaceChildren(
        ...details(
          e.tokens[i]!,
          e.items.map((item) => item.text),
        ),
      );
    },
  });
  return [list, about, legend()];
}

const named = (token: TokenCause): string => token.text.trim() || shared.space;
const points = (dce: number): string => `${signed(100 * dce, 1)} points`;

function spoken(token: TokenCause): string {
  const way = !isShaded(token.dce) ? "not changed" : token.dce > 0 ? "more likely" : "less likely";
  return `${named(token)}: ${way} with your texts, ${points(token.dce)}`;
}

function details(token: TokenCause, items: readonly string[]): HTMLElement[] {
  const out: HTMLElement[] = [
    h(
      "p",
      {},
      h("b", {}, named(token)),
      ` ${points(token.dce)}: ${percent(Math.exp(token.logpWith))} with your texts, `,
      `${percent(Math.exp(token.logpWithout))} without.`,
    ),
  ];
  const influential = token.influence
    .map((nats, i) => ({ nats, text: items[i] ?? "" }))
    .filter((m) => Math.abs(m.nats) >= minInfluence)
    .toSorted((a, b) => Math.abs(b.nats) - Math.abs(a.nats))
    .slice(0, shownItems);
  if (influential.length > 0) {
    out.push(
      h("p", { class: "quiet" }, "The texts with the most influence, measured by leaving out each one:"),
      h(
        "ol",
        { "aria-label": "Influence, in nats" },
        ...influential.map(({ nats, text }) => {
          return h("li", {}, h("span", {}, `${signed(nats, 2)} nats`), h("span", {}, cut(text, 160)));
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
    h("span", {}, "less likely"),
    ...shadeLevels.toReversed().map((l) => swatch(-l)),
    swatch(0),
    ...shadeLevels.map(swatch),
    h("span", {}, "more likely with your texts, in percentage points"),
  );
}

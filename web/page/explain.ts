// Explain: a text shaded by how much of each token is the person's, and for each the earlier texts that made it so.

import type { Explanation, Field, TokenCause } from "../module/nextquill.js";
import type { App } from "./app.js";
import { byId, h } from "./dom.js";
import { fieldNames, Fields } from "./fields.js";
import { cut, percent, signed } from "./format.js";
import { roving } from "../ui/roving.js";

// The lower ends of the shades, in probability; report/report.go has the same.
const levels = [0.01, 0.05, 0.15, 0.4] as const;
const shownItems = 3;
const leastInfluence = 0.01; // nats

export function explainPanel(app: App): (context: readonly Field[], text: string) => void {
  const form = byId("explain-form", HTMLFormElement);
  const fields = new Fields(form);
  const text = form.elements.namedItem("text") as HTMLTextAreaElement;
  const start = byId("explain-start", HTMLButtonElement);
  const own = byId("explain-own", HTMLButtonElement);
  const note = byId("explain-note", HTMLElement);
  const lack = byId("explain-lack", HTMLElement);
  const passage = byId("passage", HTMLElement);
  let running = false;

  const enable = (): void => {
    start.disabled = app.lacks !== "";
    lack.textContent = running ? "" : app.lacks;
    own.hidden = app.items.length === 0;
    fields.name(fieldNames(app.items));
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, enable);

  const run = async (): Promise<void> => {
    if (text.value.trim() === "") {
      note.textContent = "Type or paste a text first.";
      text.focus();
      return;
    }
    running = true;
    note.textContent = "Reading it with your texts, and without each…";
    const done = await app.work(async (model) => {
      const explained = await model.explain({ context: fields.values(), text: text.value.trim() });
      passage.replaceChildren(...draw(explained));
      passage.hidden = false;
    });
    running = false;
    note.textContent = done ? summary(passage) : "";
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

function summary(passage: HTMLElement): string {
  const all = passage.querySelectorAll(".t").length;
  const theirs = passage.querySelectorAll(".t:is(.w2, .w3, .w4)").length;
  return `${theirs} of ${all} tokens (${percent(all === 0 ? 0 : theirs / all)}) are clearly yours.`;
}

/** The shade of an effect: w1 to w4 where the history made a token likelier, c1 to c4 where less likely. */
function shade(dce: number): string {
  const level = levels.filter((l) => Math.abs(dce) >= l).length;
  return level === 0 ? "z" : (dce > 0 ? "w" : "c") + level;
}

function draw(e: Explanation): HTMLElement[] {
  const about = h("div", { class: "about" }, h("p", { class: "quiet" }, "Point at a token or tap it, or move with the arrow keys."));
  const spans: HTMLElement[] = [];
  const line = h("p", { class: "passage", "aria-label": "The text, token by token" });
  e.tokens.forEach((token, i) => {
    // The shade is of the word, not of the space before it.
    const [, before = "", word = "", after = ""] = /^(\s*)([\s\S]*?)(\s*)$/.exec(token.text) ?? [];
    const span = h("span", { class: `t ${shade(token.dce)}`, "aria-label": spoken(token) }, word);
    spans.push(span);
    line.append(i === 0 ? "" : before, span, after);
  });
  let on: HTMLElement | undefined;
  roving(line, spans, (i) => {
    on?.classList.remove("on");
    on = spans[i]!;
    on.classList.add("on");
    about.replaceChildren(...details(e.tokens[i]!, e.items.map((item) => item.text)));
  });
  return [line, about, legend()];
}

const named = (token: TokenCause): string => token.text.trim() || "space";
const points = (dce: number): string => `${signed(100 * dce, 1)} points`;

function spoken(token: TokenCause): string {
  const way = Math.abs(token.dce) < levels[0] ? "not changed" : token.dce > 0 ? "likelier" : "less likely";
  return `${named(token)}: ${way} with your texts, ${points(token.dce)}`;
}

function details(token: TokenCause, items: readonly string[]): HTMLElement[] {
  const out: HTMLElement[] = [h("p", {}, h("b", {}, named(token)),
    ` ${points(token.dce)}: ${percent(Math.exp(token.logpWith))} with your texts, ${percent(Math.exp(token.logpWithout))} without.`)];
  const moved = (token.influence ?? [])
    .map((nats, i) => ({ nats, text: items[i] ?? "" }))
    .filter((m) => Math.abs(m.nats) >= leastInfluence)
    .toSorted((a, b) => Math.abs(b.nats) - Math.abs(a.nats))
    .slice(0, shownItems);
  if (moved.length > 0) {
    out.push(h("p", { class: "quiet" }, "The texts that moved it most, by leaving out each in turn:"), h("ol", { "aria-label": "What moved it, in nats" }, ...moved.map((m) => h("li", {}, h("span", {}, `${signed(m.nats, 2)} nats`), h("span", {}, cut(m.text, 160))))));
  }
  return out;
}

function legend(): HTMLElement {
  const swatch = (dce: number): HTMLElement => h("i", { class: shade(dce) }, signed(100 * dce, 0));
  return h("p", { class: "legend" }, h("span", {}, "less likely"),
    ...levels.toReversed().map((l) => swatch(-l)), swatch(0), ...levels.map(swatch),
    h("span", {}, "likelier with your texts, in points"));
}

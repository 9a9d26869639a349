// Errors in the language of the page.

import { Fault } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { explain } from "../ui/faultText.js";
import { text } from "./strings.js";

/**
 * An error and its remedy. These are in English, so in another language they follow a sentence of
 * that language that says what sort of error it is.
 */
export function errorText(error: unknown): HTMLElement {
  const { sentence, remedy } = explain(error);
  const advice = remedy === "" ? [] : ["\n", h("span", { class: "quiet" }, remedy)];
  const sort = error instanceof Fault ? text.sortOfError(error.kind) : "";
  if (sort === "") return h("p", {}, sentence, ...advice);
  return h("p", {}, sort, "\n", h("span", { lang: "en" }, sentence, ...advice));
}

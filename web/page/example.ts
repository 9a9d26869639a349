// The example at the top of the page: a word that the user points at is explained. The text and its
// figures are in index.html, where cmd/buildwasm puts them, so they are visible before this runs.

import { h } from "../ui/dom.js";
import { decimals, percent } from "../ui/format.js";
import { rovingFocus } from "../ui/rovingFocus.js";
import { byId } from "./dom.js";
import { text } from "./strings.js";

/** Makes the words of the example selectable, and explains the one that is marked. */
export function showExample(): void {
  const list = document.getElementById("example-text");
  if (list === null) return; // index.html without a build
  const words = [...list.querySelectorAll("span")];
  const sentence = byId("example-word", HTMLElement);
  const factors = [...document.querySelectorAll("#example-about li span:first-child")];
  const explain = (word: HTMLElement): void => {
    const [after = 0, without = 0, ...times] = figures(word);
    sentence.replaceChildren(
      h("b", { lang: "en" }, word.textContent),
      text.exampleWord(percent(after), percent(without)),
    );
    for (const [i, factor] of factors.entries()) factor.textContent = text.times(times[i] ?? 1);
  };
  for (const word of words) {
    const [after = 0, without = 0] = figures(word);
    word.ariaLabel = text.spoken(word.textContent, after, without);
  }
  list.ariaLabel = text.wordByWord;
  rovingFocus(list, words, (i) => {
    for (const word of words) word.classList.toggle("on", word === words[i]);
    explain(words[i]!);
  });
  const first = words.find((word) => word.matches(".on"));
  if (first !== undefined) explain(first);
  const result = byId("example-result", HTMLElement);
  const { texts, unseen, times } = result.dataset;
  result.textContent = text.exampleResult(Number(texts), Number(unseen), decimals(Number(times), 2));
}

/** The probabilities of a word with and without the earlier texts, and the effect of each text. */
function figures(word: HTMLElement): number[] {
  return (word.dataset.f ?? "").split(" ").map(Number);
}

// Tokens of an explained text are joined to words.

import type { TokenCause } from "nextquill";

import { equal, greater, test } from "../../browsertest/testfile/testing.js";
import { words } from "../../ui/words.js";

const token = (text: string, pWith: number, pWithout: number, influence: number[] = []): TokenCause => ({
  text,
  id: 7,
  logpWith: Math.log(pWith),
  logpWithout: Math.log(pWithout),
  dce: pWith - pWithout,
  influence,
});
const near = (got: number, want: number) => greater(1e-12, Math.abs(got - want));
const texts = (...tokens: string[]) => words(tokens.map((text) => token(text, 0.5, 0.5))).map((word) => word.text);

test("pieces of a word are joined; words, marks and the end of the text are not", () => {
  equal(texts(" A", " am", "bul", "ting", " thing", ".", "⏎"), [" A", " ambulting", " thing", ".", "⏎"]);
  equal(texts("don", "'t", " do", "\n", "it", "2", "x", "!", "?"), ["don't", " do", "\n", "it2x", "!", "?"]);
  equal(texts("na", "ïve", " 日", "本", " ", "x"), ["naïve", " 日", "本", " ", "x"]);
  equal(words([]), []);
});

test("the probability of a word is the product of those of its tokens", () => {
  const [word, ...rest] = words([token(" am", 0.5, 0.25, [0.5, 0]), token("ble", 0.8, 0.4, [0.25, -1])]);
  equal(rest, []);
  near(word!.dce, 0.5 * 0.8 - 0.25 * 0.4);
  near(Math.exp(word!.logpWith), 0.4);
  near(Math.exp(word!.logpWithout), 0.1);
  equal(word!.influence, [0.75, -1]);
});

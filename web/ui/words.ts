// Joins the tokens of an explained text to words. Tokens are pieces that the model reads; people
// read words.

import type { TokenCause } from "../module/nextquill.js";

// Scripts without spaces between words: their tokens stay separate.
const unspaced = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}";
const letter = `(?![${unspaced}])[\\p{L}\\p{M}\\p{N}'’]`;
const inWord = new RegExp(`^${letter}`, "u");
const endsInWord = new RegExp(`${letter}$`, "u");

/**
 * Joins each run of tokens that makes up one word. A word's log-probabilities are the sums of those
 * of its tokens (chain rule), so its DCE is the difference of two probabilities of the word. The
 * influences are summed. Punctuation and the end of the text stay separate.
 */
export function words(tokens: readonly TokenCause[]): TokenCause[] {
  const out: TokenCause[] = [];
  for (const token of tokens) {
    const last = out.at(-1);
    if (last === undefined || !inWord.test(token.text) || !endsInWord.test(last.text)) {
      out.push({ ...token });
      continue;
    }
    last.text += token.text;
    last.logpWith += token.logpWith;
    last.logpWithout += token.logpWithout;
    last.dce = Math.exp(last.logpWith) - Math.exp(last.logpWithout);
    last.influence = last.influence.map((nats, i) => nats + (token.influence[i] ?? 0));
  }
  return out;
}

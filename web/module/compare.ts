// The gain of a run: the original model and the personalized one on the texts that were held out.

import type { EvaluateResult } from "../api.gen.js";

/** How much better the personalized model predicts the held-out texts. */
export interface Comparison {
  /** How many texts were held out, and how many tokens they have. */
  texts: number;
  tokens: number;
  /** The losses in nats per token: without adapter and history, and with both. */
  plain: number;
  personalized: number;
  /**
   * How many times as likely a token is, as the geometric mean over all tokens, with the 95 %
   * interval of the paired bootstrap over texts.
   */
  times: { point: number; low: number; high: number };
}

const resamples = 2000;
const tail = 0.025;

/** Compares the results of two evaluations of the same texts. */
export function compare(plain: EvaluateResult, personalized: EvaluateResult): Comparison {
  const gains = plain.items.map((text, i) => ({
    nats: text.nats - (personalized.items[i]?.nats ?? text.nats),
    tokens: text.tokens,
  }));
  const mean = (draw: (i: number) => number): number => {
    let [nats, tokens] = [0, 0];
    for (let i = 0; i < gains.length; i++) {
      const text = gains[draw(i)]!;
      nats += text.nats;
      tokens += text.tokens;
    }
    return nats / tokens;
  };
  // Texts are drawn, not tokens: the tokens of one text depend on each other.
  const random = generator();
  const means = Array.from({ length: resamples }, () => mean(() => Math.floor(random() * gains.length)));
  means.sort((a, b) => a - b);
  const at = (share: number): number => Math.exp(means[Math.floor(share * (resamples - 1))]!);
  return {
    texts: gains.length,
    tokens: plain.tokens,
    plain: plain.loss,
    personalized: personalized.loss,
    times: { point: Math.exp(mean((i) => i)), low: at(tail), high: at(1 - tail) },
  };
}

// The generator mulberry32. With a fixed seed, the same texts give the same interval.
function generator(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

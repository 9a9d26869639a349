// The comparison of two models on the held-out texts.

import { equal, greater, ok, test } from "../../browsertest/testfile/testing.js";
import { compare } from "../../module/compare.js";

type Result = Parameters<typeof compare>[0];

const counts = { texts: 0, windows: 0, long: 0, tokens: 0, copies: 0, skipped: 0, skippedItems: [] };

/** An evaluation of texts with these losses per token; each has 10 tokens. */
function evaluation(...losses: number[]): Result {
  return {
    loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
    tokens: 10 * losses.length,
    texts: { ...counts, texts: losses.length },
    items: losses.map((loss, item) => ({ item, nats: 10 * loss, tokens: 10, points: [] })),
  };
}

test("a gain of every text has a narrow interval around it", () => {
  const { texts, tokens, plain, personalized, times } = compare(evaluation(4, 5, 6), evaluation(3, 4, 5));
  equal([texts, tokens, plain, personalized], [3, 30, 5, 4]);
  for (const ratio of [times.point, times.low, times.high]) greater(1e-9, Math.abs(ratio - Math.E));
});

test("the interval of a mixed result includes no gain", () => {
  const { times } = compare(evaluation(4, 4, 4, 4, 4, 4), evaluation(3, 5, 3.5, 4.5, 3.9, 4.1));
  greater(1e-9, Math.abs(times.point - 1));
  ok(times.low < 1 && times.high > 1);
  ok(times.low <= times.point && times.point <= times.high);
});

test("the same texts give the same interval", () => {
  const one = () => compare(evaluation(4, 4.5, 5), evaluation(3, 4.6, 4.5)).times;
  equal(one(), one());
});

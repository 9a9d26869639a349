// Texts that are longer than the model's context length, and texts that are equal to others.

import { equal, greater, includes, ok, rejects, test } from "../../browsertest/testfile/testing.js";
import { textsFact } from "../../ui/texts.js";
import { firstEvent, openTiny, smallRun } from "./support.js";

const long = (seed: number) => Array.from({ length: 150 }, (_, i) => `river ${(i * seed) % 7}`).join(" ");

test("long and equal texts", async () => {
  const nq = await openTiny();
  await nq.history.clear();
  const texts = ["One.", long(1), "Two.", long(3), "One."];
  for (const [i, text] of texts.entries()) await nq.history.add({ text, time: `2024-01-0${i + 1}` });
  const run = nq.personalize({ ...smallRun, preset: "contextsft" });
  const { train, heldout } = await firstEvent(run, "texts");
  const result = await run.result;
  equal(result.train, train);
  equal(result.tested, heldout);
  equal([train.texts, train.long, train.skipped], [4, 2, 0]);
  greater(train.windows, 4);
  greater(train.tokens, 600, "all tokens of both long texts");
  equal(result.steps, Math.ceil(train.windows / 2));
  equal([heldout.texts, heldout.copies], [0, 1], "the newest text is also a training text");
  equal(result.heldout, 0);
  equal(textsFact(train), `4; 2 longer than a window, ${train.windows} windows in all`);
  equal(textsFact(heldout), "0; 1 left out, also training texts");
  equal(textsFact({ ...train, long: 0 }), undefined);

  const tested = [{ text: " One.\n" }, { text: long(5) }];
  const [you, plain] = [await nq.evaluate({ texts: tested }), await nq.evaluate({ texts: tested, plain: true })];
  for (const { counts, texts, tokens } of [you, plain]) {
    equal([counts.texts, counts.long, counts.copies], [1, 1, 1]);
    equal([texts.length, tokens], [1, counts.tokens]);
    greater(tokens, 300);
  }
  equal(you.tokens, plain.tokens);
  const copies = await rejects(nq.evaluate({ texts: [{ text: "Two." }] }), "missing");
  includes(copies.message, "left out are 1 copies of training texts");

  const explained = await nq.explain({ text: long(5), influence: false });
  equal(explained.tokens.length, you.tokens);

  await nq.history.clear(); // without a history nothing is a copy
  const alone = await nq.evaluate({ texts: tested });
  equal([alone.counts.texts, alone.counts.copies], [2, 0]);
  ok(alone.loss > 0);
  await nq.dispose();
});

// The step of TestJourney that tests the trained adapter with the module, without the page.

import { type NewItem, NextQuill } from "nextquill";

import { steps } from "../../browsertest/testfile/testing.js";

steps({
  /** The losses on texts (JSONL) with adapter and history, and of the plain model; the history. */
  async evaluate(jsonl: string) {
    const nq = await NextQuill.open({ model: "model/" });
    const texts = jsonl
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as NewItem);
    const [you, plain] = [await nq.evaluate({ texts }), await nq.evaluate({ texts, plain: true })];
    const history = await (await nq.history.export()).text();
    await nq.dispose();
    return { you, plain, history };
  },
});

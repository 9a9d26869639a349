// Arguments and errors follow the habits of the platform: mistakes are named in the caller's terms,
// and aborted calls throw the reason of their signal.

import { Fault, type FaultKind, NextQuill, type PersonalizeOptions, type WriteOptions } from "nextquill";

import { command, equal, fail, ok, test } from "../../browsertest/testfile/testing.js";
import { openTinyWithTexts, tinyRun } from "./support.js";

let nq: NextQuill;

/** What a call throws. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (thrown) {
    return thrown;
  }
  return fail("nothing was thrown");
}

async function refuses(call: () => unknown, kind: FaultKind, ...says: string[]): Promise<void> {
  const thrown = await thrownBy(call);
  ok(thrown instanceof Fault);
  equal(thrown.kind, kind);
  for (const text of says) ok(thrown.message.includes(text), `${thrown.message} has no ${text}`);
  for (const word of ["json: cannot", "json: unknown", "Go struct", "unmarshal", "float64"])
    ok(!thrown.message.includes(word), thrown.message);
}

test("open", async () => {
  nq = await openTinyWithTexts();
});

test("numbers out of range are refused by name", async () => {
  const bad: [WriteOptions, string][] = [
    [{ temperature: NaN }, "write: temperature: NaN (limit 0 to 100)"],
    [{ temperature: -1 }, "temperature: -1"],
    [{ topP: 1.5 }, "topP: 1.5 (limit 0 to 1)"],
    [{ topK: 1.5 }, "topK: 1.5 is not a whole number"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty: 0 (limit 0.01 to 100)"],
    [{ maxTokens: 0 }, "maxTokens: 0 (limit 1 to "],
    [{ maxTokens: Infinity }, "maxTokens: Infinity"],
    [{ steer: 11 }, "steer: 11 (limit -10 to 10)"],
    [{ seed: -1 }, "seed: -1 (limit 0 to 4294967295)"],
  ];
  for (const [options, says] of bad) await refuses(() => nq.write(options), "out-of-range", says);
  const wrong: [PersonalizeOptions, string][] = [
    [{ epochs: 0 }, "personalize: epochs: 0 (limit "],
    [{ heldout: 0 }, "heldout: 0 (limit above 0 and below 1)"],
    [{ maxItems: 0 }, "maxItems: 0"],
    [{ lora: { rank: 0 } }, "lora.rank: 0 (limit 1 to 512)"],
    [{ lora: { alpha: 0 } }, "lora.alpha: 0"],
    [{ training: { lr: -1 } }, "training.lr: -1 (limit 0 to 10)"],
    [{ training: { batchSize: 0 } }, "training.batchSize: 0"],
    [{ training: { checkpointEvery: 0 } }, "training.checkpointEvery: 0"],
  ];
  for (const [options, says] of wrong) await refuses(() => nq.personalize(options), "out-of-range", says);
});

test("arguments of another type are refused by name", async () => {
  const any = (options: object) => options as WriteOptions & PersonalizeOptions;
  await refuses(() => nq.write(any({ maxTokens: "12" })), "malformed", `maxTokens: "12" is not a whole number`);
  await refuses(() => nq.write(any({ max_tokens: 12 })), "unsupported", "max_tokens: there is no such option");
  await refuses(() => nq.write(any({ plain: 1 })), "malformed", "plain: 1 is not true or false");
  await refuses(() => nq.personalize(any({ lora: 8 })), "malformed", "lora: 8 is not an object");
  await refuses(() => nq.personalize(any({ preset: 1 })), "malformed", "preset: 1 is not text");
  await refuses(() => nq.explain(any({}) as never), "missing", "text: is not given");
  await refuses(() => nq.write(any({ signal: 5 })), "malformed", "signal: 5 is not an AbortSignal");
  await refuses(() => nq.write(null as never), "malformed", "null is not an object of options");
  await refuses(() => nq.evaluate({} as never), "missing", "texts: is not given");
  await refuses(() => nq.evaluate({ texts: "a" as never }), "malformed", `texts: "a" is not a list of texts`);
  await refuses(() => NextQuill.open({} as never), "missing", "open: model: is not given");
  await refuses(() => NextQuill.open({ model: "tiny/", dtype: "q4" } as never), "unsupported", "dtype: there is no");
  await refuses(() => nq.explain({ text: null as never }), "malformed", "text: null is not text");
});

test("zeros are honoured", async () => {
  const about = { context: "ambition", maxTokens: 6 };
  const likeliest = await nq.write({ ...about, temperature: 0, repetitionPenalty: 1 });
  for (const seed of [1, 2])
    equal(await nq.write({ ...about, seed, temperature: 2, topP: 0, topK: 0, repetitionPenalty: 1 }), likeliest);
});

test("a draft can be awaited", async () => {
  const draft = nq.write({ context: "ambition", maxTokens: 6, seed: 3 });
  const text = await draft;
  equal(text, (await draft.result).text);
  let pieces = "";
  for await (const piece of nq.write({ context: "ambition", maxTokens: 6, seed: 3 })) pieces += piece;
  equal(pieces.trim(), text.trim());
});

test("an aborted call throws the reason of its signal", async () => {
  const reason = new Error("the user left");
  for (const call of [
    (signal: AbortSignal) => nq.write({ context: "x", signal }),
    (signal: AbortSignal) => nq.explain({ text: "x", signal }),
    (signal: AbortSignal) => nq.evaluate({ texts: [{ text: "x" }], signal }),
    (signal: AbortSignal) => nq.personalize({ ...tinyRun, signal }).result,
    (signal: AbortSignal) => nq.load(signal),
    (signal: AbortSignal) => NextQuill.open({ model: "tiny/", worker: "tests/faultyWorker.js", signal }),
  ]) {
    ok((await thrownBy(() => call(AbortSignal.abort(reason)))) === reason, String(call));
    const later = new AbortController();
    const thrown = thrownBy(() => call(later.signal));
    later.abort();
    const fault = await thrown;
    ok(fault instanceof Fault, String(fault));
    equal([fault.kind, fault.name], ["cancelled", "AbortError"]);
    ok(!fault.message.includes("context canceled"), fault.message);
  }
});

test("a web page in place of a manifest is named", async () => {
  await command("serveStartPage");
  await refuses(() => NextQuill.open({ model: "spa/" }), "malformed", "spa/manifest.json", "SPA fallback");
  nq.history.close();
  await nq.dispose();
});

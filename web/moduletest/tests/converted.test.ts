// A model that `nextquill model convert` has written: quantized, in shards, opened by its
// manifest's address.

import { forget, NextQuill } from "nextquill";

import { command, equal, greater, includes, rejects, test } from "../../browsertest/testfile/testing.js";
import { ambition, site } from "./support.js";

/** What the Go test knows about the model, and what the native build writes with it. */
interface Expected {
  files: string[];
  bytes: number;
  text: string;
}

async function openAndWrite(): Promise<{ name: string; bytes: number; text: string }> {
  const nq = await NextQuill.open({ model: "q8/manifest.json" });
  const { text } = await nq.write({
    context: ambition,
    plain: true,
    temperature: 0,
    repetitionPenalty: 1,
    maxTokens: 12,
  }).result;
  await nq.dispose();
  return { name: nq.model.name, bytes: nq.model.bytes, text };
}

const requestedFiles = async () => (await site.takeRequests()).filter((name) => name.startsWith("q8/"));

test("it writes what it writes in the native build", async () => {
  const expected = await command<Expected>("expected");
  greater(expected.files.length, 5);
  await site.takeRequests();
  equal(await openAndWrite(), { name: "small", bytes: expected.bytes, text: expected.text });
  equal([...new Set(await requestedFiles())].sort(), expected.files.sort());
});

test("shards on the device are not requested again", async () => {
  await openAndWrite();
  equal(await requestedFiles(), ["q8/manifest.json"]);
});

test("an altered shard is refused", async () => {
  await forget();
  await site.flipBit("q8/model.gguf.001", 100);
  const { message } = await rejects(NextQuill.open({ model: "q8/" }), "mismatch");
  includes(message, "model.gguf");
});

// llama.cpp as a peer of cmd/benchpeers. Reads requests as lines of JSON and answers each with a
// line.
//
//   node llama.mjs MODEL.gguf cpu|vulkan THREADS
import { createInterface } from "node:readline";
import { getLlama } from "node-llama-cpp";

const [modelPath, device, threads] = process.argv.slice(2);
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const llama = await getLlama({
  gpu: device === "vulkan" ? "vulkan" : false,
  build: "never",
  skipDownload: true,
  logLevel: "error",
  maxThreads: Number(threads),
});
const model = await llama.loadModel({ modelPath, gpuLayers: device === "vulkan" ? "max" : 0 });
const context = await model.createContext({ contextSize: 1024, batchSize: 1024 });
const sequence = context.getSequence();
const names = await llama.getGpuDeviceNames();
answer({ ready: `llama.cpp ${llama.llamaCppRelease.release}`, device: names.join(", ") || "processor" });

for await (const line of createInterface({ input: process.stdin })) {
  const { ids, tokens } = JSON.parse(line);
  await sequence.clearHistory();
  const begun = performance.now();
  const written = [];
  let first = 0;
  for await (const id of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    if (written.length === 0) first = performance.now();
    written.push(id);
    if (written.length > tokens) break;
  }
  const end = performance.now();
  answer({
    prompt: ids.length,
    prompt_seconds: (first - begun) / 1e3,
    token_seconds: (end - first) / 1e3 / tokens,
    ids: written,
  });
}
process.exit(0);

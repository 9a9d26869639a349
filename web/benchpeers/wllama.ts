// wllama (llama.cpp compiled to WebAssembly) as a peer of cmd/benchpeers, in a page that is
// cross-origin isolated, so that it may use threads.

// @ts-expect-error: the package is installed by cmd/benchpeers, not for type checks
import { Wllama } from "@wllama/wllama";

interface Timings {
  prompt_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
}

declare global {
  var peer: Awaited<ReturnType<typeof open>>;
}

/** Loads the model, for the processor. */
async function open(threads: number) {
  const wllama = new Wllama({ default: new URL("wllama.wasm", location.href).href }, { suppressNativeLog: true });
  const model = await (await fetch("model.gguf")).blob();
  const params = { n_ctx: 1024, n_threads: threads, n_gpu_layers: 0 };
  await wllama.loadModel([model], params);
  return {
    /** Writes after a prompt, greedily. */
    async write(prompt: string, tokens: number) {
      const { timings } = (await wllama.createCompletion({
        prompt,
        max_tokens: tokens + 1,
        temperature: 0,
        cache_prompt: false,
        ignore_eos: true,
      })) as { timings: Timings };
      return {
        prompt: timings.prompt_n,
        prompt_seconds: timings.prompt_ms / 1e3,
        token_seconds: timings.predicted_ms / 1e3 / timings.predicted_n,
      };
    },
  };
}

Object.assign(globalThis, {
  openPeer: async (threads: number) => (globalThis.peer = await open(threads)),
});

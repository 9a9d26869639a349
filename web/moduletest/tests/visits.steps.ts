// Steps of TestDownload: visits that download a model over a connection that breaks.

import { NextQuill } from "nextquill";

import { steps } from "../../browsertest/testfile/testing.js";

let nq: NextQuill;

// The largest buffer that the page has sent to a worker: a file must never be in memory completely.
let largest = 0;
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (this: Worker, message: { data?: ArrayBufferView } | null, options?: unknown) {
  largest = Math.max(largest, message?.data?.byteLength ?? 0);
  return postMessage.call(this, message, options as StructuredSerializeOptions);
};
for (const name of ["arrayBuffer", "blob", "bytes"] as const) {
  Response.prototype[name] = () => {
    throw new Error("a file is read into memory completely");
  };
}

steps({
  /** Opens the model and returns the fault, if there is one. */
  async open(model: string) {
    try {
      nq = await NextQuill.open({ model });
      return { kind: "", message: "", largest };
    } catch (thrown) {
      const { kind, message } = thrown as { kind: string; message: string };
      return { kind, message, largest };
    }
  },

  /** Writes a few tokens, and closes the model. */
  async write() {
    const { tokens } = await nq.write({ maxTokens: 2, plain: true }).result;
    await nq.dispose();
    return tokens;
  },

  dispose: () => nq.dispose(),
});

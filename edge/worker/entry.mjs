// The entry point of the Worker: runs the Go program and hands over its answer.

import worker from "../../build/edge/worker.mjs"; // by workers-assets-gen: runs app.wasm
import manifest from "../../dist/manifest.json"; // as text, see wrangler.toml

export default {
  async fetch(request, env, context) {
    // The edge replaces Accept-Encoding. What the client sent is here, and decides which form it gets.
    const accept = request.cf?.clientAcceptEncoding;
    if (accept !== undefined) {
      request = new Request(request);
      request.headers.set("Accept-Encoding", accept);
    }
    const response = await worker.fetch(request, { ...env, MANIFEST: manifest }, context);
    if (!response.headers.has("Content-Encoding")) return response;
    // The stored bytes are compressed already. Without this the runtime would compress them again.
    return new Response(response.body, { status: response.status, headers: response.headers, encodeBody: "manual" });
  },
};

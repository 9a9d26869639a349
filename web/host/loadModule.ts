// Fetches, checks and compiles a WASM module, in a worker.

import { describe, Fault } from "../fault.js";
import { sha256 } from "../store/hash.js";

export interface LoadedModule {
  module: WebAssembly.Module;
  /** In hexadecimal. */
  sha256: string;
  bytes: number;
}

/** Loads a module from a URL or from its bytes. `want` is the SHA-256 that it must have. */
export async function loadModule(wasm: string | ArrayBuffer, want: string | undefined): Promise<LoadedModule> {
  const where = typeof wasm === "string" ? wasm : "guest";
  const bytes = typeof wasm === "string" ? await fetchBytes(wasm) : wasm;
  const hash = await sha256(bytes);
  if (want !== undefined && want !== hash) {
    const remedy = "reload the page: the file was changed or truncated";
    throw new Fault("mismatch", { where, field: "sha256", detail: hash, limit: want, remedy });
  }
  try {
    return { module: await WebAssembly.compile(bytes), sha256: hash, bytes: bytes.byteLength };
  } catch (thrown) {
    if (/content.security.policy|\bcsp\b|unsafe-eval/i.test(describe(thrown))) {
      throw new Fault("unsupported", {
        where,
        detail: "the Content-Security-Policy of the page or of its worker does not allow WebAssembly",
        remedy: "add 'wasm-unsafe-eval' to its script-src",
        cause: new Error(describe(thrown)),
      });
    }
    throw new Fault("malformed", {
      where,
      detail: "is not a WASM module that this browser supports",
      cause: new Error(describe(thrown)),
    });
  }
}

async function fetchBytes(url: string): Promise<ArrayBuffer> {
  const remedy = "check the connection and the URL, then reload the page";
  try {
    const response = await fetch(url);
    if (!response.ok) {
      const detail = `the server answers ${response.status} ${response.statusText}`;
      throw new Fault("missing", { where: url, detail, remedy });
    }
    return await response.arrayBuffer();
  } catch (thrown) {
    throw Fault.from(thrown, "missing", { where: url, remedy });
  }
}

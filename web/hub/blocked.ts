// Why a request failed. Browsers give pages the same error for all reasons.

import type { Tools } from "../module/tools.js";

const maxKept = 50;

// The URLs that the policy of this page has blocked.
const blocked: string[] = [];
document.addEventListener("securitypolicyviolation", (event) => {
  if (event.effectiveDirective === "connect-src" && event.disposition === "enforce")
    blocked.splice(maxKept - 1, 1, event.blockedURI);
});

/** Converts a fault of a request that failed without an answer to one that names the reason. */
export async function explainFailure(thrown: unknown, what: string, { Fault }: Tools): Promise<unknown> {
  if (!(thrown instanceof Fault) || thrown.detail !== "cannot be reached") return thrown;
  const { where, cause } = thrown;
  await new Promise((resolve) => setTimeout(resolve)); // the event may come after the error
  const url = blocked.at(-1);
  blocked.length = 0;
  if (url !== undefined) {
    const origin = URL.canParse(url) ? new URL(url).origin : url;
    const redirected = origin === new URL(where).origin ? "" : `, to which ${where} leads`;
    return new Fault("unsupported", {
      where: what,
      field: "Content-Security-Policy",
      detail: `the policy of this page blocks ${origin}${redirected}`,
      remedy: `allow it and the servers to which it redirects in connect-src; the Hugging Face hub needs ${hubSources}`,
    });
  }
  if (!navigator.onLine) {
    const remedy = "connect to the internet and open the model again: the download resumes";
    return new Fault("missing", { where: what, detail: "this device is offline", remedy, cause });
  }
  return new Fault("missing", {
    where,
    detail: `cannot be reached, or does not allow requests of ${location.origin} (CORS)`,
    remedy: "check the connection and the URL; servers of other origins must send Access-Control-Allow-Origin",
    cause,
  });
}

/** The hub and its servers for large files. */
const hubSources = "https://huggingface.co https://*.hf.co";

// Starts the worker. Browsers start workers only from scripts of the page's own origin. When the
// module was loaded from another origin, the worker is started from a blob: URL whose only line
// imports the real script. The page's Content-Security-Policy must then contain blob: and that
// script's origin in `worker-src`. A page that does not want that names a worker of its own origin;
// see docs/hosting.md. A sandboxed frame needs a data: URL, because Chromium starts no module
// worker from its blob: URLs.

import { Fault } from "../fault.js";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: { createScriptURL(url: string): string } | undefined;

// Under Trusted Types, a worker's URL must come from a policy. The page's Content-Security-Policy
// must allow the policy "nextquill".
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) return url;
  policy ??= trustedTypes.createPolicy("nextquill", { createScriptURL: (href) => href });
  return policy.createScriptURL(url);
}

// A sandboxed frame has the origin "null", which location.origin does not tell.
const isForeign = (script: URL) => script.origin !== globalThis.origin;
const isSandboxed = () => globalThis.origin === "null";

/** Starts the script as a module worker. */
export function startWorker(script: URL): Worker {
  const options = { type: "module", name: "nextquill" } as const;
  if (!isForeign(script)) return new Worker(trusted(script.href), options);
  const text = `import ${JSON.stringify(script.href)};`;
  if (isSandboxed()) return new Worker(trusted(`data:text/javascript,${encodeURIComponent(text)}`), options);
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    const worker = new Worker(trusted(url), options);
    const revoke = () => URL.revokeObjectURL(url);
    worker.addEventListener("message", revoke, { once: true });
    worker.addEventListener("error", revoke, { once: true });
    return worker;
  } catch (thrown) {
    URL.revokeObjectURL(url);
    throw thrown;
  }
}

/** The fault of a worker's error event. An event without a message means that no script ran. */
export function workerFault(script: URL, message: string | undefined): Fault {
  if (message) return new Fault("internal", { where: "worker", detail: message, remedy: "reload the page" });
  const detail = "the script cannot be loaded";
  if (!isForeign(script)) return new Fault("internal", { where: "worker", detail, remedy: "reload the page" });
  return new Fault("unsupported", {
    where: script.href,
    field: "worker",
    detail: `${detail} from another origin`,
    remedy:
      `allow worker-src ${isSandboxed() ? "data:" : "blob:"} ${script.origin} in the page's Content-Security-Policy, ` +
      "or set worker to a copy of this script on the page's own origin",
  });
}

// The script of a page in a sandboxed frame of another site. It tells the page around it the
// outcome.

import { useAll } from "./denied.js";

try {
  parent.postMessage({ origin: globalThis.origin, outcome: await useAll() }, "*");
} catch (thrown) {
  parent.postMessage({ error: thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown) }, "*");
}

// Serves a Worker on workerd, by miniflare: node serve.mjs CONFIG PORT STATE. The folder STATE keeps
// the local buckets.
//
// `wrangler dev` puts a proxy of its own in front of the Worker, which opens a connection for each
// piece of a large body and keeps it: some 280 after one file of 4 MB. Tests under load would
// measure that proxy.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const [config, port, state] = process.argv.slice(2);
const wrangler = join(dirname(fileURLToPath(import.meta.url)), "../node_modules/.bin/wrangler");

// The modules as they would be deployed.
const folder = mkdtempSync(join(tmpdir(), "worker-"));
execFileSync(wrangler, ["deploy", "--dry-run", "--config", config, "--outdir", folder], { stdio: ["ignore", "ignore", "inherit"] });
const types = { ".wasm": "CompiledWasm", ".json": "Text", ".js": "ESModule" };
const files = readdirSync(folder).filter((name) => /\.(js|wasm|json)$/.test(name));
files.sort((a, b) => Number(b.endsWith(".js")) - Number(a.endsWith(".js"))); // the entry point first
const modules = files.map((name) => ({ type: types[name.slice(name.lastIndexOf("."))], path: join(folder, name) }));

const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
const miniflare = new Miniflare({
  ...workerOptions,
  modules,
  modulesRoot: folder,
  host: "127.0.0.1",
  port: Number(port),
  cf: false,
  r2Persist: join(state, "v3/r2"),
});
await miniflare.ready;
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => miniflare.dispose().then(() => process.exit(0)));

// Models of a hub: ids, revisions and files, downloads that break, and what cannot be used. The
// server is that of the package hubserver.

import { estimate, type HubOptions, NextQuill, openHistory } from "nextquill";
import "nextquill/element";

import {
  command,
  equal,
  excludes,
  greater,
  includes,
  log,
  match,
  ok,
  rejects,
  test,
} from "../../browsertest/testfile/testing.js";
import { browser, sampleItems, smallRun } from "./support.js";

interface Faults {
  cut?: Record<string, number[]>;
  wrong?: Record<string, number>;
  filesOnly?: boolean;
  namesOnly?: boolean;
  noRanges?: boolean;
  noCORS?: boolean;
  down?: boolean;
  delay?: number;
}

let hub = "";
let foreign = "";
const requests = () => command<string[]>("hubRequests");
const fails = (faults: Faults = {}) => command("hubFails", faults);
/** Makes another tiny model the newest commit of quill/tiny, and returns the commit. */
const push = (seed: number) => command<string>("hubPush", seed);

const tiny = "quill/tiny";
const gguf = "quill/embedded-GGUF";
const open = (model: string | File, options: HubOptions & { signal?: AbortSignal } = {}) =>
  NextQuill.open({ model, hub, ...options });

/** Opens a model, and returns what it was and which requests the hub got. */
async function visit(model: string | File, options: HubOptions = {}) {
  await requests();
  const nq = await open(model, options);
  await nq.dispose();
  return { model: nq.model, requests: await requests() };
}

/** The files that were requested from the server for large files, with their ranges. */
const large = (all: string[]) =>
  all.filter((line) => line.startsWith("GET /repos/")).map((line) => line.replace(/^GET \/repos\/\S+\//, ""));

let commit = "";

test("an id opens, learns and writes", async () => {
  ({ hub, foreign } = await command<{ hub: string; foreign: string }>("hub"));
  await requests();
  const nq = await open(tiny);
  const got = await requests();
  equal(got[0], `GET /api/models/${tiny}/revision/main`);
  for (const line of got.slice(1)) match(line, /\/[0-9a-f]{40}\//, "files are requested at a commit");
  equal(large(got), ["tokenizer.json", "model.safetensors"]);
  excludes(got.join(" "), "README.md");
  excludes(got.join(" "), "onnx");
  equal(nq.model.name, tiny);
  commit = /tree\/([0-9a-f]{40})$/.exec(nq.model.source)?.[1] ?? "";
  equal(nq.model.source, `${hub}/${tiny}/tree/${commit}`);
  await nq.history.addAll(await sampleItems(6));
  await nq.personalize(smallRun).result;
  greater((await nq.write({ context: "ambition", maxTokens: 4 }).result).tokens, 0);
  await nq.dispose();
});

test("later visits ask for the commit only, and a commit asks for nothing", async () => {
  const again = await visit(tiny);
  equal(again.requests, [`GET /api/models/${tiny}/revision/main`]);
  for (const name of [`${tiny}@${commit}`, again.model.source]) {
    const pinned = await visit(name);
    equal(pinned.requests, []);
    equal(pinned.model.id, again.model.id);
  }
  equal((await visit(`${hub}/${tiny}/tree/main`)).model.id, again.model.id);
  equal((await visit(tiny, { revision: commit })).requests, []);
});

test("without a connection, the stored files open", async () => {
  await fails({ down: true });
  const { model } = await visit(tiny);
  equal(model.source, `${hub}/${tiny}/tree/${commit}`);
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  includes((await rejects(open("quill/onnx"), "missing")).message, "quill/onnx: this device is offline");
  Object.defineProperty(navigator, "onLine", { value: true, configurable: true });
  await fails();
});

test("a repository of GGUF files: the best type, or the file that is named", async () => {
  const best = await visit(gguf);
  equal(large(best.requests), ["embedded-q8_0.gguf bytes=0-65535", "tokenizer.json", "embedded-q8_0.gguf"]);
  const named = await open(gguf, { file: "embedded-q8_0.gguf" });
  equal(named.model.id, best.model.id);
  greater((await named.write({ context: "ambition", maxTokens: 2, plain: true }).result).tokens, 0);
  await named.dispose();
  const { message } = await rejects(open(gguf, { file: "embedded-q2_k.gguf" }), "missing");
  includes(message, `"embedded-q2_k.gguf" does not exist; use one of "embedded-f16.gguf"`);
  includes((await rejects(open("quill/several-GGUF"), "missing")).message, `several GGUF files: "a.gguf", "b.gguf"`);
});

test("the URL of a GGUF file, and a file of the user", async () => {
  const url = `${hub}/${gguf}/resolve/main/embedded-q8_0.gguf`;
  const stored = await visit(url);
  equal(stored.model.name, gguf);
  // A server that is no hub: the site of the page, which tells no hash.
  const model = await (await fetch(url)).blob();
  await command("putGGUF");
  const plain = await NextQuill.open({ model: "files/embedded.gguf" });
  equal(plain.model.name, "embedded");
  await plain.dispose();

  const file = new File([model], "mine.gguf");
  const nq = await open(file);
  equal(nq.model.name, "mine");
  match(nq.model.source, /^files:[0-9a-f]{16}$/);
  await nq.dispose();
  const again = await NextQuill.open({ model: nq.model.source });
  equal(again.model.id, nq.model.id);
  await again.dispose();
  includes((await rejects(open(new File(["text"], "a.gguf")), "malformed")).message, "a.gguf: is not a GGUF file");
  includes((await rejects(NextQuill.open({ model: "files:0" }), "missing")).message, "choose its files again");
});

test("a broken download resumes at its byte, in this visit and in the next", async () => {
  const seed = await push(11);
  const size = (await estimate(tiny, undefined, { hub })).download ?? 0;
  await fails({ cut: { "model.safetensors": [100_000, 50_000, 0, 0] } });
  await requests();
  const { message } = await rejects(open(tiny), "missing");
  includes(message, "the connection was interrupted");
  const first = large(await requests());
  includes(first, "model.safetensors bytes=100000-");
  includes(first, "model.safetensors bytes=150000-");
  await fails();
  const second = await visit(tiny);
  equal(
    large(second.requests).filter((line) => line.startsWith("model")),
    ["model.safetensors bytes=150000-"],
  );
  ok(second.model.source.endsWith(seed));
  log(`${size} bytes in two visits`);
});

test("a server that ignores ranges sends the file again", async () => {
  await push(12);
  await fails({ cut: { "model.safetensors": [100_000] }, noRanges: true });
  await visit(tiny);
  await fails();
});

test("a branch that moves during a download does not mix versions", async () => {
  const before = await push(13);
  await fails({ cut: { "model.safetensors": [100_000, 0, 0, 0] } });
  await rejects(open(tiny), "missing");
  await fails();
  const after = await push(14);
  await requests();
  const moved = await visit(tiny);
  ok(moved.model.source.endsWith(after));
  includes(large(moved.requests), "model.safetensors");
  const old = await visit(`${tiny}@${before}`);
  ok(old.model.id !== moved.model.id);
  includes(large(old.requests), "model.safetensors bytes=100000-");
});

test("wrong bytes are refused, in large files and in small ones", async () => {
  await push(15);
  await fails({ wrong: { "model.safetensors": 70_000 } });
  includes((await rejects(open(tiny), "mismatch")).message, "model.safetensors: sha256");
  await fails({ wrong: { "config.json": 10 } });
  await push(16);
  includes((await rejects(open(tiny), "mismatch")).message, "config.json: git hash");
  await fails();
  await visit(tiny);
});

test("a mirror without the hub's API", async () => {
  await fails({ filesOnly: true });
  const source = `${hub}/${tiny}/tree/main`;
  const mirrored = await visit(source);
  ok(mirrored.requests.includes(`HEAD /${tiny}/resolve/main/config.json`));
  const other = await rejects(open("quill/nothing"), "missing");
  includes(other.message, "quill/nothing: the repository does not exist");
  await fails();
});

test("a list of names alone: sizes and hashes come from headers", async () => {
  await push(21);
  await fails({ namesOnly: true, cut: { "model.safetensors": [100_000, 0, 0, 0] } });
  await rejects(open(tiny), "missing");
  await fails({ namesOnly: true });
  const again = large((await visit(tiny)).requests);
  includes(again, "model.safetensors bytes=100000-", "the ETag is that of the first visit");
  await push(22);
  await fails({ namesOnly: true, wrong: { "config.json": 10 } });
  includes((await rejects(open(tiny), "mismatch")).message, "config.json: git hash");
  await fails();
});

test("what cannot be used is refused by name, before weights are downloaded", async () => {
  const cases: [string, HubOptions, string, string][] = [
    ["quill/nothing", {}, "missing", `add a slash at its end`],
    ["quill/private", {}, "missing", "does not exist on"],
    ["quill/gated", {}, "missing", "is gated"],
    [tiny, { revision: "v9" }, "missing", `the revision "v9" does not exist`],
    ["quill/onnx", { file: "onnx/model.onnx" }, "unsupported", `"onnx/model.onnx" is no model`],
    ["quill/onnx", {}, "unsupported", `it has "README.md", "onnx/model.onnx"`],
    ["quill/mamba", {}, "unsupported", `quill/mamba/config.json: architectures: is "MambaForCausalLM"`],
    ["quill/mamba-GGUF", {}, "unsupported", `general.architecture: is "mamba"`],
    [`${tiny}@v1`, { revision: "v2" }, "mismatch", `is "v2", but the name of the model says "v1"`],
    [`${hub}/datasets/tiny`, {}, "malformed", "is not a repository of a model"],
    [tiny, { hub: "ftp://hub" }, "malformed", "is not a URL of a server"],
  ];
  for (const [model, options, kind, says] of cases) {
    await requests();
    const { message } = await rejects(open(model, options), kind);
    includes(message, says);
    excludes(large(await requests()), "model.safetensors", message);
    log(message);
  }
});

test("a full storage is reported before the download", async () => {
  await push(17);
  // Chromium reports its quota rounded, so the test reports one itself.
  const { estimate } = StorageManager.prototype;
  StorageManager.prototype.estimate = async () => ({ usage: 9_000_000, quota: 10_000_000 });
  await requests();
  const { message } = await rejects(open(tiny), "storage");
  StorageManager.prototype.estimate = estimate;
  includes(message, "but this site may store only 1 MB more (limit 9 MB used of 10 MB)");
  equal(large(await requests()), []);
  await visit(tiny);
});

test("servers that the browser does not let the page read", async () => {
  await browser.takeMessages();
  const policy = await rejects(open(tiny, { hub: foreign }), "unsupported");
  includes(policy.message, `Content-Security-Policy: the policy of this page blocks ${foreign}`);
  includes(policy.message, "connect-src; the Hugging Face hub needs https://huggingface.co");
  await push(20);
  await fails({ noCORS: true });
  includes((await rejects(open(tiny), "missing")).message, "(CORS)");
  await fails();
  for (const model of [
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "hf.co/HuggingFaceTB/SmolLM2-135M-Instruct@main",
    "https://huggingface.co/Qwen/Qwen3-0.6B-GGUF/blob/main/Qwen3-0.6B-Q8_0.gguf",
  ]) {
    includes((await rejects(NextQuill.open({ model }), "unsupported")).message, "page blocks https://huggingface.co;");
  }
  log(policy.message);
  for (const line of await browser.takeMessages()) match(line, /Content Security Policy|CORS|Failed to load/);
});

test("a download is cancelled at once", async () => {
  await push(18);
  await fails({ delay: 200 });
  const stop = new AbortController();
  const opening = open(tiny, { signal: stop.signal });
  setTimeout(() => stop.abort(), 500);
  const fault: unknown = await rejects(opening, "cancelled");
  equal((fault as Error).name, "AbortError");
  await fails();
});

test("the element takes the same names, and files", async () => {
  const element = document.createElement("next-quill");
  element.setAttribute("hub", hub);
  element.setAttribute("revision", commit);
  element.setAttribute("model", tiny);
  document.body.append(element);
  equal((await element.open()).model.source, `${hub}/${tiny}/tree/${commit}`);
  element.model = new File(["text"], "mine.gguf");
  includes((await rejects(element.open(), "malformed")).message, "mine.gguf: is not a GGUF file");
  element.model = tiny;
  equal((await element.open()).model.name, tiny);
  element.remove();
});

test("adapters stay with their model", async () => {
  const history = openHistory();
  equal((await history.list()).length, 6, "all models have the same texts");
  history.close();
  const first = await open(`${tiny}@${commit}`);
  ok((await first.adapter.info()) !== undefined, "the first model has its adapter");
  await first.dispose();
  const other = await open(tiny);
  equal(await other.adapter.info(), undefined);
  await other.dispose();
});

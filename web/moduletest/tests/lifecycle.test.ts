// The life of an adapter with the embedded model: it is trained, writes, explains, is kept,
// exported and removed. Each case needs the adapter that "personalize" leaves in storage.

import { NextQuill, type PersonalizeOptions } from "nextquill";
import { NextQuillElement } from "nextquill/element";

import {
  equal,
  excludes,
  fail,
  greater,
  includes,
  log,
  notEqual,
  ok,
  rejects,
  test,
} from "../../browsertest/testfile/testing.js";
import { unzipSync } from "../../vendor/fflate/index.js";
import {
  adapterHash,
  ambition,
  firstEvent,
  later,
  locks,
  sampleItems,
  secondsSince,
  site,
  storage,
  until,
} from "./support.js";

let nq: NextQuill;

const openModel = () => NextQuill.open({ model: "model/" });

test("personalize", async () => {
  const progress = new Set<string>();
  let start = performance.now();
  nq = await NextQuill.open({ model: "model/", onProgress: (e) => progress.add(e.status) });
  const opened = performance.now() - start;
  for (const status of ["initiate", "download", "progress", "progress_total", "done", "ready"])
    includes([...progress], status);

  await nq.history.clear();
  await nq.history.addAll(await sampleItems(6));
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  });
  observer.observe({ entryTypes: ["longtask"] });
  start = performance.now();
  const run = nq.personalize({ epochs: 1, training: { batchSize: 2, checkpointEvery: 1 } });

  const other = await NextQuill.open({ model: "model/", base: "q4" });
  const small = (await other.estimate()).gpu;
  await rejects(other.personalize().result, "busy");
  await rejects(nq.measure(), "busy");
  await other.dispose();

  const events = new Set<string>();
  let phases = 0;
  for await (const e of run) {
    events.add(e.event === "state" ? e.state : e.event);
    phases = Math.max(phases, e.phase);
  }
  const result = await run.result;
  observer.disconnect();
  log(
    `opened in ${opened.toFixed()} ms; 6 texts, 1 epoch in ${secondsSince(start)} s: ` +
      `${JSON.stringify(result)}; longest task ${longest.toFixed()} ms`,
  );
  equal(phases, 1);
  for (const event of ["running", "stage", "step", "checkpoint", "done"]) includes([...events], event);
  greater(result.loss, 0);

  const { download, storage, gpu } = await nq.estimate();
  equal(download, 0);
  equal(storage.checkpoints, 0);
  greater(storage.adapters, 0);
  greater(storage.models, await site.size(await site.largestFile("model")));
  ok(gpu !== undefined && small !== undefined);
  greater(gpu.train, gpu.write);
  greater(gpu.write, small.write + (1 << 20), "a base in q4 needs less");
  greater(gpu.train, small.train + (1 << 20), "a base in q4 needs less");
});

test("write and explain", async () => {
  const options = { context: { word: "ambition", part: "noun" }, maxTokens: 12, seed: 7 };
  const start = performance.now();
  const draft = nq.write(options);
  const pieces: string[] = [];
  let first = 0;
  for await (const piece of draft) {
    first ||= performance.now() - start;
    pieces.push(piece);
  }
  const { text, tokens: written } = await draft.result;
  const all = performance.now() - start;
  equal(pieces.join(""), text);
  const again = performance.now();
  const second = nq.write(options);
  let kept = 0;
  for await (const _ of second) kept ||= performance.now() - again;
  equal((await second.result).text, text, "the same seed gives the same text");
  log(`first piece with the model on the GPU after ${kept.toFixed()} ms`);
  const plain = (await nq.write({ context: "ambition", maxTokens: 4, plain: true, steer: 0 }).result).text;
  log(`first piece after ${first.toFixed()} ms, ${written} tokens after ${all.toFixed()} ms: ${text}; plain: ${plain}`);

  const stop = new AbortController();
  const stopping = nq.write({ context: "ambition", signal: stop.signal });
  stop.abort();
  await rejects(stopping.result, "cancelled");

  const { tokens, items } = await nq.explain({ context: options.context, text: "An overmastering desire." });
  equal(items.length, 3);
  for (const item of items) notEqual(item.id, "");
  greater(tokens.length, 0);
  for (const token of tokens) equal(token.influence?.length, 3);
});

test("an exported adapter writes the same after import", async () => {
  const write = async () => (await nq.write({ context: ambition, maxTokens: 8, temperature: 0 }).result).text;
  const before = await write();
  const zip = await nq.adapter.export();
  await nq.adapter.remove();
  await rejects(nq.adapter.export(), "missing");
  await rejects(nq.adapter.import(new Blob(["no zip"])), "malformed");
  await write();
  const info = await nq.adapter.import(zip);
  equal(await write(), before);
  const files = Object.keys(unzipSync(new Uint8Array(await zip.arrayBuffer())));
  includes(files, "datastore.safetensors");
  equal(info.preset, "imported");
  greater(zip.size, info.bytes);
});

test("kept adapters", async () => {
  const score = async (adapter?: string) => {
    const options = { text: "A wish.", context: ambition, influence: false, ...(adapter !== undefined && { adapter }) };
    return (await nq.explain(options)).tokens.map((token) => token.logpWith);
  };
  const first = await score();
  greater(first.length, 0);
  await nq.adapter.keep("first");
  await nq.personalize({
    from: true,
    preset: "contextsft",
    epochs: 1,
    maxItems: 2,
    training: { batchSize: 1, lr: 0.005 },
  }).result;
  const second = await score();
  notEqual(second, first, "training has changed nothing");
  equal(await score("first"), first);
  await nq.adapter.keep("second");

  // Switching to another adapter is faster while the model stays on the GPU.
  const switchTime = async () => {
    let best = Infinity;
    for (let i = 0; i < 2; i++) {
      await score("second");
      const start = performance.now();
      await score("first");
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  const unloaded = await switchTime();
  await nq.load();
  const loaded = await switchTime();
  log(`explaining after a switch: ${loaded.toFixed()} ms with the model loaded, ${unloaded.toFixed()} ms without`);
  equal(await score("second"), second);
  equal(await score("first"), first);
  await nq.adapter.use("first");
  equal(await score(), first);
  equal(
    (await nq.adapter.list()).map(({ name, current }) => [name, current]),
    [
      ["first", true],
      ["second", false],
    ],
  );

  await rejects(nq.adapter.use("third"), "missing");
  await rejects(nq.adapter.keep(" "), "out-of-range");
  await rejects(nq.write({ adapter: "third" }).result, "missing");
  await rejects(nq.personalize({ from: "third" }).result, "missing");
  await rejects(nq.personalize({ from: true, lora: { rank: 2 } }).result, "mismatch");

  equal((await nq.adapter.folders()).length, 2);
  await nq.adapter.remove("second");
  await nq.adapter.remove(); // "first" is kept under its name, and no longer in use
  await rejects(nq.adapter.export(), "missing");
  notEqual(await score(), first, "the base model scores as the adapter");
  await nq.adapter.use("first");
  await nq.adapter.remove("first"); // it stays in use, without a name
  equal(await score(), first);
  await nq.unload();
  equal((await nq.adapter.folders()).length, 1);
  equal(
    (await nq.adapter.list()).map(({ name }) => name),
    [],
  );
});

test("pause, resume and cancel", async () => {
  const options: PersonalizeOptions = {
    preset: "nextquill-code",
    epochs: 2,
    training: { batchSize: 1, checkpointEvery: 1 },
  };
  const run = nq.personalize(options);
  await firstEvent(run, "step");
  await run.pause();
  equal(run.state, "paused");
  await nq.write({ context: "ambition", maxTokens: 2 }).result;
  equal(run.state, "paused", "a draft does not continue a run that pause() has stopped");
  await nq.dispose();

  nq = await openModel();
  equal((await nq.unfinished())?.preset, "nextquill-code");
  const resumed = nq.personalize({ resume: true });
  const result = await resumed.result;
  equal(resumed.state, "done");
  greater(result.resumed, 0);
  greater(result.steps, result.resumed);

  const cancelled = nq.personalize(options);
  await firstEvent(cancelled, "step");
  await cancelled.cancel();
  equal(cancelled.state, "cancelled");
  equal(await nq.unfinished(), undefined);
  equal((await nq.estimate()).storage.checkpoints, 0);
});

test("drafts during a run pause it, and do not change its result", async () => {
  const options: PersonalizeOptions = { preset: "contextsft", epochs: 2, training: { batchSize: 1 } };
  await nq.personalize(options).result;
  const undisturbed = await adapterHash(nq);
  const run = nq.personalize(options);
  await firstEvent(run, "step");
  const drafts = [nq.write({ maxTokens: 3 }), nq.write({ maxTokens: 3, plain: true })];
  for (const { tokens } of await Promise.all(drafts.map(({ result }) => result))) greater(tokens, 0);
  greater((await nq.explain({ text: "A text.", influence: false })).tokens.length, 0);
  const { resumed } = await run.result;
  greater(resumed, 0);
  equal(await adapterHash(nq), undisturbed);
});

test("the speed is measured, and nothing is stored", async () => {
  const before = await storage();
  const { tokensPerSecond } = await nq.measure();
  greater(tokensPerSecond, 1);
  equal(await storage(), before);
  log(`${tokensPerSecond.toFixed()} tokens per second`);
});

test("instances open and close without a trace", async () => {
  const start = performance.now();
  let last = nq;
  for (let i = 0; i < 8; i++) {
    const two = await Promise.all([openModel(), openModel()]);
    await Promise.all(two.map((one) => one.dispose()));
    last = two[0];
  }
  log(`an instance opens and closes in ${((performance.now() - start) / 16).toFixed()} ms`);
  await rejects(last.write().result, "cancelled");
  equal(await locks(), 0);
});

test("the element shows texts as text, and its draft is the form's", async () => {
  await nq.history.add({ text: "<img src=x onerror=alert(1)><b>hostile</b>", time: new Date() });
  const form = document.createElement("form");
  const element = document.createElement("next-quill");
  ok(element instanceof NextQuillElement);
  const attributes = { model: "model/", name: "answer", required: "", "max-tokens": "4", "aria-label": "Answer" };
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  form.append(element);
  document.body.append(form);
  const root = element.shadowRoot;
  ok(root);
  const find = <T extends Element = HTMLElement>(selector: string) => {
    const found = root.querySelector<T>(selector);
    return found ?? fail(`the element has no ${selector}`);
  };
  const events: string[] = [];
  for (const name of ["input", "change", "nq-progress", "nq-draft", "nq-explain", "nq-error"])
    element.addEventListener(name, () => events.push(name));
  equal(form.checkValidity(), false);

  await until(() => root.querySelectorAll("li").length > 0);
  equal(find("li span").textContent, "<img src=x onerror=alert(1)><b>hostile</b>");
  equal(find("summary").textContent, "Your texts: 7");

  find<HTMLInputElement>("#about").value = "ambition";
  find("button.main").click();
  await until(() => events.includes("nq-draft") || events.includes("nq-error"));
  const draft = element.value;
  notEqual(draft, "");
  equal(find("[role=status],[role=alert]").textContent, "The draft is ready.");
  await element.explain();
  equal(
    [...root.querySelectorAll<HTMLInputElement>("input, textarea")]
      .filter((input) => input.labels?.length === 0)
      .map(({ id }) => id),
    [],
  );
  equal(new FormData(form).get("answer"), draft);
  equal(form.checkValidity(), true);
  greater(root.querySelectorAll(".explained span").length, 0);
  equal(root.querySelectorAll("img, b").length, 0);
  excludes(events, "nq-error");
  includes(events, "change");
  form.reset();
  equal(element.value, "");
  form.remove();
});

test("forget", async () => {
  await site.takeRequests();
  const { removed, left } = await nq.forget();
  equal(left, []);
  greater(removed.bytes, await site.size(await site.largestFile("model")));
  equal(removed.databases, 1);
  await later(100); // nothing may create storage again
  equal(await storage(), { files: [], databases: [] });
  equal(await site.takeRequests(), [], "forgetting makes no request");
});

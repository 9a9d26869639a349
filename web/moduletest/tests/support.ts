// What the test files of the module share: the commands of the Go test, texts, models and runs.

import { type NewItem, NextQuill, type PersonalizeOptions, type Run, type RunEvent } from "nextquill";

import { command, equal, fail, includes } from "../../browsertest/testfile/testing.js";
import { unzipSync } from "../../vendor/fflate/index.js";

/** The site that serves the page (site.go). */
export const site = {
  /** The files requested since the last call, in order, each followed by its Range header. */
  takeRequests: () => command<string[]>("takeRequests"),
  /**
   * Makes the next answers with a file fail: each ends after so many bytes, or is an error 503 for
   * 0 bytes.
   */
  failNext: (file: string, ...after: number[]) => command("failNext", file, after),
  /** The size of a file, whether it is served in one part or in several. */
  size: (file: string) => command<number>("size", file),
  /** The name of the largest file in a folder. */
  largestFile: (folder: string) => command<string>("largestFile", folder),
  /** Flips the lowest bit of one byte of a file. Doing it again restores the file. */
  flipBit: (file: string, offset: number) => command("flipBit", file, offset),
};

/** The browser that shows the page. */
export const browser = {
  /** Sets how many bytes the site may store; 0 resets it to the default. */
  setQuota: (bytes: number) => command("setQuota", bytes),
  /** Ends the process that serves the GPU to all tabs. */
  crashGPU: () => command("crashGPU"),
  /** What was printed and blocked since the last call. */
  takeMessages: () => command<string[]>("takeMessages"),
};

/** The first texts of the sample history as JSONL; all 160 by default. */
export async function sampleTexts(count = Infinity): Promise<string> {
  const text = await (await fetch("samples/history.jsonl")).text();
  return text.split("\n").slice(0, count).join("\n") + (count < Infinity ? "\n" : "");
}

/** The first texts of the sample history; all 160 by default. */
export async function sampleItems(count = Infinity): Promise<NewItem[]> {
  const lines = (await sampleTexts(count)).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as NewItem);
}

/** The tiny model trains in a second. What it computes is as exact as with a large model. */
export function openTiny(options: { signal?: AbortSignal } = {}): Promise<NextQuill> {
  return NextQuill.open({ model: "tiny/", worker: "tests/faultyWorker.js", ...options });
}

/** The tiny model with six texts in the history. */
export async function openTinyWithTexts(): Promise<NextQuill> {
  const nq = await openTiny();
  if ((await nq.history.count()) === 0) await nq.history.addAll(await sampleItems(6));
  return nq;
}

/** A run of two phases of ten steps, with a checkpoint every two steps. */
export const tinyRun: PersonalizeOptions = {
  preset: "nextquill",
  epochs: 2,
  lora: { rank: 4, alpha: 8 },
  training: { batchSize: 1, checkpointEvery: 2 },
};

/** The shortest run that makes all kinds of writes. */
export const smallRun: PersonalizeOptions = {
  preset: "nextquill-code",
  epochs: 1,
  lora: { rank: 4, alpha: 8 },
  training: { batchSize: 2, checkpointEvery: 1 },
};

/**
 * The SHA-256 of the files of the adapter in use. Two zips of the same files may differ, so tests
 * compare this.
 */
export async function adapterHash(nq: NextQuill): Promise<string> {
  const zip = new Uint8Array(await (await nq.adapter.export()).arrayBuffer());
  const files = unzipSync(zip);
  const names = Object.keys(files).sort();
  equal(names, ["adapter_config.json", "adapter_model.safetensors"]);
  includes(new TextDecoder().decode(files["adapter_config.json"]), `"base_model_name_or_path": "default"`);
  const hashes = await Promise.all(
    names.map((name) => crypto.subtle.digest("SHA-256", new Uint8Array(files[name] ?? fail(name)))),
  );
  return hashes
    .map((hash) => Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join(""))
    .join(" ");
}

/** All that is stored: the texts, and the adapter in use if there is one. */
export async function stored(nq: NextQuill): Promise<[texts: string, adapter: string | undefined]> {
  const texts = await (await nq.history.export()).text();
  return [texts, (await nq.adapter.info()) && (await adapterHash(nq))];
}

/** The names of the files and databases of this origin. */
export async function storage(): Promise<{ files: string[]; databases: string[] }> {
  const files = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) files.push(name);
  return { files, databases: (await indexedDB.databases()).map((database) => database.name ?? "") };
}

/** The context of the texts that tests write. */
export const ambition = { word: "ambition" };

/** The seconds since a time of performance.now(), for the log. */
export function secondsSince(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1);
}

export function later(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until a condition of the page holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await later(5);
}

/** How many locks of this origin are held or waited for. */
export async function locks(): Promise<number> {
  const { held = [], pending = [] } = await navigator.locks.query();
  return held.length + pending.length;
}

/** A generator of pseudorandom numbers (mulberry32): whole numbers from 0 to below `limit`. */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Resolves to the event's first appearance in a run. */
export async function firstEvent<K extends RunEvent["event"]>(
  run: Run,
  event: K,
): Promise<Extract<RunEvent, { event: K }>> {
  for await (const e of run) if (e.event === event) return e as Extract<RunEvent, { event: K }>;
  throw new Error(`the run has no ${event}`);
}

// The GPU is lost at random moments: in a run, in a draft, in an explanation, in both at once, and
// while nothing runs. The results are as if nothing had happened, and the listeners are told.

import type { NextQuill, RunEvent } from "nextquill";

import { equal, includes, log, ok, rejects, test } from "../../browsertest/testfile/testing.js";
import { onNotice, tellWorkers } from "./instruments.js";
import {
  adapterHash,
  ambition,
  browser,
  firstEvent,
  later,
  openTinyWithTexts,
  randomNumbers,
  secondsSince,
  tinyRun,
} from "./support.js";

const seed = 3;
const random = randomNumbers(seed);
const lossCount = 4;

let nq: NextQuill;
/** The adapter of a run that nothing disturbs. */
let undisturbed: string;

const destroyDevices = () => tellWorkers({ destroy: true });

/** Collects the events "lost" and "reopened" with the kinds of their faults. */
function lossEvents(): string[] {
  const seen: string[] = [];
  for (const name of ["lost", "reopened"] as const) {
    nq.addEventListener(name, (e) => seen.push(`${name} ${(e as Event & { fault: { kind: string } }).fault.kind}`));
  }
  return seen;
}

interface Position {
  phase: number;
  step: number;
}

const isBefore = (a: Position, b: Position) => a.phase < b.phase || (a.phase === b.phase && a.step < b.step);

test("an undisturbed run", async () => {
  nq = await openTinyWithTexts();
  await nq.personalize(tinyRun).result;
  undisturbed = await adapterHash(nq);
});

test("run", async () => {
  // Any three events have a checkpoint among them.
  const moments = Array.from({ length: lossCount }, () => 3 + random(6));
  const events = lossEvents();
  const start = performance.now();
  const run = nq.personalize(tinyRun);
  // For each loss the newest checkpoint, and the first event after it: a step, or after a phase's
  // last step its checkpoint again.
  const resumed: { saved: Position; next: RunEvent & Position }[] = [];
  let [count, broken, recovered] = [0, false, false];
  let saved: Position = { phase: 0, step: 0 };
  for await (const e of run) {
    if (e.event === "state" && e.state === "recovering") recovered = true;
    if (e.event !== "step" && e.event !== "checkpoint") continue;
    if (recovered) {
      resumed.push({ saved, next: e });
      [count, broken, recovered] = [0, false, false];
    }
    if (e.event === "checkpoint") saved = { phase: e.phase, step: e.step };
    if (!broken && ++count === moments[resumed.length]) {
      broken = true;
      destroyDevices();
    }
  }
  await run.result;
  log(`seed ${seed}: the GPU is lost after ${moments.join()} events, in ${secondsSince(start)} s`);
  for (const { saved, next } of resumed)
    log(`checkpoint ${saved.phase}/${saved.step}, next ${next.event} ${next.phase}/${next.step}`);
  equal(await adapterHash(nq), undisturbed);
  equal(resumed.length, lossCount);
  equal(events.length, 2 * lossCount);
  for (const { saved, next } of resumed) {
    const again = next.event === "checkpoint" && saved.phase === next.phase && saved.step === next.step;
    ok(isBefore(saved, next) || again, "the run does not resume at its newest checkpoint");
  }
});

test("draft and explanation", async () => {
  const events = lossEvents();
  const text = "An overmastering desire.";
  const write = () => nq.write({ context: ambition, maxTokens: 24, seed: 3, temperature: 1.5 });
  const explain = async () => JSON.stringify(await nq.explain({ context: ambition, text }));
  const written = (await write().result).text;
  const explained = await explain();

  const draft = write();
  let [pieces, count] = ["", 0];
  for await (const piece of draft) {
    pieces += piece;
    if (++count === 3) destroyDevices();
  }
  equal((await draft.result).text, written);
  equal(pieces, written, "a piece is given twice or not at all");

  const explaining = explain();
  setTimeout(destroyDevices, random(40));
  equal(await explaining, explained);

  destroyDevices();
  await later(100);
  equal((await write().result).text, written, "a loss while nothing runs");

  // Two calls lose the same GPU: it is opened again once.
  const both = Promise.all([explain(), write().result]);
  setTimeout(destroyDevices, random(40));
  const [again, draftAgain] = await both;
  equal(again, explained);
  equal(draftAgain.text, written);
  log(events.join(", "));
  ok(events.length >= 2 * 3, events.join());
});

test("the browser's GPU process crashes", async () => {
  const events = lossEvents();
  const run = nq.personalize(tinyRun);
  await firstEvent(run, "step");
  await browser.crashGPU();
  await run.result;
  equal(await adapterHash(nq), undisturbed);
  equal(events, ["lost device-lost", "reopened device-lost"]);
});

test("a GPU that is lost again and again ends the run, which can be resumed", async () => {
  const run = nq.personalize(tinyRun);
  await firstEvent(run, "step");
  // Workers that start later are told too.
  const stop = onNotice(({ started }) => started && tellWorkers({ loseDevices: true }));
  tellWorkers({ loseDevices: true });
  destroyDevices();
  const { message } = await rejects(run.result, "device-lost");
  tellWorkers({ loseDevices: false });
  stop();
  includes(message, "resumes from the newest checkpoint");
  equal(run.state, "failed");
  ok((await nq.unfinished()) !== undefined);
  await nq.personalize({ resume: true }).result;
  equal(await adapterHash(nq), undisturbed);
  await nq.dispose();
});

// The loss curves and the duration of a run. They are stored with each checkpoint, so that a run
// that is resumed after a reload continues them.

import type { EvalEvent, StepEvent, Unfinished } from "../module/nextquill.js";
import type { App } from "./app.js";
import type { Chart } from "./chart.js";
import { text } from "./strings.js";

const recordKey = "page:losses";

// The names of the methods, as the paper has them.
const names: Readonly<Record<string, string>> = {
  contextsft: "ContextSFT",
  quill: "Quill",
  nextquill: "NextQuill",
  "nextquill-code": "NextQuill",
};

type Step = Pick<StepEvent, "preset" | "phase" | "step" | "steps" | "loss">;
type Test = Pick<EvalEvent, "preset" | "phase" | "step" | "loss">;

/** What is stored. `made` is the start of the run, which identifies it. */
interface Stored {
  made: string;
  seconds: number;
  steps: Step[];
  tests: Test[];
}

/** Draws the loss of each phase, which has its own objective, and the tests of all phases. */
export class Losses {
  readonly #root: HTMLElement;
  readonly #app: App;
  #stored: Stored = { made: "", seconds: 0, steps: [], tests: [] };
  #began = 0; // of this visit, without pauses; 0 while paused
  #charts: Chart[] = [];
  #tested: Chart | undefined;
  #charted = false; // whether there is a chart of the tests, or will be
  #drawing: Promise<void> = Promise.resolve();
  #made: () => Promise<string | undefined> = async () => undefined;

  constructor(root: HTMLElement, app: App) {
    this.#root = root;
    this.#app = app;
  }

  /** The duration of the run so far, in all visits, without pauses. */
  get seconds(): number {
    return this.#stored.seconds + (this.#began === 0 ? 0 : (performance.now() - this.#began) / 1000);
  }

  /** Removes the curves of the last run. */
  clear(): void {
    this.#root.replaceChildren();
    this.#charts = [];
    this.#tested = undefined;
    this.#charted = false;
  }

  /** Starts a run, or continues the one that is left; `find` returns the record of the run. */
  async start(left: Unfinished | undefined, find: () => Promise<Unfinished | undefined>): Promise<void> {
    this.clear();
    this.#began = performance.now();
    this.#made = async () => (await find())?.made;
    this.#stored = { made: left?.made ?? "", seconds: 0, steps: [], tests: [] };
    if (left === undefined) return;
    const stored = await this.#app.history.record<Stored>(recordKey);
    if (stored?.made !== left.made) return;
    const before = (e: Step | Test): boolean =>
      e.phase <= left.phase || (e.phase === left.phase + 1 && e.step <= left.step);
    this.#stored = { ...stored, steps: [], tests: [] };
    for (const e of stored.steps.filter(before)) this.addStep(e);
    for (const e of stored.tests.filter(before)) this.addTest(e);
  }

  addStep({ preset, phase, step, steps, loss }: Step): void {
    this.#stored.steps.push({ preset, phase, step, steps, loss });
    this.#draw((Chart) => {
      const title = preset.startsWith("nextquill") ? text.chartTypical : text.chartTrain;
      this.#charts[phase - 1] ??= this.#place(new Chart(title, text.chartNote(nameOf(preset))));
      this.#charts[phase - 1]!.add(nameOf(preset), step, steps, loss);
    });
  }

  /** A single test per phase is a figure among others; several make a chart. */
  addTest({ preset, phase, step, loss }: Test): void {
    const { tests, steps } = this.#stored;
    const again = tests.some((one) => one.preset === preset);
    tests.push({ preset, phase, step, loss });
    if (!this.#charted && !again) return;
    const waiting = this.#charted ? tests.slice(-1) : [...tests];
    this.#charted = true;
    const last = steps.at(-1)?.steps ?? step;
    this.#draw((Chart) => {
      this.#tested ??= this.#place(new Chart(text.chartHeldout, text.chartNote(""), true));
      for (const one of waiting) this.#tested.add(nameOf(one.preset), one.step, last, one.loss);
    });
  }

  setPaused(paused: boolean): void {
    if (paused === (this.#began === 0)) return;
    this.#stored.seconds = this.seconds;
    this.#began = paused ? 0 : performance.now();
  }

  /** Stores the curves for a later visit. */
  async save(): Promise<void> {
    this.#stored.made ||= (await this.#made()) ?? "";
    await this.#app.history.setRecord(recordKey, { ...this.#stored, seconds: this.seconds });
  }

  /** Removes what is stored: the run is done. */
  async forget(): Promise<void> {
    this.setPaused(true);
    await this.#app.history.setRecord(recordKey, undefined);
  }

  // The code of the charts comes with the model. Drawings keep their order.
  #draw(task: (kind: typeof Chart) => void): void {
    this.#drawing = this.#drawing.then(async () => task((await import("./chart.js")).Chart)).catch(() => {});
  }

  #place(chart: Chart): Chart {
    if (this.#tested === undefined) this.#root.append(chart.figure);
    else this.#root.insertBefore(chart.figure, this.#tested.figure);
    return chart;
  }
}

function nameOf(preset: string): string {
  return names[preset] ?? preset;
}

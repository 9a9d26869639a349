// The section "Personalize": the training run, its progress, and the buttons to control it.

import { defaults } from "../api.gen.js";
import type { EvalEvent, Preset, ProgressEvent, Run, RunEvent, StepEvent, TextsEvent } from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { duration, percent, plural } from "../ui/format.js";
import { runProgress } from "../ui/progress.js";
import { textsFact } from "../ui/texts.js";
import type { App } from "./app.js";
import { Chart } from "./chart.js";
import { byId, facts } from "./dom.js";

const minTexts = 4;
const announceEvery = 0.1; // of the run, to screen readers

const stages: Readonly<Record<string, string>> = {
  load: "Loading the model",
  tune: "Measuring the GPU",
  expert: "Finding the words that are typical of you",
  compile: "Preparing the GPU",
  train: "Training",
  remember: "Noting which words follow which in your texts",
  evaluate: "Testing on texts that were held out",
  save: "Saving",
};

// What each phase trains, and the name of its method.
const phases: Readonly<Partial<Record<string, { title: string; name: string }>>> = {
  contextsft: { title: "Training on your texts", name: "ContextSFT" },
  quill: { title: "Training on your texts", name: "Quill" },
  nextquill: { title: "Training on what is typical of you", name: "NextQuill" },
  "nextquill-code": { title: "Training on what is typical of you", name: "NextQuill" },
} satisfies Partial<Record<Preset, unknown>>;

// The methods that the user can choose from.
const methods: readonly (readonly [preset: Preset, name: string])[] = [
  ["quill", "Quill: ContextSFT, with your own words at hand while writing"],
  ["nextquill", "NextQuill, as in the paper"],
  ["nextquill-code", "NextQuill, as in its released code"],
  ["contextsft", "ContextSFT, ordinary fine-tuning"],
];

const factNames = [
  "Loss",
  "Loss on held-out texts",
  "Tokens typical of you",
  "Tokens per second",
  "Training texts",
  "Held-out texts",
] as const;
type FactName = (typeof factNames)[number];

export function trainPanel(app: App): void {
  new TrainPanel(app);
}

class TrainPanel {
  readonly #app: App;
  readonly #startButton = byId("train-start", HTMLButtonElement);
  readonly #pause = byId("train-pause", HTMLButtonElement);
  readonly #cancel = byId("train-cancel", HTMLButtonElement);
  readonly #note = byId("train-note", HTMLElement);
  readonly #panel = byId("training", HTMLElement);
  readonly #bar = byId("train-bar", HTMLProgressElement);
  readonly #stage = byId("train-stage", HTMLElement);
  readonly #left = byId("train-left", HTMLElement);
  readonly #figures = byId("train-facts", HTMLElement);
  readonly #live = byId("train-live", HTMLElement);
  readonly #charts = byId("charts", HTMLElement);
  // Each phase has its own objective and therefore its own chart. The held-out loss is the same in
  // all phases.
  #losses: Chart[] = [];
  #tests: Chart | undefined;
  #heldout: { name: string; step: number; loss: number }[] = [];
  #facts: Partial<Record<FactName, string>> = {};
  #steps = 1;
  #run: Run | undefined;
  #unfinished = false;
  #elsewhere = false; // another tab is training
  #announced = 0; // share of the run

  constructor(app: App) {
    this.#app = app;
    const preset = byId("preset", HTMLSelectElement);
    preset.replaceChildren(...methods.map(([value, name]) => h("option", { value }, name)));
    preset.value = defaults.preset;
    byId("epochs", HTMLInputElement).value = String(defaults.epochs);
    for (const event of ["items", "ready", "busy"]) app.addEventListener(event, () => this.#enable());
    app.addEventListener("ready", () => void app.watch(() => this.#findUnfinished()));
    // Another tab may have started or ended a run meanwhile.
    document.addEventListener("visibilitychange", () => void app.watch(() => this.#findUnfinished()));
    byId("train-form", HTMLFormElement).addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#start();
    });
    this.#pause.addEventListener("click", () => {
      const run = this.#run;
      if (run === undefined) return;
      if (run.state === "paused") return run.resume();
      this.#stage.textContent = "Pausing after this step…";
      this.#pause.disabled = true;
      void run.pause();
    });
    this.#cancel.addEventListener("click", () => {
      this.#stage.textContent = "Stopping after this step…";
      this.#cancel.disabled = this.#pause.disabled = true;
      void this.#run?.cancel();
    });
  }

  // Offers to resume the run of an earlier visit.
  async #findUnfinished(): Promise<void> {
    const left = await this.#app.model?.unfinished();
    if (this.#run !== undefined) return;
    this.#elsewhere = left?.active === true;
    this.#unfinished = left !== undefined;
    this.#startButton.textContent = left === undefined || left.active ? "Personalize" : "Resume training";
    this.#enable();
    if (left === undefined) return;
    this.#note.textContent = left.active
      ? "Another tab is training this model."
      : left.step === 0
        ? "Training was interrupted before its first checkpoint."
        : `Training was interrupted at step ${left.step} of ${left.steps}.`;
  }

  #enable(): void {
    const { model, items, busy, noGPU } = this.#app;
    const enough = items.length >= minTexts;
    this.#startButton.disabled = model === undefined || !enough || busy || this.#elsewhere;
    if (busy || this.#unfinished || this.#run !== undefined) return;
    this.#note.textContent = noGPU
      ? "Needs a GPU."
      : !enough
        ? `Add ${minTexts} texts or more first.`
        : model === undefined
          ? this.#app.unavailable
          : `Trains on ${plural(items.length, "text")}.`;
  }

  async #start(): Promise<void> {
    const preset = byId("preset", HTMLSelectElement).value as Preset;
    const typed = byId("epochs", HTMLInputElement).valueAsNumber; // NaN if the field is empty
    const epochs = Number.isNaN(typed) ? defaults.epochs : typed;
    const began = performance.now();
    const { maxItems } = this.#app;
    const finished = await this.#app.work(async (model) => {
      this.#prepare();
      const run = model.personalize(
        this.#unfinished ? { resume: true } : { preset, epochs, ...(maxItems && { maxItems }) },
      );
      this.#run = run;
      for await (const event of run) this.#show(event);
      await run.result;
    });
    this.#run = undefined;
    this.#app.setPaused(false);
    for (const b of [this.#pause, this.#cancel]) b.hidden = true;
    this.#startButton.hidden = false;
    this.#left.textContent = "";
    if (finished) {
      this.#bar.value = 1;
      this.#stage.textContent = `Trained in ${duration((performance.now() - began) / 1000)}.`;
      this.#announce("Training is done.");
    } else {
      this.#stage.textContent = "Stopped.";
      this.#announce("Training stopped.");
    }
    await this.#app.watch(() => this.#findUnfinished());
    this.#app.dispatchEvent(new Event("trained"));
  }

  #prepare(): void {
    this.#charts.replaceChildren();
    this.#losses = [];
    this.#tests = undefined;
    this.#heldout = [];
    this.#facts = {};
    this.#announced = 0;
    this.#panel.hidden = false;
    this.#startButton.hidden = true;
    for (const b of [this.#pause, this.#cancel]) {
      b.hidden = false;
      b.disabled = false;
    }
    this.#pause.textContent = "Pause";
    this.#bar.removeAttribute("value");
    this.#stage.textContent = "Starting";
    this.#left.textContent = this.#note.textContent = "";
    this.#figures.replaceChildren();
    this.#cancel.focus({ preventScroll: true });
  }

  #show(event: RunEvent): void {
    const { title, name } = phases[event.preset] ?? { title: "Training", name: event.preset };
    switch (event.event) {
      case "stage":
        this.#stage.textContent = stages[event.stage] ?? event.stage;
        break;
      case "texts":
        this.#showTexts(event);
        break;
      case "progress":
        this.#showProgress(event);
        break;
      case "step":
        this.#showStep(event, title, name);
        break;
      case "eval":
        this.#showTest(event, name);
        break;
      case "state":
        this.#showState();
        break;
    }
  }

  // Says which texts are split or left out. Without any it says nothing.
  #showTexts({ train, heldout }: TextsEvent): void {
    const [learned, tested] = [textsFact(train), textsFact(heldout)];
    this.#showFacts({
      ...(learned !== undefined && { "Training texts": learned }),
      ...(tested !== undefined && { "Held-out texts": tested }),
    });
  }

  // How far the step is that runs, or another stage.
  #showProgress(e: ProgressEvent): void {
    const share = e.done / e.total;
    if (e.stage === "train") this.#bar.value = (e.phase - 1 + share) / e.phases;
    else this.#stage.textContent = `${stages[e.stage] ?? e.stage}: ${percent(share)}`;
  }

  #showStep(e: StepEvent, title: string, name: string): void {
    this.#steps = e.steps;
    this.#losses[e.phase - 1] ??= this.#chart(title, `${name} loss, lower is better`, false);
    const chart = this.#losses[e.phase - 1]!;
    chart.add(name, e.step, e.steps, e.loss);
    const { done, left } = runProgress(e);
    this.#bar.value = done;
    const part = e.phases > 1 ? `, part ${e.phase} of ${e.phases}` : "";
    this.#stage.textContent = `Step ${e.step} of ${e.steps}${part}`;
    this.#left.textContent = `${duration(left)} left`;
    this.#showFacts({
      Loss: `${e.loss.toFixed(3)} (${name})`,
      "Tokens per second": Math.round(e.tokensPerSecond).toLocaleString("en"),
      ...(!["contextsft", "quill"].includes(e.preset) && { "Tokens typical of you": percent(e.causalShare) }),
    });
    if (done >= this.#announced + announceEvery) {
      this.#announced = Math.floor(done / announceEvery) * announceEvery;
      this.#announce(`${percent(this.#announced)} done, ${duration(left)} left.`);
    }
  }

  // A single test per phase is shown as a figure, several as a chart.
  #showTest(e: EvalEvent, name: string): void {
    this.#showFacts({ "Loss on held-out texts": e.loss.toFixed(3) });
    const again = this.#heldout.some((one) => one.name === name);
    this.#heldout.push({ name, step: e.step, loss: e.loss });
    if (this.#tests === undefined && !again) return;
    const waiting = this.#tests === undefined ? this.#heldout : this.#heldout.slice(-1);
    this.#tests ??= this.#chart("Held-out texts", "loss, lower is better", true);
    for (const one of waiting) this.#tests.add(one.name, one.step, this.#steps, one.loss);
  }

  #chart(title: string, note: string, dots: boolean): Chart {
    const chart = new Chart(title, note, dots);
    if (this.#tests === undefined || dots) this.#charts.append(chart.figure);
    else this.#charts.insertBefore(chart.figure, this.#tests.figure);
    return chart;
  }

  #showFacts(news: Partial<Record<FactName, string>>): void {
    Object.assign(this.#facts, news);
    const known = factNames.filter((name) => this.#facts[name] !== undefined);
    facts(
      this.#figures,
      known.map((name) => [name, this.#facts[name]!]),
    );
  }

  #showState(): void {
    const state = this.#run?.state;
    this.#app.setPaused(state === "paused");
    this.#pause.textContent = state === "paused" ? "Resume" : "Pause";
    this.#pause.disabled = state !== "paused" && state !== "running";
    if (state === "paused") {
      this.#stage.textContent = "Paused";
      this.#left.textContent = "";
      this.#announce("Paused.");
    } else if (state === "recovering") {
      this.#stage.textContent = "The GPU was lost. Opening it again to resume from the newest checkpoint";
    }
  }

  #announce(text: string): void {
    this.#live.textContent = text;
  }
}

// Personalize: the job, its progress, and the buttons that hold it.

import type { EvalEvent, Preset, Run, RunEvent, StepEvent } from "../module/nextquill.js";
import type { App } from "./app.js";
import { Chart } from "./chart.js";
import { byId, facts } from "./dom.js";
import { duration, percent, plural } from "./format.js";

const fewest = 4;
const tellEvery = 0.1; // of the whole, to a screen reader

const stages: Readonly<Record<string, string>> = {
  load: "Reading the model", tune: "Measuring this device", expert: "Reading what judges your words", train: "Learning",
  evaluate: "Testing on texts it has not seen", save: "Saving",
};

// What each phase does, and what the method is called.
const phases: Readonly<Record<string, { title: string; name: string }>> = {
  contextsft: { title: "Learning how you write", name: "ContextSFT" },
  nextquill: { title: "Learning what is yours", name: "NextQuill" },
  "nextquill-code": { title: "Learning what is yours", name: "NextQuill" },
};

const factNames = ["Loss", "Loss on texts held back", "Tokens that are yours", "Tokens a second"] as const;
type FactName = (typeof factNames)[number];

export function learnPanel(app: App): void {
  new LearnPanel(app);
}

class LearnPanel {
  readonly #app: App;
  readonly #startButton = byId("learn-start", HTMLButtonElement);
  readonly #pause = byId("learn-pause", HTMLButtonElement);
  readonly #cancel = byId("learn-cancel", HTMLButtonElement);
  readonly #note = byId("learn-note", HTMLElement);
  readonly #panel = byId("learning", HTMLElement);
  readonly #bar = byId("learn-bar", HTMLProgressElement);
  readonly #stage = byId("learn-stage", HTMLElement);
  readonly #left = byId("learn-left", HTMLElement);
  readonly #figures = byId("learn-facts", HTMLElement);
  readonly #said = byId("learn-said", HTMLElement);
  readonly #charts = byId("charts", HTMLElement);
  // Each phase has its own objective, and so its own scale; tests are alike in all.
  #losses: Chart[] = [];
  #tests: Chart | undefined;
  #held: { name: string; step: number; loss: number }[] = [];
  #facts: Partial<Record<FactName, string>> = {};
  #steps = 1;
  #run: Run | undefined;
  #unfinished = false;
  #told = 0;

  constructor(app: App) {
    this.#app = app;
    for (const event of ["items", "ready", "busy"]) app.addEventListener(event, () => this.#enable());
    app.addEventListener("ready", () => void app.watch(() => this.#look()));
    byId("learn-form", HTMLFormElement).addEventListener("submit", (e) => {
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

  // A training that a closed tab left behind can go on.
  async #look(): Promise<void> {
    const left = await this.#app.model?.unfinished();
    this.#unfinished = left !== undefined;
    this.#startButton.textContent = left === undefined ? "Personalize" : "Go on learning";
    this.#enable();
    if (left !== undefined) this.#note.textContent = `A training stopped at step ${left.step} of ${left.steps}.`;
  }

  #enable(): void {
    const { model, items, busy, unable } = this.#app;
    const enough = items.length >= fewest;
    this.#startButton.disabled = model === undefined || !enough || busy;
    if (busy || this.#unfinished || this.#run !== undefined) return;
    this.#note.textContent = unable ? "Needs a GPU." : !enough ? `Add ${fewest} texts or more first.`
      : model === undefined ? "Fetch the model first." : `Learns from ${plural(items.length, "text")}.`;
  }

  async #start(): Promise<void> {
    const preset = byId("preset", HTMLSelectElement).value as Preset;
    const epochs = byId("epochs", HTMLInputElement).valueAsNumber || 3;
    const began = performance.now();
    const finished = await this.#app.work(async (model) => {
      this.#prepare();
      const run = (this.#run = model.personalize(this.#unfinished ? { resume: true } : { preset, epochs }));
      for await (const event of run) this.#show(event);
      await run.result;
    });
    this.#run = undefined;
    this.#app.hold(false);
    for (const b of [this.#pause, this.#cancel]) b.hidden = true;
    this.#startButton.hidden = false;
    this.#left.textContent = "";
    if (finished) {
      this.#bar.value = 1;
      this.#stage.textContent = `Learnt in ${duration((performance.now() - began) / 1000)}.`;
      this.#say("Learning is done.");
    } else {
      this.#stage.textContent = "Stopped.";
      this.#say("Learning stopped.");
    }
    await this.#app.watch(() => this.#look());
    this.#app.dispatchEvent(new Event("learnt"));
  }

  #prepare(): void {
    this.#charts.replaceChildren();
    this.#losses = [];
    this.#tests = undefined;
    this.#held = [];
    this.#facts = {};
    this.#told = 0;
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
    const { title, name } = phases[event.preset] ?? { title: "Learning", name: event.preset };
    switch (event.event) {
      case "stage":
        this.#stage.textContent = stages[event.stage] ?? event.stage;
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

  #showStep(e: StepEvent, title: string, name: string): void {
    this.#steps = e.steps;
    const chart = (this.#losses[e.phase - 1] ??= this.#chart(title, `${name} loss, lower is better`, false));
    chart.add(name, e.step, e.steps, e.loss);
    const done = (e.phase - 1 + e.step / e.steps) / e.phases;
    this.#bar.value = done;
    const pass = e.phases > 1 ? `, part ${e.phase} of ${e.phases}` : "";
    this.#stage.textContent = `Step ${e.step} of ${e.steps}${pass}`;
    // A later phase takes about what this one takes in all.
    const left = e.remaining + (e.phases - e.phase) * (e.seconds + e.remaining);
    this.#left.textContent = `${duration(left)} left`;
    this.#tell({
      "Loss": `${e.loss.toFixed(3)} (${name})`,
      "Tokens a second": Math.round(e.tokensPerSecond).toLocaleString("en"),
      ...(e.preset !== "contextsft" && { "Tokens that are yours": percent(e.causalShare) }),
    });
    if (done >= this.#told + tellEvery) {
      this.#told = Math.floor(done / tellEvery) * tellEvery;
      this.#say(`${percent(this.#told)} learnt, ${duration(left)} left.`);
    }
  }

  // One test a phase is a figure; several are a line.
  #showTest(e: EvalEvent, name: string): void {
    this.#tell({ "Loss on texts held back": e.loss.toFixed(3) });
    const again = this.#held.some((one) => one.name === name);
    this.#held.push({ name, step: e.step, loss: e.loss });
    if (this.#tests === undefined && !again) return;
    const waiting = this.#tests === undefined ? this.#held : this.#held.slice(-1);
    this.#tests ??= this.#chart("Texts held back", "nats per token, lower is better", true);
    for (const one of waiting) this.#tests.add(one.name, one.step, this.#steps, one.loss);
  }

  #chart(title: string, note: string, dots: boolean): Chart {
    const chart = new Chart(title, note, dots);
    if (this.#tests === undefined || dots) this.#charts.append(chart.figure);
    else this.#charts.insertBefore(chart.figure, this.#tests.figure);
    return chart;
  }

  #tell(news: Partial<Record<FactName, string>>): void {
    Object.assign(this.#facts, news);
    facts(this.#figures, factNames.flatMap((name) => (this.#facts[name] === undefined ? [] : [[name, this.#facts[name]] as const])));
  }

  #showState(): void {
    const state = this.#run?.state;
    this.#app.hold(state === "paused");
    this.#pause.textContent = state === "paused" ? "Resume" : "Pause";
    this.#pause.disabled = state !== "paused" && state !== "running";
    if (state === "paused") {
      this.#stage.textContent = "Paused";
      this.#left.textContent = "";
      this.#say("Paused.");
    } else if (state === "recovering") {
      this.#stage.textContent = "The GPU was lost. Opening it again, to go on from the newest checkpoint";
    }
  }

  #say(text: string): void {
    this.#said.textContent = text;
  }
}

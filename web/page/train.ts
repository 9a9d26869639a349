// The section "Learn from your texts": the training run, its progress, the buttons to control it,
// and its result in words.

import { defaults } from "../api.gen.js";
import type {
  EvalEvent,
  Preset,
  ProgressEvent,
  Run,
  RunEvent,
  RunResult,
  StepEvent,
  TextsEvent,
  Unfinished,
} from "../module/nextquill.js";
import { h } from "../ui/dom.js";
import { count, decimals, percent } from "../ui/format.js";
import { runProgress } from "../ui/progress.js";
import { type App, minTexts } from "./app.js";
import { byId, facts } from "./dom.js";
import { Losses } from "./losses.js";
import { resultText } from "./result.js";
import { type Strings, text } from "./strings.js";

const announceEvery = 0.1; // of the run, to screen readers
const lookEvery = 2000; // ms, at the run of another tab

const factNames = ["loss", "heldoutLoss", "typical", "speed", "train", "heldout", "before", "after"] as const;
type FactName = (typeof factNames)[number] & keyof Strings["facts"];

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
  readonly #result = byId("result", HTMLElement);
  readonly #losses: Losses;
  #facts: Partial<Record<FactName, string>> = {};
  #run: Run | undefined;
  #unfinished: Unfinished | undefined;
  #elsewhere = false; // another tab is training
  #announced = 0; // share of the run

  constructor(app: App) {
    this.#app = app;
    this.#losses = new Losses(byId("charts", HTMLElement), app);
    const preset = byId("preset", HTMLSelectElement);
    preset.replaceChildren(...Object.entries(text.methods).map(([value, name]) => h("option", { value }, name)));
    preset.value = defaults.preset;
    byId("epochs", HTMLInputElement).value = String(defaults.epochs);
    for (const event of ["items", "ready", "busy", "step"]) app.addEventListener(event, () => this.#enable());
    app.addEventListener("ready", () => this.#look());
    // Another tab may have started or ended a run meanwhile.
    document.addEventListener("visibilitychange", () => this.#look());
    byId("train-form", HTMLFormElement).addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#start();
    });
    this.#pause.addEventListener("click", () => {
      const run = this.#run;
      if (run === undefined) return;
      if (run.state === "paused") return run.resume();
      this.#stage.textContent = text.pausing;
      this.#pause.disabled = true;
      void run.pause();
    });
    this.#cancel.addEventListener("click", () => {
      this.#stage.textContent = text.stopping;
      this.#cancel.disabled = this.#pause.disabled = true;
      void this.#run?.cancel();
    });
  }

  #look(): void {
    void this.#app.watch(() => this.#findUnfinished());
  }

  // Offers to resume the run of an earlier visit. While another tab trains, it looks again.
  async #findUnfinished(): Promise<void> {
    const left = await this.#app.model?.unfinished();
    if (this.#run !== undefined) return;
    if (left?.active && !this.#elsewhere) this.#lookAgain();
    this.#elsewhere = left?.active === true;
    this.#unfinished = left?.active ? undefined : left;
    this.#enable();
  }

  #lookAgain(): void {
    setTimeout(() => {
      this.#elsewhere = false; // so that this look plans the next one
      this.#look();
    }, lookEvery);
  }

  #enable(): void {
    const { items, busy, unavailable } = this.#app;
    const enough = items.length >= minTexts;
    this.#startButton.disabled = unavailable !== "" || !enough || this.#elsewhere;
    this.#startButton.textContent = this.#app.label(
      this.#label(Math.min(items.length, this.#app.maxItems ?? Infinity), enough),
    );
    if (busy || this.#run !== undefined) return;
    this.#note.textContent = this.#noteText(enough);
  }

  #label(texts: number, enough: boolean): string {
    if (this.#unfinished !== undefined) return text.resumeLearning;
    if (this.#app.done.learnt) return text.learnAgain;
    return enough ? text.learnFrom(texts) : text.learn;
  }

  #noteText(enough: boolean): string {
    if (this.#elsewhere) return text.elsewhere;
    const left = this.#unfinished;
    if (left === undefined) return enough ? this.#app.unavailable : text.enough(minTexts);
    const share = left.steps === 0 ? 0 : left.step / left.steps;
    return share === 0 && left.phase === 0 ? text.interruptedEarly : text.interrupted(share);
  }

  async #start(): Promise<void> {
    const preset = byId("preset", HTMLSelectElement).value as Preset;
    const typed = byId("epochs", HTMLInputElement).valueAsNumber; // NaN if the field is empty
    const epochs = Number.isNaN(typed) ? defaults.epochs : typed;
    this.#app.learning = true;
    const { maxItems } = this.#app;
    if (this.#app.model === undefined) this.#note.textContent = text.opening;
    let result: RunResult | undefined;
    const finished = await this.#app.work(async (model) => {
      this.#prepare();
      const left = await model.unfinished(); // this visit may have opened the model just now
      const resume = left !== undefined && !left.active;
      const run = model.personalize({
        compare: true,
        ...(resume ? { resume } : { preset, epochs, ...(maxItems && { maxItems }) }),
      });
      this.#run = run;
      await this.#losses.start(left?.active ? undefined : left, () => model.unfinished());
      for await (const event of run) this.#show(event);
      result = await run.result;
    });
    this.#run = undefined;
    this.#app.learning = false;
    this.#app.setPaused(false);
    for (const b of [this.#pause, this.#cancel]) b.hidden = true;
    this.#startButton.hidden = false;
    this.#left.textContent = "";
    if (finished) {
      this.#bar.value = 1;
      const { seconds } = this.#losses;
      this.#stage.textContent = text.learnt(seconds);
      this.#stage.dataset.seconds = String(seconds);
      this.#announce(text.learntAnnounced);
      this.#showResult(result!);
      await this.#app.watch(() => this.#losses.forget());
    } else {
      this.#stage.textContent = text.stopped;
      this.#announce(text.stopped);
    }
    await this.#app.watch(() => this.#findUnfinished());
    this.#app.dispatchEvent(new Event("trained"));
    if (finished) this.#app.dispatchEvent(new Event("learnt"));
  }

  #showResult({ comparison }: RunResult): void {
    this.#result.hidden = false;
    this.#result.textContent = resultText(comparison);
    if (comparison === undefined) return;
    const { plain, personalized, times } = comparison;
    this.#showFacts({
      before: decimals(plain, 3),
      after: `${decimals(personalized, 3)}: ${text.range(times.low, times.high)}`,
    });
  }

  #prepare(): void {
    this.#facts = {};
    this.#announced = 0;
    this.#panel.hidden = false;
    this.#result.hidden = true;
    this.#startButton.hidden = true;
    for (const b of [this.#pause, this.#cancel]) {
      b.hidden = false;
      b.disabled = false;
    }
    this.#pause.textContent = text.pause;
    this.#bar.removeAttribute("value");
    this.#stage.textContent = text.starting;
    this.#left.textContent = this.#note.textContent = "";
    this.#figures.replaceChildren();
    this.#losses.clear();
    this.#cancel.focus({ preventScroll: true });
  }

  #show(event: RunEvent): void {
    switch (event.event) {
      case "stage":
        this.#stage.textContent = text.stages[event.stage] ?? event.stage;
        break;
      case "texts":
        this.#showTexts(event);
        break;
      case "progress":
        this.#showProgress(event);
        break;
      case "step":
        this.#showStep(event);
        break;
      case "eval":
        this.#showTest(event);
        break;
      case "checkpoint":
        void this.#app.watch(() => this.#losses.save());
        break;
      case "state":
        this.#showState();
        break;
    }
  }

  // Says which texts are split or left out. Without any it says nothing.
  #showTexts({ train, heldout }: TextsEvent): void {
    const [learned, tested] = [text.textCounts(train), text.textCounts(heldout)];
    this.#showFacts({
      ...(learned !== undefined && { train: learned }),
      ...(tested !== undefined && { heldout: tested }),
    });
  }

  // How far the step is that runs, or another stage.
  #showProgress(e: ProgressEvent): void {
    const share = e.done / e.total;
    if (e.stage === "train") this.#bar.value = (e.phase - 1 + share) / e.phases;
    else this.#stage.textContent = `${text.stages[e.stage] ?? e.stage}: ${percent(share)}`;
  }

  #showStep(e: StepEvent): void {
    this.#losses.addStep(e);
    const { done, left } = runProgress(e);
    this.#bar.value = done;
    this.#stage.textContent = text.progress(done);
    this.#left.textContent = text.left(left);
    this.#showFacts({
      loss: decimals(e.loss, 3),
      speed: count(Math.round(e.tokensPerSecond)),
      ...(!["contextsft", "quill"].includes(e.preset) && { typical: percent(e.causalShare) }),
    });
    if (done >= this.#announced + announceEvery) {
      this.#announced = Math.floor(done / announceEvery) * announceEvery;
      this.#announce(text.announced(this.#announced, left));
    }
  }

  #showTest(e: EvalEvent): void {
    this.#showFacts({ heldoutLoss: decimals(e.loss, 3) });
    this.#losses.addTest(e);
  }

  #showFacts(news: Partial<Record<FactName, string>>): void {
    Object.assign(this.#facts, news);
    const known = factNames.filter((name) => this.#facts[name] !== undefined);
    facts(
      this.#figures,
      known.map((name) => [text.facts[name], this.#facts[name]!]),
    );
  }

  #showState(): void {
    const state = this.#run?.state;
    this.#app.setPaused(state === "paused");
    this.#losses.setPaused(state === "paused");
    this.#pause.textContent = state === "paused" ? text.resume : text.pause;
    this.#pause.disabled = state !== "paused" && state !== "running";
    if (state === "paused") {
      this.#stage.textContent = text.paused;
      this.#left.textContent = "";
      this.#announce(text.paused);
    } else if (state === "recovering") {
      this.#stage.textContent = text.lost;
    }
  }

  #announce(sentence: string): void {
    this.#live.textContent = sentence;
  }
}

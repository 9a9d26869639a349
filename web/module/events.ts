// What training and writing report, in the module's spelling. The fields and their
// meaning are those of core/session.

import type { Event as GuestEvent } from "../host/client.js";
import type { Fault } from "../fault.js";

/** Which of the run's phases an event belongs to: `phase` counts from 1 to `phases`, and `preset` is what it trains. */
export interface Phase {
  phase: number;
  phases: number;
  preset: string;
}

/** What is being done: "load", "tune", "expert", "train", "evaluate", "save"; done of total, where they are counted. */
export interface StageEvent extends Phase {
  event: "stage";
  stage: string;
  done: number;
  total: number;
}

/** One optimizer step. Losses are in nats per token and come a few steps late. */
export interface StepEvent extends Phase {
  event: "step";
  /** From 1 to `steps`. */
  step: number;
  steps: number;
  epoch: number;
  loss: number;
  ntpLoss: number;
  alignLoss: number;
  /** Share of the tokens whose direct causal effect is above δ. */
  causalShare: number;
  lr: number;
  gradNorm: number;
  tokensPerSecond: number;
  /** Seconds since this phase started, and those that it will still take. */
  seconds: number;
  remaining: number;
}

/** A test on the texts that are held out: nats per token. */
export interface EvalEvent extends Phase {
  event: "eval";
  step: number;
  loss: number;
  best: boolean;
}

/** A whole checkpoint is on the device: a kill from now on loses nothing before it. */
export interface CheckpointEvent extends Phase {
  event: "checkpoint";
  step: number;
}

/** What a run is doing. "recovering" means that the GPU was lost and is being opened again. */
export type RunState = "running" | "paused" | "recovering" | "done" | "cancelled" | "failed";

/** The run's state changed. */
export interface StateEvent extends Phase {
  event: "state";
  state: RunState;
  /** Why, for "recovering". */
  fault?: Fault;
}

export type RunEvent = StageEvent | StepEvent | EvalEvent | CheckpointEvent | StateEvent;

/** A guest's event, or undefined for one that is not known. */
export function fromGuest(e: GuestEvent, phase: Phase): RunEvent | undefined {
  const number = (key: string) => Number(e[key] ?? 0);
  switch (e.event) {
    case "stage":
      return { event: "stage", ...phase, stage: String(e["stage"]), done: number("done"), total: number("total") };
    case "step":
      return {
        event: "step", ...phase, step: number("step"), steps: number("steps"), epoch: number("epoch"), loss: number("loss"),
        ntpLoss: number("ntp_loss"), alignLoss: number("align_loss"), causalShare: number("causal_share"), lr: number("lr"),
        gradNorm: number("grad_norm"), tokensPerSecond: number("tokens_per_second"), seconds: number("seconds"), remaining: number("remaining"),
      };
    case "eval":
      return { event: "eval", ...phase, step: number("step"), loss: number("loss"), best: e["best"] === true };
    case "checkpoint":
      return { event: "checkpoint", ...phase, step: number("step") };
  }
  return undefined;
}

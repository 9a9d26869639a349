// The events of a run.

import {
  decodeEvent,
  type CheckpointEvent as GuestCheckpointEvent,
  type EvalEvent as GuestEvalEvent,
  type ProgressEvent as GuestProgressEvent,
  type StageEvent as GuestStageEvent,
  type StepEvent as GuestStepEvent,
  type TextsEvent as GuestTextsEvent,
} from "../api.gen.js";
import type { Fault } from "../fault.js";
import type { Event } from "../host/client.js";

/**
 * The phase that an event belongs to: `phase` counts from 1 to `phases`, and `preset` is what the
 * phase trains.
 */
export interface Phase {
  phase: number;
  phases: number;
  preset: string;
}

/** What the run is doing. `total` is 0 if the length is unknown. */
export interface StageEvent extends GuestStageEvent, Phase {}

/** The texts that the phase trains on and tests on, and those that are left out. */
export interface TextsEvent extends GuestTextsEvent, Phase {}

/** How far a stage is while one of its items or steps takes long: every second or more often. */
export interface ProgressEvent extends GuestProgressEvent, Phase {}

/**
 * One optimizer step. Losses are in nats per token. `seconds` and `remaining` count within the
 * phase.
 */
export interface StepEvent extends GuestStepEvent, Phase {}

/** A test on the held-out texts, in nats per token. */
export interface EvalEvent extends GuestEvalEvent, Phase {}

/** A complete checkpoint is stored: a kill from now on loses nothing before it. */
export interface CheckpointEvent extends GuestCheckpointEvent, Phase {}

/** What a run is doing. "recovering" means that the GPU was lost and is being opened again. */
export type RunState = "running" | "paused" | "recovering" | "done" | "cancelled" | "failed";

/** The state of the run has changed. */
export interface StateEvent extends Phase {
  event: "state";
  state: RunState;
  /** The reason for "recovering". */
  fault?: Fault;
}

export type RunEvent = StageEvent | TextsEvent | ProgressEvent | StepEvent | EvalEvent | CheckpointEvent | StateEvent;

/**
 * Decodes an event of "personalize". Returns undefined for events that the module does not pass on.
 */
export function runEvent(event: Event, phase: Phase): RunEvent | undefined {
  switch (event.event) {
    case "stage":
    case "texts":
    case "progress":
    case "step":
    case "eval":
    case "checkpoint":
      return { ...decodeEvent[event.event](event, `event ${event.event}`, ""), ...phase } as RunEvent;
  }
  return undefined;
}

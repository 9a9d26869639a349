// The records in the database, and their public parts. Records point at blob folders, so that one
// transaction can make another adapter the current one.

import type { History } from "../store/history.js";
import type { Model } from "./download.js";
import type { LoRAOptions, TrainingOptions } from "./options.js";

/** The current adapter. */
export interface AdapterInfo {
  preset: string;
  epochs: number;
  /** The number of texts that it was trained on; 0 for an imported adapter. */
  items: number;
  /** The lowest loss on the held-out texts, in nats per token; 0 if unknown. */
  heldout: number;
  /** When it was created, ISO 8601. */
  made: string;
  /** Its size in bytes. */
  bytes: number;
}

/** The record of the current adapter. */
export interface AdapterRecord extends Omit<AdapterInfo, "bytes"> {
  folder: string;
}

/** The record of an adapter that is kept under a name. */
export interface KeptRecord extends AdapterRecord {
  name: string;
}

/** The folders of all adapters of a model. They must not be deleted. @internal */
export async function adapterFolders(history: Pick<History, "record">, model: Pick<Model, "id">): Promise<Set<string>> {
  const current = await history.record<AdapterRecord>(adapterKey(model));
  const kept = (await history.record<KeptRecord[]>(keptKey(model))) ?? [];
  return new Set([...(current === undefined ? [] : [current]), ...kept].map(({ folder }) => folder));
}

/** An unfinished run of an earlier visit, which personalize({resume: true}) resumes. */
export interface Unfinished {
  preset: string;
  epochs: number;
  /** The number of texts that it trains on. */
  items: number;
  /** The step of the newest checkpoint; 0 if there is none. */
  step: number;
  /** The steps of this phase. */
  steps: number;
  /** The number of completed phases. */
  phase: number;
  /** When it was started, ISO 8601. */
  made: string;
  /** Whether it is training now, in this tab or another. */
  active: boolean;
}

/** The record of an unfinished run. */
export interface RunRecord extends Omit<Unfinished, "active"> {
  id: string;
  lora: LoRAOptions | undefined;
  training: TrainingOptions | undefined;
  maxItems: number | undefined;
  heldout: number | undefined;
  /** Whether it continues an adapter. The run's folder has a copy of it. */
  from?: boolean | undefined;
}

export function adapterKey(model: Pick<Model, "id">): string {
  return `adapter:${model.id}`;
}

export function keptKey(model: Pick<Model, "id">): string {
  return `kept:${model.id}`;
}

export function runKey(model: Pick<Model, "id">): string {
  return `run:${model.id}`;
}

/** The blob folder of a run: its texts, checkpoints and adapters. */
export function runFolder(model: Pick<Model, "id">, record: Pick<RunRecord, "id">): string {
  return `${runsFolder(model)}${record.id}`;
}

/** The prefix of the folders of a model's runs. */
export function runsFolder(model: Pick<Model, "id">): string {
  return `runs/${model.id}/`;
}

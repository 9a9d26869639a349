// The records in the database. They point at blob folders, so that one transaction can make another
// adapter the current one.

import type { History } from "../store/history.js";
import type { Model } from "./download.js";
import type { LoRAOptions, TrainingOptions } from "./options.js";

/** The current adapter. */
export interface AdapterRecord {
  folder: string;
  preset: string;
  epochs: number;
  /** The number of texts that it was trained on; 0 for an imported adapter. */
  items: number;
  /** Loss on the held-out texts in nats per token; 0 if unknown. */
  heldout: number;
  /** When it was created, ISO 8601. */
  made: string;
}

/** An adapter that is kept under a name. */
export interface KeptRecord extends AdapterRecord {
  name: string;
}

/** The folders of all adapters of a model. They must not be deleted. */
export async function adapterFolders(history: Pick<History, "record">, model: Pick<Model, "id">): Promise<Set<string>> {
  const current = await history.record<AdapterRecord>(adapterKey(model));
  const kept = (await history.record<KeptRecord[]>(keptKey(model))) ?? [];
  return new Set([...(current === undefined ? [] : [current]), ...kept].map(({ folder }) => folder));
}

/** An unfinished run. */
export interface RunRecord {
  id: string;
  preset: string;
  epochs: number;
  lora: LoRAOptions | undefined;
  training: TrainingOptions | undefined;
  maxItems: number | undefined;
  heldout: number | undefined;
  /** Whether it continues an adapter. The run's folder has a copy of it. */
  from?: boolean | undefined;
  /** The number of completed phases. */
  phase: number;
  step: number;
  steps: number;
  items: number;
  made: string;
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

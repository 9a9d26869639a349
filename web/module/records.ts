// The small records beside the history. They point at blob folders, so that an
// adapter comes into use by one transaction.

import type { Model } from "./download.js";

/** The adapter in use. */
export interface AdapterRecord {
  folder: string;
  preset: string;
  epochs: number;
  /** Texts that it was made from; 0 for one that was imported. */
  items: number;
  /** Held-out loss, nats per token; 0 when unknown. */
  heldout: number;
  /** ISO 8601. */
  made: string;
}

/** An adapter that is kept under a name, in use or not. */
export interface KeptRecord extends AdapterRecord {
  name: string;
}

/** The folders of all adapters of a model that a record names: what lies there is not to be removed. */
export async function adapterFolders(history: { record<T>(key: string): Promise<T | undefined> }, model: Pick<Model, "id">): Promise<Set<string>> {
  const current = await history.record<AdapterRecord>(adapterKey(model));
  const kept = (await history.record<KeptRecord[]>(keptKey(model))) ?? [];
  return new Set([...(current === undefined ? [] : [current]), ...kept].map(({ folder }) => folder));
}

/** A run that is not finished. */
export interface RunRecord {
  id: string;
  preset: string;
  epochs: number;
  lora: { rank?: number; alpha?: number; targets?: string[] } | undefined;
  training: { lr?: number; batchSize?: number; seed?: number; checkpointEvery?: number; recompute?: boolean; patience?: number } | undefined;
  maxItems: number | undefined;
  heldout: number | undefined;
  /** Whether it starts from an adapter, whose copy lies in the run's folder. */
  from?: boolean | undefined;
  /** Phases that are done. */
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

/** The blob folder of a run: its texts, its checkpoints, and in the end its adapter. */
export function runFolder(model: Pick<Model, "id">, record: Pick<RunRecord, "id">): string {
  return `${runsFolder(model)}${record.id}`;
}

/** What the folders of a model's runs begin with. */
export function runsFolder(model: Pick<Model, "id">): string {
  return `runs/${model.id}/`;
}

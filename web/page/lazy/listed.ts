// The models of the list.

import models from "./models.json" with { type: "json" };

/** A model of the list. The embedded one has no id. TestModelList checks the figures. */
export interface ListedModel {
  /** Of its repository. */
  readonly id: string;
  readonly file: string;
  readonly title: string;
  readonly about: string;
  /** Of the download; 0 for the embedded model. */
  readonly bytes: number;
  /** Parameters of the layers, and of the embedding table. */
  readonly layers: number;
  readonly head: number;
  /** The largest number of bytes on the GPU while learning. */
  readonly memory: number;
}

export const listed: readonly ListedModel[] = models;

/** The server from which the models come. */
export const hub = "https://huggingface.co";

/** The source of a model whose revision is not fixed. */
export function sourceOf({ id, file }: ListedModel): string {
  return `${hub}/${id}/resolve/main/${file}`;
}

// The keys of this page in localStorage.

/** All of them start with this. */
export const keyPrefix = "nextquill.";

/**
 * Is set when the user has downloaded a model. The page then opens it on every visit.
 */
export const downloadedKey = `${keyPrefix}agreed`;

/** The source of the chosen model. Without it, it is the embedded model. */
export const chosenKey = `${keyPrefix}model`;

/** The files that the user has opened as models: a JSON list. */
export const filesKey = `${keyPrefix}files`;

/** Begins the keys of measured speeds. The id of the model follows. */
export const speedKey = `${keyPrefix}speed.`;

/** The chosen model, or undefined for the embedded one. */
export function chosenModel(): string | undefined {
  return localStorage.getItem(chosenKey) ?? undefined;
}

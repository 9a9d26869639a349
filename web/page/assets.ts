// The URLs and sizes of the site's files. cmd/buildwasm/site.go replaces ASSETS.

interface Assets {
  readonly worker: string;
  readonly guest: string;
  readonly guestSHA256: string;
  readonly importWorker: string;
  readonly importModule: string;
  readonly importSHA256: string;
  readonly sample: string;
  readonly model: string;
  readonly serviceWorker: string;
  /** The sizes of the guest and the model in bytes, uncompressed. */
  readonly sizes: { readonly guest: number; readonly model: number };
}

declare const ASSETS: Assets;

const absolute = (name: string): string => new URL(name, document.baseURI).href;

export const { sizes, guestSHA256 } = ASSETS;
export const urls = {
  worker: absolute(ASSETS.worker),
  guest: absolute(ASSETS.guest),
  sample: absolute(ASSETS.sample),
  model: absolute(ASSETS.model),
  serviceWorker: absolute(ASSETS.serviceWorker),
};

/** The files that read other files. They are fetched when files are chosen. */
export const importSource = {
  importWorker: absolute(ASSETS.importWorker),
  importModule: absolute(ASSETS.importModule),
  importSHA256: ASSETS.importSHA256,
};

// What the build says about the site's files: cmd/buildwasm/site.go puts it in place of ASSETS.

interface Assets {
  readonly worker: string;
  readonly guest: string;
  readonly guestSHA256: string;
  readonly sample: string;
  readonly model: string;
  readonly serviceWorker: string;
  /** Bytes as stored: of the guest and of the model. */
  readonly sizes: { readonly guest: number; readonly model: number };
}

declare const ASSETS: Assets;

const address = (name: string): string => new URL(name, document.baseURI).href;

export const { sizes, guestSHA256 } = ASSETS;
export const urls = {
  worker: address(ASSETS.worker),
  guest: address(ASSETS.guest),
  sample: address(ASSETS.sample),
  model: address(ASSETS.model),
  serviceWorker: address(ASSETS.serviceWorker),
};

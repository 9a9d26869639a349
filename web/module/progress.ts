// Progress of a download, in the format of transformers.js, so that the same progress bars work.

/** A step of the download of a model. Sizes are in bytes, `progress` is in percent. */
export type Progress =
  | { status: "initiate" | "download" | "done"; name: string; file: string }
  | { status: "progress"; name: string; file: string; loaded: number; total: number; progress: number }
  | { status: "progress_total"; name: string; loaded: number; total: number; progress: number; files: FileProgress }
  | { status: "ready"; name: string; model: string };

/** The progress of each file. */
export type FileProgress = Record<string, { loaded: number; total: number }>;

export type OnProgress = (progress: Progress) => void;

const interval = 100; // ms between reports of one file

/** Reports the progress of each file of a model and of all together. */
export class ProgressReport {
  readonly #name: string;
  readonly #to: OnProgress | undefined;
  readonly #files: FileProgress = {};
  #last = 0;

  constructor(name: string, to: OnProgress | undefined, files: readonly { path: string; size?: number | undefined }[]) {
    this.#name = name;
    this.#to = to;
    for (const { path, size } of files) this.#files[path] = { loaded: 0, total: size ?? 0 };
  }

  initiate(file: string): void {
    this.#to?.({ status: "initiate", name: this.#name, file });
  }

  download(file: string): void {
    this.#to?.({ status: "download", name: this.#name, file });
  }

  loaded(file: string, loaded: number, total: number): void {
    this.#files[file] = { loaded, total };
    const now = performance.now();
    if (now - this.#last < interval && loaded < total) return;
    this.#last = now;
    this.#to?.({ status: "progress", name: this.#name, file, loaded, total, progress: percent(loaded, total) });
    this.#total();
  }

  done(file: string, size: number): void {
    this.#files[file] = { loaded: size, total: size };
    this.#total();
    this.#to?.({ status: "done", name: this.#name, file });
  }

  ready(): void {
    this.#to?.({ status: "ready", name: this.#name, model: this.#name });
  }

  #total(): void {
    let [loaded, total] = [0, 0];
    for (const file of Object.values(this.#files)) {
      loaded += file.loaded;
      total += file.total;
    }
    const files = structuredClone(this.#files);
    this.#to?.({ status: "progress_total", name: this.#name, loaded, total, progress: percent(loaded, total), files });
  }
}

function percent(loaded: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, (100 * loaded) / total);
}

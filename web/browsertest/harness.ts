// The page's side of the browser tests: the tests drive it through `harness`, and
// it reports events through the binding `report`.

import { Fault, Session, type ErrorInfo, type OpenOptions } from "../client.js";

interface Outcome {
  result?: unknown;
  error?: ErrorInfo;
}

declare global {
  var harness: Harness;
  /** Added by the browser test; takes a string. */
  var report: ((json: string) => void) | undefined;
}

class Harness {
  #session: Session | undefined;
  #stop: AbortController | undefined;

  get #open(): Session {
    if (this.#session === undefined) throw new Error("no session is open");
    return this.#session;
  }

  /** Opens the session anew. */
  open(options: OpenOptions): Promise<Outcome> {
    return outcome(async () => {
      await this.#session?.close();
      this.#session = undefined;
      this.#session = await Session.open({ ...options, onLog: (line) => console.warn(`guest: ${line}`) });
      return { adapter: this.#session.adapter, ...this.#session.guest };
    });
  }

  call(method: string, params: unknown): Promise<Outcome> {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    return outcome(() => this.#open.call(method, params, { signal, onEvent: (event) => report?.(JSON.stringify(event)) }));
  }

  /** Stops the call under way. */
  cancel(): void {
    this.#stop?.abort();
  }

  loseDevice(): void {
    this.#open.loseDevice();
  }

  /** Fetches files of the test's server into blobs of the same names. */
  put(names: string[]): Promise<Outcome> {
    return outcome(async () => {
      for (const name of names) {
        const response = await fetch(`files/${name}`);
        if (!response.ok) throw new Error(`${name}: ${response.status}`);
        await this.#open.blobs.write(name, new Uint8Array(await response.arrayBuffer()));
      }
    });
  }

  /** Writes a blob of given text. */
  write(name: string, text: string): Promise<Outcome> {
    return outcome(() => this.#open.blobs.write(name, new TextEncoder().encode(text)));
  }

  /** Reads a blob, in base64. */
  read(name: string): Promise<Outcome> {
    return outcome(async () => {
      const data = await this.#open.blobs.read(name);
      let text = "";
      for (const byte of data) text += String.fromCharCode(byte);
      return btoa(text);
    });
  }

  list(prefix: string): Promise<Outcome> {
    return outcome(() => this.#open.blobs.list(prefix));
  }

  delete(names: string[]): Promise<Outcome> {
    return outcome(async () => {
      for (const name of names) await this.#open.blobs.delete(name);
    });
  }

  close(): Promise<Outcome> {
    return outcome(async () => {
      await this.#session?.close();
      this.#session = undefined;
    });
  }
}

async function outcome(f: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { result: (await f()) ?? null };
  } catch (thrown) {
    return { error: thrown instanceof Fault ? thrown.info() : { message: String(thrown) } };
  }
}

globalThis.harness = new Harness();

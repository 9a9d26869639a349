// The page's side of the host's tests: Go calls the methods of `harness`, and the page reports
// events through the binding `report`.

import { BatchReader } from "../host/abi.js";
import { type ErrorInfo, Fault, GuestClient, type OpenOptions } from "../host/client.js";

interface Outcome {
  result?: unknown;
  error?: ErrorInfo;
}

declare global {
  var harness: Harness;
  /** Added by package browsertest; takes JSON. */
  var report: ((json: string) => void) | undefined;
}

class Harness {
  #client: GuestClient | undefined;
  #stop: AbortController | undefined;

  get #open(): GuestClient {
    if (this.#client === undefined) throw new Error("no client is open");
    return this.#client;
  }

  /** Closes the client and opens another one. */
  open(options: OpenOptions): Promise<Outcome> {
    return outcome(async () => {
      await this.#client?.close();
      this.#client = undefined;
      this.#client = await GuestClient.open({ ...options, onLog: (line) => console.warn(`guest: ${line}`) });
      return { device: this.#client.device, ...this.#client.guest };
    });
  }

  call(method: string, params: unknown): Promise<Outcome> {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const onEvent = (event: unknown) => report?.(JSON.stringify(event));
    return outcome(() => this.#open.call(method, params, { signal, onEvent }));
  }

  /** Decodes a batch in base64. The data of writes is decoded as text. */
  decode(base64: string): Promise<Outcome> {
    return outcome(async () => {
      const reader = new BatchReader(fromBase64(base64));
      const commands = [];
      for (let c = reader.next(); c !== undefined; c = reader.next()) {
        commands.push("data" in c ? { ...c, data: new TextDecoder().decode(c.data) } : c);
      }
      return commands;
    });
  }

  /** Cancels the running call. */
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

  /** Writes a text as a blob. */
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

  /** Returns a blob's size and the value of all its bytes, or −1 if they differ. */
  uniform(name: string): Promise<Outcome> {
    return outcome(async () => {
      const data = await this.#open.blobs.read(name);
      return { size: data.length, fill: data.every((byte) => byte === data[0]) ? data[0] : -1 };
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

  /**
   * Replaces a blob by `size` bytes of the value `fill`, and terminates the worker after `ms`
   * milliseconds. Returns whether the write was confirmed.
   */
  killDuringWrite(name: string, size: number, fill: number, ms: number): Promise<Outcome> {
    return outcome(async () => {
      const client = this.#open;
      const written = client.blobs.write(name, new Uint8Array(size).fill(fill)).then(
        () => true,
        () => false,
      );
      await new Promise((later) => setTimeout(later, ms));
      client.terminate();
      this.#client = undefined;
      return await written;
    });
  }

  /** Puts a file into a folder of the origin's private file system, without the store. */
  plant(folder: string, name: string, base64: string): Promise<Outcome> {
    return outcome(async () => {
      const dir = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
      const file = await dir.getFileHandle(name, { create: true });
      const stream = await file.createWritable();
      await stream.write(fromBase64(base64));
      await stream.close();
    });
  }

  /** The names of the files in a folder of the origin's private file system. */
  files(folder: string): Promise<Outcome> {
    return outcome(async () => {
      const dir = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
      const names = [];
      for await (const name of dir.keys()) names.push(name);
      return names.sort();
    });
  }

  /** Tries what the page's policy forbids, and returns what was possible. */
  escape(): Promise<Outcome> {
    return outcome(async () => {
      // The policy does not apply to scripts of the DevTools protocol, but to tasks of the page.
      await new Promise((later) => setTimeout(later));
      const possible: string[] = [];
      const attempt = async (what: string, f: () => unknown): Promise<void> => {
        try {
          await f();
          possible.push(what);
        } catch {
          // as expected
        }
      };
      await attempt("a request to another site", () => fetch("http://127.0.0.2:9/"));
      await attempt("code from text", () => new Function("return 1")());
      await attempt("a worker from a blob", () => new Worker(URL.createObjectURL(new Blob([""]))));
      await attempt("text as HTML", () => (document.body.innerHTML = "<b>bold</b>"));
      return possible;
    });
  }

  close(): Promise<Outcome> {
    return outcome(async () => {
      await this.#client?.close();
      this.#client = undefined;
    });
  }
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

async function outcome(f: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { result: (await f()) ?? null };
  } catch (thrown) {
    return { error: thrown instanceof Fault ? thrown.info() : { message: String(thrown) } };
  }
}

globalThis.harness = new Harness();

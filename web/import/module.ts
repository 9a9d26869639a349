// Runs the import module: package importer in WASM. It can read the files of the request and
// nothing else; see wasm/importabi.

import * as api from "../api.gen.js";
import { describe, Fault } from "../fault.js";
import { Exit, Log, wasi } from "../host/wasi.js";

interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  start(version: number): number;
  alloc(size: number): number;
  call(ptr: number, len: number): number;
}

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });

/** Reads a part of a file of the request. Returns fewer bytes only at the end of the file. */
export type ReadFile = (file: number, offset: number, size: number) => Uint8Array;

export class ImportModule {
  readonly #log = new Log((line) => console.error(line));
  readonly #read: ReadFile;
  readonly #take: (message: api.ImportMessage) => void;
  #exports!: Exports;
  #broken: Fault | undefined;
  // An error of an import, which must not pass through the module.
  #thrown: unknown;

  private constructor(read: ReadFile, take: (message: api.ImportMessage) => void) {
    this.#read = read;
    this.#take = take;
  }

  /** Starts the module. Refuses one that imports anything outside its interface. */
  static async open(
    module: WebAssembly.Module,
    read: ReadFile,
    take: (message: api.ImportMessage) => void,
  ): Promise<ImportModule> {
    check(module);
    const host = new ImportModule(read, take);
    try {
      const instance = await WebAssembly.instantiate(module, {
        [api.importModule]: { read: host.#readInto, emit: host.#emit },
        [api.wasiModule]: wasi(() => host.#exports.memory, host.#log),
      });
      host.#exports = instance.exports as unknown as Exports;
      host.#exports._initialize();
    } catch (thrown) {
      throw host.#trapped(thrown);
    }
    const version = host.#exports.start(api.importVersion);
    if (version !== api.importVersion) {
      throw mismatch("version", `${version}`);
    }
    return host;
  }

  /** Serves a request. The messages go to `take`. */
  call(request: api.ImportRequest): void {
    if (this.#broken !== undefined) throw this.#broken;
    const bytes = utf8.encode(JSON.stringify(request));
    if (bytes.byteLength > api.maxImportRequest) {
      throw new Fault("too-large", {
        where: "files",
        detail: `the names of ${request.files.length} files`,
        limit: `${api.maxImportRequest} bytes`,
        remedy: "import fewer files at a time",
      });
    }
    this.#thrown = undefined;
    let status: number;
    try {
      const at = this.#exports.alloc(bytes.byteLength);
      this.#view(at, bytes.byteLength).set(bytes);
      status = this.#exports.call(at, bytes.byteLength);
    } catch (thrown) {
      this.#broken = this.#trapped(thrown);
      throw this.#broken;
    }
    if (this.#thrown !== undefined) throw Fault.from(this.#thrown, "internal", { where: "import" });
    if (status !== 0) throw new Fault("internal", { where: "import module", detail: `refused a request: ${status}` });
  }

  readonly #readInto = (file: number, offset: bigint, at: number, size: number): number => {
    try {
      if (size >>> 0 > api.maxImportRead) throw new RangeError(`a read of ${size >>> 0} bytes`);
      const data = this.#read(file >>> 0, Number(offset), size >>> 0);
      this.#view(at, size).set(data.subarray(0, size >>> 0));
      return Math.min(data.byteLength, size >>> 0);
    } catch {
      return api.importFailed; // the module names the file
    }
  };

  readonly #emit = (at: number, size: number): number => {
    try {
      if (size >>> 0 > api.maxImportMessage) throw new RangeError(`a message of ${size >>> 0} bytes`);
      const json = JSON.parse(strict.decode(this.#view(at, size))) as unknown;
      this.#take(api.decodeImportMessage(json, "message of the import module", ""));
      return 0;
    } catch (thrown) {
      this.#thrown = thrown;
      return api.importFailed;
    }
  };

  // A checked view of the module's memory. Growing the memory detaches it.
  #view(at: number, size: number): Uint8Array<ArrayBuffer> {
    const buffer = this.#exports.memory.buffer as ArrayBuffer;
    const [start, length] = [at >>> 0, size >>> 0];
    if (start === 0 || start + length > buffer.byteLength) throw new RangeError("outside of the module's memory");
    return new Uint8Array(buffer, start, length);
  }

  #trapped(thrown: unknown): Fault {
    const { reason } = this.#log;
    return new Fault("internal", {
      where: "import module",
      detail: reason === "" ? "stopped" : `stopped: ${reason}`,
      remedy: "import fewer files at a time",
      cause: thrown instanceof Exit ? thrown : new Error(describe(thrown)),
    });
  }
}

/** Throws unless a module imports only what its interface has, and exports all of it. */
function check(module: WebAssembly.Module): void {
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const known =
      (from === api.importModule && (api.importModuleImports as readonly string[]).includes(name)) ||
      (from === api.wasiModule && (api.wasiNames as readonly string[]).includes(name));
    if (!known || kind !== "function") throw mismatch(`import ${from}.${name}`, "is not part of its interface");
  }
  const exported = new Set(WebAssembly.Module.exports(module).map((e) => e.name));
  for (const name of [...api.importModuleExports, "memory"]) {
    if (!exported.has(name)) throw mismatch(`export ${name}`, "missing");
  }
}

function mismatch(field: string, detail: string): Fault {
  return new Fault("mismatch", {
    where: "import module",
    field,
    detail,
    remedy: "serve the import module and the scripts of one build",
  });
}

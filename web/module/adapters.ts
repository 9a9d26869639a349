// The person's adapters: the one in use, those kept under a name beside it, and
// the file to take along, a zip with the two files that PEFT's from_pretrained reads.

import { unzipSync, zipSync } from "../vendor/fflate/index.js";

import type { Bytes, GuestClient } from "../host/client.js";
import { describe, Fault } from "../fault.js";
import type { History } from "../store/history.js";
import type { Model } from "./download.js";
import { adapterFolders, adapterKey, keptKey, type AdapterRecord, type KeptRecord } from "./records.js";

/** The adapter in use. */
export interface AdapterInfo {
  preset: string;
  epochs: number;
  /** Texts that it was made from; 0 for one that was imported. */
  items: number;
  /** Best loss on the held-out texts, nats per token; 0 when unknown. */
  heldout: number;
  /** ISO 8601. */
  made: string;
  /** Bytes on the device. */
  bytes: number;
}

/** An adapter kept under a name. */
export interface KeptAdapter extends AdapterInfo {
  name: string;
  /** Whether it is the one in use. */
  current: boolean;
}

const configName = "adapter_config.json";
const weightsName = "adapter_model.safetensors";
/** An adapter's two files. @internal */
export const adapterFiles = [configName, weightsName] as const;
const maxName = 100;
const maxZip = 1 << 30;
const maxFile: Record<string, number> = { [configName]: 1 << 20, [weightsName]: 1 << 30 };

/** What the adapters need of the module. @internal */
export interface AdapterContext {
  model: Model;
  history: History;
  client(): Promise<GuestClient>;
  /** Throws unless the guest takes the adapter in this folder for the model. */
  check(folder: string): Promise<void>;
  /** Throws a Fault of kind "busy" while a run is under way. */
  idle(where: string): void;
}

/** The adapter that writes as the person, what personalize makes or import brings, and those that are kept beside it. */
export class Adapters {
  readonly #context: AdapterContext;

  /** @internal */
  constructor(context: AdapterContext) {
    this.#context = context;
  }

  /** The adapter in use, or undefined when nothing was learnt yet. */
  async info(): Promise<AdapterInfo | undefined> {
    const record = await this.#record();
    return record === undefined ? undefined : await this.#describe(record);
  }

  /** The adapters that are kept under a name, in the order of their names. */
  async list(): Promise<KeptAdapter[]> {
    const current = await this.folder();
    const all = await this.#kept();
    return await Promise.all(all.map(async (kept) => ({ ...(await this.#describe(kept)), name: kept.name, current: kept.folder === current })));
  }

  /**
   * Keeps the adapter in use under a name, so that the next one does not take its place: use() goes back to it, and write,
   * explain and personalize take it by its name. A name that is there already is given to this one.
   */
  async keep(name: string): Promise<void> {
    if (name.trim() === "" || name.length > maxName) {
      throw new Fault("out-of-range", { where: "adapter.keep", field: "name", detail: JSON.stringify(name), limit: `1 to ${maxName} characters` });
    }
    const record = await this.#record();
    if (record === undefined) throw nothing();
    const all = await this.#kept();
    const old = all.find((kept) => kept.name === name);
    const rest = all.filter((kept) => kept !== old);
    await this.#setKept([...rest, { ...record, name }].sort((a, b) => (a.name < b.name ? -1 : 1)));
    await this.#drop(old?.folder);
  }

  /** Takes an adapter that is kept under a name into use. Nothing is loaded anew: the next call writes with it. */
  async use(name: string): Promise<AdapterInfo> {
    this.#context.idle("adapter.use");
    const { name: _, ...record } = await this.#find(name);
    const old = await this.#record();
    await this.#context.history.setRecord(adapterKey(this.#context.model), record);
    await this.#drop(old?.folder);
    return await this.#describe(record);
  }

  /** The adapter as a zip of adapter_config.json and adapter_model.safetensors, stored. Throws "missing" when there is none. */
  async export(): Promise<Blob> {
    const record = await this.#record();
    if (record === undefined) throw nothing();
    const { blobs } = await this.#context.client();
    const config = JSON.parse(new TextDecoder().decode(await blobs.read(`${record.folder}/${configName}`))) as Record<string, unknown>;
    config["base_model_name_or_path"] = this.#context.model.name; // the folder's name means nothing elsewhere
    const files = {
      [configName]: new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`),
      [weightsName]: await blobs.read(`${record.folder}/${weightsName}`),
    };
    // Weights are noise to a compressor: stored, the zip is made at once.
    const zip = zipSync(files, { level: 0, mtime: new Date(record.made) });
    return new Blob([zip as Bytes], { type: "application/zip" });
  }

  /**
   * Takes an adapter from a zip into use, in place of the one there is, which is gone unless it was kept. Throws "malformed",
   * "unsupported", "mismatch" (made for another model) or "too-large"; the adapter that was in use then stays.
   */
  async import(zip: Blob): Promise<AdapterInfo> {
    this.#context.idle("adapter.import");
    const files = await open(zip);
    const { model, history } = this.#context;
    const { blobs } = await this.#context.client();
    const folder = `adapters/${crypto.randomUUID().slice(0, 8)}`;
    try {
      for (const name of [weightsName, configName] as const) await blobs.write(`${folder}/${name}`, files[name]!);
      await this.#context.check(folder);
    } catch (thrown) {
      await removeAll(blobs, folder);
      throw thrown;
    }
    const old = await this.#record();
    await history.setRecord(adapterKey(model), {
      folder, preset: "imported", epochs: 0, items: 0, heldout: 0, made: new Date().toISOString(),
    } satisfies AdapterRecord);
    await this.#drop(old?.folder);
    return (await this.info())!;
  }

  /**
   * Removes the adapter in use, unless it is kept under a name, or the one that is kept under this name, unless it is in use. With
   * none in use what is written is the base model's, with the history in the prompt.
   */
  async remove(name?: string): Promise<void> {
    this.#context.idle("adapter.remove");
    if (name !== undefined) {
      const gone = await this.#find(name);
      await this.#setKept((await this.#kept()).filter((kept) => kept.name !== name));
      return await this.#drop(gone.folder);
    }
    const old = await this.#record();
    await this.#context.history.setRecord(adapterKey(this.#context.model), undefined);
    await this.#drop(old?.folder);
  }

  /** The blob folder of the adapter of a name, or of the one in use, or "". @internal */
  async folder(name?: string): Promise<string> {
    if (name !== undefined) return (await this.#find(name)).folder;
    return (await this.#record())?.folder ?? "";
  }

  /** The folders of all adapters, in use or kept. @internal */
  async folders(): Promise<string[]> {
    return [...(await adapterFolders(this.#context.history, this.#context.model))];
  }

  async #record(): Promise<AdapterRecord | undefined> {
    return await this.#context.history.record<AdapterRecord>(adapterKey(this.#context.model));
  }

  async #kept(): Promise<KeptRecord[]> {
    return (await this.#context.history.record<KeptRecord[]>(keptKey(this.#context.model))) ?? [];
  }

  async #setKept(all: KeptRecord[]): Promise<void> {
    await this.#context.history.setRecord(keptKey(this.#context.model), all.length === 0 ? undefined : all);
  }

  async #find(name: string): Promise<KeptRecord> {
    const found = (await this.#kept()).find((kept) => kept.name === name);
    if (found !== undefined) return found;
    throw new Fault("missing", { where: "adapter", field: name, detail: "none is kept under this name", remedy: "list() gives the names there are" });
  }

  async #describe({ folder, preset, epochs, items, heldout, made }: AdapterRecord): Promise<AdapterInfo> {
    const { blobs } = await this.#context.client();
    let bytes = 0;
    for (const name of adapterFiles) bytes += await blobs.size(`${folder}/${name}`);
    return { preset, epochs, items, heldout, made, bytes };
  }

  // drop removes a folder that no record names any more.
  async #drop(folder: string | undefined): Promise<void> {
    if (folder === undefined || (await adapterFolders(this.#context.history, this.#context.model)).has(folder)) return;
    await removeAll((await this.#context.client()).blobs, folder);
  }
}

function nothing(): Fault {
  return new Fault("missing", { where: "adapter", detail: "nothing was learnt yet", remedy: "personalize first" });
}

async function removeAll(blobs: GuestClient["blobs"], folder: string): Promise<void> {
  for (const name of await blobs.list(`${folder}/`)) await blobs.delete(name);
}

// open finds PEFT's two files in a zip, in whatever folder they are, and bounds
// what is unpacked: a small zip can claim to hold anything.
async function open(zip: Blob): Promise<Record<string, Bytes>> {
  const where = zip instanceof File ? zip.name : "zip";
  if (zip.size > maxZip) throw new Fault("too-large", { where, detail: `${zip.size} bytes`, limit: `${maxZip} bytes` });
  const base = (path: string) => path.split("/").at(-1)!;
  let unpacked: Record<string, Uint8Array>;
  try {
    unpacked = unzipSync(new Uint8Array(await zip.arrayBuffer()), {
      filter: ({ name, originalSize }) => {
        const limit = maxFile[base(name)];
        if (limit !== undefined && originalSize > limit) {
          throw new Fault("too-large", { where: `${where}: ${name}`, detail: `${originalSize} bytes`, limit: `${limit} bytes` });
        }
        return limit !== undefined;
      },
    });
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("malformed", { where, detail: "is no zip that can be read", remedy: "choose the file that export made, or zip PEFT's two files", cause: new Error(describe(thrown)) });
  }
  const files: Record<string, Bytes> = {};
  for (const [path, data] of Object.entries(unpacked)) files[base(path)] ??= data as Bytes;
  for (const name of adapterFiles) {
    if (files[name] === undefined) throw new Fault("missing", { where, field: name, detail: "is not in the zip", remedy: "zip the folder that PEFT's save_pretrained makes" });
  }
  return files;
}

// The user's adapters: the current one, those kept under a name, and their export as a zip with the
// two files that PEFT's from_pretrained reads.

import { describe, Fault } from "../fault.js";
import type { Bytes, GuestClient } from "../host/client.js";
import type { History } from "../store/history.js";
import { unzipSync, zipSync } from "../vendor/fflate/index.js";
import type { Model } from "./download.js";
import {
  type AdapterInfo,
  type AdapterRecord,
  adapterFolders,
  adapterKey,
  type KeptRecord,
  keptKey,
} from "./records.js";

/** An adapter that is kept under a name. */
export interface KeptAdapter extends AdapterInfo {
  name: string;
  /** Whether it is the current adapter. */
  current: boolean;
}

const configName = "adapter_config.json";
const weightsName = "adapter_model.safetensors";
// The datastore of the writer's tokens, which an adapter may have.
const datastoreName = "datastore.safetensors";
/** The two files that every adapter has. @internal */
export const adapterFiles = [configName, weightsName] as const;
const maxName = 100;
const maxZip = 1 << 30;
const maxFile: Record<string, number> = { [configName]: 1 << 20, [weightsName]: 1 << 30, [datastoreName]: 1 << 30 };

/** What the adapters need from the module. @internal */
export interface AdapterContext {
  model: Model;
  history: History;
  client(): Promise<GuestClient>;
  /** Throws unless the adapter in this folder fits the model. */
  check(folder: string): Promise<void>;
  /** Throws a Fault of kind "busy" while a run is active. */
  idle(where: string): void;
}

/** The current adapter, which personalize() or import() created, and those kept under a name. */
export class Adapters {
  readonly #context: AdapterContext;

  /** @internal */
  constructor(context: AdapterContext) {
    this.#context = context;
  }

  /** The current adapter, or undefined if there is none. */
  async info(): Promise<AdapterInfo | undefined> {
    const record = await this.#record();
    return record === undefined ? undefined : await this.#describe(record);
  }

  /** The adapters that are kept under a name, sorted by name. */
  async list(): Promise<KeptAdapter[]> {
    const current = await this.folder();
    const all = await this.#kept();
    return await Promise.all(
      all.map(async (kept) => {
        return { ...(await this.#describe(kept)), name: kept.name, current: kept.folder === current };
      }),
    );
  }

  /**
   * Keeps the current adapter under a name, so that the next one does not replace it. use() makes
   * it current again, and write, explain and personalize accept its name. An adapter that has the
   * name already is replaced.
   */
  async keep(name: string): Promise<void> {
    if (name.trim() === "" || name.length > maxName) {
      const limit = `1 to ${maxName} characters`;
      throw new Fault("out-of-range", { where: "adapter.keep", field: "name", detail: JSON.stringify(name), limit });
    }
    const record = await this.#record();
    if (record === undefined) throw noAdapter();
    const all = await this.#kept();
    const old = all.find((kept) => kept.name === name);
    const rest = all.filter((kept) => kept !== old);
    await this.#setKept([...rest, { ...record, name }].sort((a, b) => (a.name < b.name ? -1 : 1)));
    await this.#deleteUnused(old?.folder);
  }

  /** Makes a kept adapter the current one. The next call uses it. */
  async use(name: string): Promise<AdapterInfo> {
    this.#context.idle("adapter.use");
    const { name: _, ...record } = await this.#find(name);
    const old = await this.#record();
    await this.#context.history.setRecord(adapterKey(this.#context.model), record);
    await this.#deleteUnused(old?.folder);
    return await this.#describe(record);
  }

  /**
   * The current adapter as an uncompressed zip of adapter_config.json and
   * adapter_model.safetensors. If it has a datastore, datastore.safetensors is in it as well: that
   * file contains the texts that it was trained on. Throws "missing" without an adapter.
   */
  async export(): Promise<Blob> {
    const record = await this.#record();
    if (record === undefined) throw noAdapter();
    const { blobs } = await this.#context.client();
    const config = JSON.parse(new TextDecoder().decode(await blobs.read(`${record.folder}/${configName}`))) as Record<
      string,
      unknown
    >;
    config.base_model_name_or_path = this.#context.model.name; // instead of the blob folder
    const files: Record<string, Uint8Array> = {
      [configName]: new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`),
      [weightsName]: await blobs.read(`${record.folder}/${weightsName}`),
    };
    const datastore = `${record.folder}/${datastoreName}`;
    if ((await blobs.list(datastore)).includes(datastore)) files[datastoreName] = await blobs.read(datastore);
    // Weights cannot be compressed.
    const zip = zipSync(files, { level: 0, mtime: new Date(record.made) });
    return new Blob([zip as Bytes], { type: "application/zip" });
  }

  /**
   * Makes the adapter in a zip the current one. The previous one is deleted unless it is kept.
   * Throws "malformed", "unsupported", "mismatch" (trained for another model) or "too-large"; the
   * current adapter stays then.
   */
  async import(zip: Blob): Promise<AdapterInfo> {
    this.#context.idle("adapter.import");
    const files = await unzip(zip);
    const { model, history } = this.#context;
    const { blobs } = await this.#context.client();
    const folder = `adapters/${crypto.randomUUID().slice(0, 8)}`;
    try {
      for (const name of [datastoreName, weightsName, configName] as const) {
        const data = files[name];
        if (data !== undefined) await blobs.write(`${folder}/${name}`, data);
      }
      await this.#context.check(folder);
    } catch (thrown) {
      await removeAll(blobs, folder);
      throw thrown;
    }
    const old = await this.#record();
    await history.setRecord(adapterKey(model), {
      folder,
      preset: "imported",
      epochs: 0,
      items: 0,
      heldout: 0,
      made: new Date().toISOString(),
    } satisfies AdapterRecord);
    await this.#deleteUnused(old?.folder);
    return (await this.info())!;
  }

  /**
   * Without a name: from now on there is no current adapter, and texts are written by the base
   * model with the history in the prompt. With a name: stops keeping that adapter. Its files are
   * deleted unless it is still current or kept.
   */
  async remove(name?: string): Promise<void> {
    this.#context.idle("adapter.remove");
    if (name !== undefined) {
      const kept = await this.#find(name);
      await this.#setKept((await this.#kept()).filter((one) => one.name !== name));
      return await this.#deleteUnused(kept.folder);
    }
    const old = await this.#record();
    await this.#context.history.setRecord(adapterKey(this.#context.model), undefined);
    await this.#deleteUnused(old?.folder);
  }

  /** The blob folder of a kept adapter, or of the current one, or "". @internal */
  async folder(name?: string): Promise<string> {
    if (name !== undefined) return (await this.#find(name)).folder;
    return (await this.#record())?.folder ?? "";
  }

  /** The folders of all adapters. @internal */
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
    throw new Fault("missing", {
      where: "adapter",
      field: name,
      detail: "no adapter is kept under this name",
      remedy: "use one of the names that list() returns",
    });
  }

  async #describe({ folder, preset, epochs, items, heldout, made }: AdapterRecord): Promise<AdapterInfo> {
    const { blobs } = await this.#context.client();
    let bytes = 0;
    for (const name of await blobs.list(`${folder}/`)) {
      if (name.slice(folder.length + 1) in maxFile) bytes += await blobs.size(name);
    }
    return { preset, epochs, items, heldout, made, bytes };
  }

  // Deletes a folder that no record refers to.
  async #deleteUnused(folder: string | undefined): Promise<void> {
    if (folder === undefined || (await adapterFolders(this.#context.history, this.#context.model)).has(folder)) return;
    await removeAll((await this.#context.client()).blobs, folder);
  }
}

function noAdapter(): Fault {
  return new Fault("missing", {
    where: "adapter",
    detail: "there is no current adapter",
    remedy: "personalize first, or import an adapter",
  });
}

async function removeAll(blobs: GuestClient["blobs"], folder: string): Promise<void> {
  for (const name of await blobs.list(`${folder}/`)) await blobs.delete(name);
}

// Unpacks PEFT's two files from a zip, from any folder in it. Limits the unpacked size, because a
// small zip can expand to any size.
async function unzip(zip: Blob): Promise<Record<string, Bytes>> {
  const where = zip instanceof File ? zip.name : "zip";
  if (zip.size > maxZip) throw new Fault("too-large", { where, detail: `${zip.size} bytes`, limit: `${maxZip} bytes` });
  const base = (path: string) => path.split("/").at(-1)!;
  let unpacked: Record<string, Uint8Array>;
  try {
    unpacked = unzipSync(new Uint8Array(await zip.arrayBuffer()), {
      filter: ({ name, originalSize }) => {
        const limit = maxFile[base(name)];
        if (limit !== undefined && originalSize > limit) {
          const detail = `${originalSize} bytes`;
          throw new Fault("too-large", { where: `${where}: ${name}`, detail, limit: `${limit} bytes` });
        }
        return limit !== undefined;
      },
    });
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const remedy = "choose a file that export() created, or zip PEFT's two files";
    throw new Fault("malformed", {
      where,
      detail: "is not a readable zip",
      remedy,
      cause: new Error(describe(thrown)),
    });
  }
  const files: Record<string, Bytes> = {};
  for (const [path, data] of Object.entries(unpacked)) files[base(path)] ??= data as Bytes;
  for (const name of adapterFiles) {
    if (files[name] === undefined) {
      const remedy = "zip the folder that PEFT's save_pretrained creates";
      throw new Fault("missing", { where, field: name, detail: "is not in the zip", remedy });
    }
  }
  return files;
}

// The name of a model in a repository: ids and URLs, as people copy them from the hub.

import { quote } from "../fault.js";
import type { HubOptions } from "../module/remote.js";
import type { Tools } from "../module/tools.js";

/** A revision of a repository, and the file of the weights if one was named. */
export interface RepositoryName {
  /** The URL of the hub, without a slash at its end. */
  hub: string;
  /** "owner/name" */
  id: string;
  revision: string;
  file: string | undefined;
}

const defaultHub = "https://huggingface.co";
const hosts = /^(https?:\/\/)?(www\.)?(huggingface|hf)\.co\//i;
const part = /^[\w.-]{1,96}$/;
const maxRevision = 200;
const example = 'use "owner/name", such as "HuggingFaceTB/SmolLM2-135M-Instruct"';

/** Parses an id or a URL of the hub. Returns undefined for another URL. */
export function parseName(model: string, options: HubOptions, { Fault }: Tools): RepositoryName | undefined {
  const hub = String(options.hub ?? defaultHub).replace(/\/+$/, "");
  if (!/^https?:\/\//.test(hub)) {
    throw new Fault("malformed", { where: "open", field: "hub", detail: `${quote(hub)} is not a URL of a server` });
  }
  const path = model.startsWith(`${hub}/`) ? model.slice(hub.length + 1) : model.replace(hosts, "");
  const isURL = path !== model;
  if (!isURL && (/^[a-z]+:/i.test(model) || /\.gguf([?#]|$)/i.test(model))) return undefined;
  const refuse = (detail: string) => new Fault("malformed", { where: model, field: "id", detail, remedy: example });

  const [owner = "", last = "", view, ...rest] = path
    .replace(/[?#].*$/, "")
    .replace(/\/$/, "")
    .split("/");
  if (isURL && /^(datasets|spaces)$/.test(owner)) throw refuse("is not a repository of a model");
  const [, name = "", tag] = /^([^@]*)(?:@(.+))?$/.exec(last) ?? [];
  if (!part.test(owner) || !part.test(name)) throw refuse("is not the id of a repository");
  let revision = tag;
  let file: string | undefined;
  if (view !== undefined) {
    if (!isURL && tag !== undefined)
      revision = [tag, view, ...rest].join("/"); // such as refs/pr/1
    else if (/^(resolve|blob|raw|tree)$/.test(view) && rest.length > 0) {
      const size = rest[0] === "refs" ? 3 : 1;
      revision = decode(rest.slice(0, size).join("/"));
      if (rest.length > size) file = decode(rest.slice(size).join("/"));
    } else throw refuse(`has ${quote(view)} after the id`);
  }
  return {
    hub,
    id: `${owner}/${name}`,
    revision: one("revision", revision, options.revision) ?? "main",
    file: one("file", file, options.file),
  };

  // Returns what the name or the option says. They must not differ.
  function one(field: string, named: string | undefined, option: string | undefined): string | undefined {
    if (named !== undefined && option !== undefined && named !== option) {
      const detail = `is ${quote(option)}, but the name of the model says ${quote(named)}`;
      throw new Fault("mismatch", { where: model, field, detail, remedy: "leave one of them out" });
    }
    const value = option ?? named;
    if (value === "" || (value?.length ?? 0) > maxRevision) {
      throw new Fault("malformed", { where: model, field, detail: `${quote(value ?? "")} is no name` });
    }
    return value;
  }
}

/** The URL of a file at a revision. */
export function fileURL({ hub, id }: RepositoryName, revision: string, file: string): string {
  return `${hub}/${id}/resolve/${encodeURIComponent(revision)}/${file.split("/").map(encodeURIComponent).join("/")}`;
}

/** A URL that names a revision of the repository, and the file if one was named. */
export function sourceURL(name: RepositoryName, revision: string): string {
  const { hub, id, file } = name;
  return file === undefined ? `${hub}/${id}/tree/${encodeURIComponent(revision)}` : fileURL(name, revision, file);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The answers of the hub: metadata in JSON and in headers, and refusals.

import { describe, quote } from "../fault.js";
import type { Tools } from "../module/tools.js";
import type { Entry } from "./choose.js";
import type { RepositoryName } from "./name.js";

const maxJSON = 8 << 20; // bytes
const maxEntries = 20_000;

/** Reads an answer as JSON, at most 8 MiB of it. */
export async function readJSON(response: Response, { Fault, isPage }: Tools): Promise<unknown> {
  const where = response.url;
  const text = new TextDecoder().decode(await readStart(response, maxJSON + 1));
  if (text.length > maxJSON)
    throw new Fault("too-large", { where, detail: `more than ${maxJSON} bytes`, limit: `${maxJSON} bytes` });
  if (text.trimStart().startsWith("<")) throw isPage(where);
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new Fault("malformed", { where, detail: "is not JSON", cause: new Error(describe(thrown)) });
  }
}

/** Reads the first bytes of an answer, and cancels the rest. */
export async function readStart(response: Response, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const start = new Uint8Array(size);
  let at = 0;
  const reader = response.body!.getReader();
  try {
    while (at < size) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(0, size - at);
      start.set(part, at);
      at += part.byteLength;
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
  return start.subarray(0, at);
}

interface Sibling {
  rfilename?: unknown;
  size?: unknown;
  blobId?: unknown;
  lfs?: { sha256?: unknown; size?: unknown };
}

/** The commit and the files of /api/models/ID/revision/REVISION?blobs=true. */
export function parseInfo(value: unknown, where: string, { Fault }: Tools): { commit: string; entries: Entry[] } {
  const info = Object(value) as { sha?: unknown; siblings?: unknown };
  const malformed = (field: string, detail: string) => new Fault("malformed", { where, field, detail });
  if (typeof info.sha !== "string" || !isCommit(info.sha)) throw malformed("sha", "is not a commit");
  if (!Array.isArray(info.siblings) || info.siblings.length > maxEntries)
    throw malformed("siblings", `is not a list of at most ${maxEntries} files`);
  const entries = info.siblings.map((sibling: Sibling, i): Entry => {
    const { rfilename: path, size, blobId, lfs } = Object(sibling) as Sibling;
    if (typeof path !== "string") throw malformed(`siblings[${i}].rfilename`, "is not text");
    const hash = hashOf(lfs?.sha256 ?? blobId);
    return { path, size: sizeOf(lfs?.size ?? size), ...hash };
  });
  return { commit: info.sha, entries };
}

/** What the headers of /ID/resolve/REVISION/FILE say, as far as the page may read them. */
export function parseHeaders(path: string, response: Response): Entry & { commit: string | undefined } {
  const { headers } = response;
  const linked = headers.get("X-Linked-Etag");
  const etag = headers.get("ETag");
  const size = headers.get("X-Linked-Size") ?? /\/(\d+)$/.exec(headers.get("Content-Range") ?? "")?.[1];
  const length = response.status === 206 || headers.has("Content-Encoding") ? null : headers.get("Content-Length");
  const commit = headers.get("X-Repo-Commit") ?? "";
  const bytes = size ?? length ?? undefined;
  return {
    path,
    size: bytes === undefined ? undefined : sizeOf(Number(bytes)),
    ...hashOf((linked ?? etag)?.replace(/^W\//, "").replaceAll('"', "")),
    commit: isCommit(commit) ? commit : undefined,
    ...(linked === null && etag !== null && !etag.startsWith("W/") && { etag }),
  };
}

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

function sizeOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

// The hub identifies large files by SHA-256, and small ones by Git's hash.
function hashOf(value: unknown): Pick<Entry, "sha256" | "gitHash"> {
  if (typeof value !== "string") return {};
  if (/^[0-9a-f]{64}$/.test(value)) return { sha256: value };
  return isCommit(value) ? { gitHash: value } : {};
}

/** The fault for a refusal of the hub. */
export function refused(name: RepositoryName, response: Response, { Fault, RefusedRequest }: Tools): Error {
  const { id, revision, hub } = name;
  const code = response.headers.get("X-Error-Code") ?? "";
  const { status } = response;
  if (code === "RevisionNotFound") {
    void response.body?.cancel();
    const detail = `the revision ${quote(revision)} does not exist`;
    return new Fault("missing", { where: id, field: "revision", detail, remedy: `choose one at ${hub}/${id}` });
  }
  if (code === "GatedRepo" || (code === "" && status === 403)) {
    void response.body?.cancel();
    return gated(name, { Fault });
  }
  if (code === "RepoNotFound" || status === 401 || status === 404) {
    void response.body?.cancel();
    return new Fault("missing", {
      where: id,
      detail: `the repository does not exist on ${hub}, or is private`,
      remedy: `check the id; if ${quote(id)} is a folder of this site, add a slash at its end`,
    });
  }
  return new RefusedRequest(new URL(response.url), response);
}

/** The fault for a repository that only users with an account may download. */
export function gated({ id, hub }: RepositoryName, { Fault }: Pick<Tools, "Fault">): Error {
  return new Fault("missing", {
    where: id,
    detail: "the repository is gated: its owners share it only with accounts that have accepted their terms",
    remedy: `download a GGUF file with your account from ${hub}/${id}, and open this file`,
  });
}

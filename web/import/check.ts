// Checks of the arguments of an import.

import { type Checks, checkAll, kind, signal, text } from "../checks.js";
import { Fault } from "../fault.js";
import type { ImportFiles, ImportOptions } from "./options.js";

const isText = (v: unknown): boolean => typeof v === "string";
const isList = (v: unknown, is: (one: unknown) => boolean): boolean => Array.isArray(v) && v.every(is);
const has = (v: unknown, name: string): unknown => (v as Record<string, unknown> | null)?.[name];

const options: Checks<ImportOptions> = {
  me: kind("a name or a list of names", (v) => isText(v) || isList(v, isText)),
  textColumn: text,
  textColumns: kind("a list of files and columns", (v) =>
    isList(v, (one) => isText(has(one, "file")) && isText(has(one, "column"))),
  ),
  name: text,
  onProgress: kind("a function", (v) => typeof v === "function"),
  signal,
};

/** Checks the options of history.import() and openFiles(), as those of the module are checked. */
export const checkImport = (given: unknown): void => checkAll("import", "", given, options);

/** Throws unless the files of an import are files, or a text. */
export function checkFiles(files: ImportFiles): void {
  const one = (v: unknown) => v instanceof Blob || (isText(has(v, "name")) && has(v, "blob") instanceof Blob);
  const list = files as Iterable<unknown> | null | undefined;
  if (isText(files) || files instanceof Blob) return;
  if (typeof list?.[Symbol.iterator] === "function" && Array.from(list).every(one)) return;
  throw new Fault("malformed", {
    where: "import",
    field: "files",
    detail: "are not files or a text",
    remedy: "give a File, a Blob, a text, or a list of files",
  });
}

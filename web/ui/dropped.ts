// Files that were dropped, with those in dropped folders.

import { Fault, type NamedFile } from "../module/nextquill.js";

const maxFiles = 200_000; // as the importer accepts

/** Lists dropped files. Call it in the event handler: the data are gone after that. */
export function droppedFiles(data: DataTransfer): Promise<NamedFile[]> {
  const entries: FileSystemEntry[] = [];
  const files: NamedFile[] = [];
  for (const item of data.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry();
    if (entry?.isDirectory) {
      entries.push(entry);
      continue;
    }
    const file = item.getAsFile();
    if (file !== null) files.push({ name: file.name, blob: file });
  }
  return walk(entries, files);
}

async function walk(entries: FileSystemEntry[], files: NamedFile[]): Promise<NamedFile[]> {
  for (let entry = entries.shift(); entry !== undefined; entry = entries.shift()) {
    if (files.length >= maxFiles) {
      throw new Fault("too-large", {
        where: entry.fullPath,
        detail: "there are too many files",
        limit: `${maxFiles}`,
        remedy: "drop a part of the folder",
      });
    }
    if (entry.isDirectory) entries = (await children(entry as FileSystemDirectoryEntry)).concat(entries);
    else files.push({ name: entry.fullPath.replace(/^\//, ""), blob: await fileOf(entry as FileSystemFileEntry) });
  }
  return files;
}

async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all.sort((a, b) => (a.name < b.name ? -1 : 1)); // the same order in all browsers
    all.push(...part);
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** The chosen files of a file field, with the paths of a chosen folder. */
export function chosenFiles(field: HTMLInputElement): NamedFile[] {
  return Array.from(field.files ?? [], (file) => ({ name: file.webkitRelativePath || file.name, blob: file }));
}

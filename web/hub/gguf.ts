// The architecture of a GGUF file, from its first bytes: unsupported files are refused before they
// are downloaded.

import { ggufArchitectures } from "../api.gen.js";
import { quote } from "../fault.js";
import type { Tools } from "../module/tools.js";

/** How many bytes at the start of a file are enough. */
export const headerSize = 64 << 10;

const magic = 0x4655_4747; // "GGUF"
const key = "general.architecture";
const maxKeys = 100;
// Bytes of the scalar types, by number; 8 is a string, 9 a list.
const sizes: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** Throws unless these bytes begin a GGUF file of an architecture that the core supports. */
export function checkGGUF(start: Uint8Array<ArrayBuffer>, where: string, { Fault, isPage }: Tools): void {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (start.byteLength < 24 || view.getUint32(0, true) !== magic) {
    if (/^\s*</.test(new TextDecoder().decode(start.subarray(0, 100)))) throw isPage(where);
    throw new Fault("malformed", { where, detail: "is not a GGUF file", remedy: "check the URL or the file" });
  }
  const architecture = find(view);
  if (architecture === undefined || ggufArchitectures.some((name) => name === architecture)) return;
  throw new Fault("unsupported", {
    where,
    field: key,
    detail: `is ${quote(architecture)}`,
    limit: ggufArchitectures.join(", "),
    remedy: "use a model of the Llama or Qwen family",
  });
}

// The value of the key, or undefined if it is not among the first keys. The guest reads the file
// completely.
function find(view: DataView): string | undefined {
  let at = 24;
  const long = () => {
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  };
  const text = () => {
    const size = long();
    at += size;
    return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at - size, size));
  };
  try {
    for (let n = 0; n < maxKeys; n++) {
      const name = text();
      const type = view.getUint32(at, true);
      at += 4;
      if (name === key) return type === 8 ? text() : undefined;
      if (type === 9) return undefined;
      if (type === 8) at += long();
      else at += sizes[type] ?? Infinity;
    }
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown; // the bytes end here
  }
  return undefined;
}

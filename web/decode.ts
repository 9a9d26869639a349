// Decoders of the guest's JSON, used by api.gen.ts. A field that is missing or has the wrong type
// is a Fault of kind "malformed" that names the message and the field.

import { Fault } from "./fault.js";

/** Checks a JSON value and converts it to T. `message` and `field` say where the value is. */
export type Decoder<T> = (value: unknown, message: string, field: string) => T;

export const string: Decoder<string> = (value, message, field) => {
  if (typeof value !== "string") throw wrongType(value, message, field, "a string");
  return value;
};

export const number: Decoder<number> = (value, message, field) => {
  if (typeof value !== "number") throw wrongType(value, message, field, "a number");
  return value;
};

export const integer: Decoder<number> = (value, message, field) => {
  if (!Number.isInteger(value)) throw wrongType(value, message, field, "an integer");
  return value as number;
};

export const boolean: Decoder<boolean> = (value, message, field) => {
  if (typeof value !== "boolean") throw wrongType(value, message, field, "a boolean");
  return value;
};

/** Accepts one text only, such as the name of an event. */
export function literal<const T extends string>(text: T): Decoder<T> {
  return (value, message, field) => {
    if (value !== text) throw wrongType(value, message, field, JSON.stringify(text));
    return text;
  };
}

/** Decodes a list. Go encodes an empty one as null. */
export function list<T>(element: Decoder<T>): Decoder<T[]> {
  return (value, message, field) => {
    if (value === null) return [];
    if (!Array.isArray(value)) throw wrongType(value, message, field, "a list");
    return value.map((one, i) => element(one, message, `${field}[${i}]`));
  };
}

/** Decodes a field that Go leaves out when it has its zero value. */
export function optional<T>(decode: Decoder<T>, zero: T): Decoder<T> {
  return (value, message, field) => (value === undefined ? zero : decode(value, message, field));
}

/**
 * Decodes an object. `fields` are named as in TypeScript, in camel case; JSON has the same names in
 * snake case. Fields of the JSON that are not listed are ignored.
 */
export function record<T>(fields: { readonly [Name in keyof T]-?: Decoder<T[Name]> }): Decoder<T> {
  const all = (Object.entries(fields) as [keyof T & string, Decoder<T[keyof T]>][]).map(([name, decode]) => ({
    name,
    decode,
    json: snakeCase(name),
  }));
  return (value, message, field) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw wrongType(value, message, field, "an object");
    }
    const decoded: Partial<T> = {};
    for (const { name, json, decode } of all) {
      const inner = field === "" ? json : `${field}.${json}`;
      decoded[name as keyof T] = decode((value as Record<string, unknown>)[json], message, inner);
    }
    return decoded as T;
  };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}

function wrongType(value: unknown, where: string, field: string, want: string): Fault {
  const found = value === null ? "null" : Array.isArray(value) ? "a list" : `of type ${typeof value}`;
  return new Fault("malformed", {
    where,
    field,
    detail: value === undefined ? `is missing; it must be ${want}` : `is ${found}; it must be ${want}`,
    remedy: "use a guest and scripts of the same build",
  });
}

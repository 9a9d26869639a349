// Checks of options that callers of the module give.

import { Fault, quote } from "./fault.js";

interface Range {
  readonly min: number;
  readonly max: number;
  /** Without the ends. */
  readonly open?: boolean;
  /** Whole numbers only. */
  readonly int?: boolean;
}

/** Checks the value of an option, and throws a Fault that names it. */
export type Check = (where: string, field: string, value: unknown) => void;
/** The checks of all options. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check };

export const signal = kind("an AbortSignal", (v) => typeof v === "object" && v !== null && "aborted" in v);
export const text = kind("text", (v) => typeof v === "string");

/**
 * Checks options by name and value. Throws "missing" without the required one, "unsupported" for an
 * unknown one, "malformed" or "out-of-range" for a wrong value.
 */
export function checkAll<T>(where: string, prefix: string, options: unknown, checks: Checks<T>, required = ""): void {
  if (required !== "" && (options as Record<string, unknown> | undefined)?.[required] === undefined)
    throw new Fault("missing", {
      where,
      field: required,
      detail: "is not given",
      remedy: `set the option ${required}`,
    });
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    const detail = `${show(options)} is not an object of options`;
    throw new Fault("malformed", { where, field: prefix.slice(0, -1) || "options", detail });
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name as keyof typeof checks] : undefined;
    if (check === undefined) {
      const remedy = `use ${Object.keys(checks).join(", ")}`;
      throw new Fault("unsupported", { where, field: `${prefix}${name}`, detail: "there is no such option", remedy });
    }
    if (value !== undefined) check(where, `${prefix}${name}`, value);
  }
}

/** A check of the type of a value. `what` names it, such as "a function". */
export function kind(what: string, is: (value: unknown) => boolean): Check {
  return (where, field, value) => {
    if (!is(value)) throw new Fault("malformed", { where, field, detail: `${show(value)} is not ${what}` });
  };
}

/** A check of a number and its range. */
export function numberIn(range: Range): Check {
  const { min, max, open = false, int = false } = range;
  const limit = open ? `above ${min} and below ${max}` : `${min} to ${max}`;
  const whole = int ? "a whole number" : "a number";
  return (where, field, value) => {
    if (typeof value !== "number")
      throw new Fault("malformed", { where, field, detail: `${show(value)} is not ${whole}`, limit });
    const inside = open ? value > min && value < max : value >= min && value <= max;
    if (inside && (!int || Number.isInteger(value))) return;
    const detail = inside ? `${value} is not a whole number` : String(value);
    const remedy = "use a number in this range, or leave it out for the default";
    throw new Fault("out-of-range", { where, field, detail, limit, remedy });
  };
}

function show(value: unknown): string {
  return typeof value === "string"
    ? quote(value)
    : value === null
      ? "null"
      : typeof value === "object"
        ? "an object"
        : String(value);
}

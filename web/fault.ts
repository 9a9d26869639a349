// The error type of NextQuill, the same as in core/fault: what is wrong, where, in which field,
// against which limit, and what to do about it.

import type { ErrorInfo, FaultKind } from "./api.gen.js";

export type { ErrorInfo, FaultKind };

/** The parts of a fault. Only the detail is required. */
export interface FaultParts {
  where?: string | undefined;
  field?: string | undefined;
  detail: string;
  limit?: string | undefined;
  remedy?: string | undefined;
  cause?: unknown;
}

// Limits of an error in JSON: it may quote a hostile file.
const maxText = 16 << 10;
const maxCauses = 8;

/**
 * An error that says what is wrong, where, and what to do. `message` has the complete text. A fault
 * of kind "cancelled" has the name "AbortError", as errors of the platform have.
 */
export class Fault extends Error {
  override readonly name: "Fault" | "AbortError";
  readonly kind: FaultKind;
  readonly where: string;
  readonly field: string;
  readonly detail: string;
  readonly limit: string;
  readonly remedy: string;

  constructor(kind: FaultKind, parts: FaultParts) {
    super(text(kind, parts), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = kind === "cancelled" ? "AbortError" : "Fault";
    this.kind = kind;
    this.where = parts.where ?? "";
    this.field = parts.field ?? "";
    this.detail = parts.detail;
    this.limit = parts.limit ?? "";
    this.remedy = parts.remedy ?? "";
  }

  /** Converts a thrown value to a fault. Anything that is not a fault gets the kind `kind`. */
  static from(thrown: unknown, kind: FaultKind, parts: Omit<FaultParts, "detail" | "cause"> = {}): Fault {
    return thrown instanceof Fault ? thrown : new Fault(kind, { ...parts, detail: describe(thrown) });
  }

  /** Rebuilds a fault from the JSON of the guest or the worker. */
  static fromInfo(info: ErrorInfo): Fault {
    // An error without a kind that wraps a fault has the kind of that fault.
    if (info.kind === undefined && hasKind(info.cause, maxCauses)) return Fault.fromInfo(info.cause!);
    return new Fault((info.kind as FaultKind | undefined) ?? "internal", {
      where: info.where,
      field: info.field,
      detail: info.detail ?? info.message,
      limit: info.limit,
      remedy: info.remedy,
      cause: info.cause && causeOf(info.cause),
    });
  }

  /** The fault as JSON. */
  info(): ErrorInfo {
    return infoOf(this, maxCauses);
  }
}

function hasKind(info: ErrorInfo | undefined, depth: number): boolean {
  return info !== undefined && depth > 0 && (info.kind !== undefined || hasKind(info.cause, depth - 1));
}

function causeOf(info: ErrorInfo): Error {
  return info.kind === undefined ? new Error(info.message) : Fault.fromInfo(info);
}

function infoOf(error: unknown, depth: number): ErrorInfo {
  const info: ErrorInfo = { message: truncate(error instanceof Error ? error.message : String(error)) };
  if (error instanceof Fault) {
    info.kind = error.kind;
    for (const key of ["where", "field", "detail", "limit", "remedy"] as const) {
      if (error[key] !== "") info[key] = truncate(error[key]);
    }
  }
  if (error instanceof Error && error.cause !== undefined && depth > 1) info.cause = infoOf(error.cause, depth - 1);
  return info;
}

// Joins the parts to "where: field: detail (limit …): cause; remedy", as core/fault does.
function text(kind: FaultKind, parts: FaultParts): string {
  let all = [parts.where, parts.field, parts.detail || kind].filter(Boolean).join(": ");
  if (parts.limit) all += ` (limit ${parts.limit})`;
  if (parts.cause !== undefined && kind !== "cancelled") all += `: ${describe(parts.cause)}`;
  if (parts.remedy) all += `; ${parts.remedy}`;
  return all;
}

/** The text of a thrown value. */
export function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown instanceof Fault || thrown.name === "Error" ? thrown.message : `${thrown.name}: ${thrown.message}`;
}

/** Quotes text from the input. Long text is truncated. */
export function quote(s: string): string {
  return s.length <= 80 ? JSON.stringify(s) : `${JSON.stringify(s.slice(0, 80))}… (${s.length} characters)`;
}

/**
 * The fault of a cancelled call. Its cause has the text of Go's context.Canceled, which Go
 * compares.
 */
export function cancelled(): Fault {
  return new Fault("cancelled", { detail: "stopped", cause: new Error("context canceled") });
}

/**
 * What a call throws that a signal has cancelled: the reason that its caller gave, as fetch does.
 * If there is none, a Fault of kind "cancelled" whose cause is the platform's AbortError. Other
 * errors stay.
 */
export function aborted(signal: AbortSignal | undefined, thrown: unknown): unknown {
  if (!signal?.aborted || (thrown instanceof Fault && thrown.kind !== "cancelled")) return thrown;
  const reason: unknown = signal.reason;
  if (!(reason instanceof DOMException) || reason.name !== "AbortError") return reason;
  return new Fault("cancelled", { detail: "stopped", cause: reason });
}

function truncate(s: string): string {
  return s.length > maxText ? `${s.slice(0, maxText)}…` : s;
}

// The one typed error, as core/fault has it: what kind of thing is wrong, where,
// in which field, against which limit, and what to do about it.

/** What sort of thing is wrong. The texts are those of core/fault; "internal" is a defect of ours. */
export type FaultKind =
  | "malformed"
  | "too-large"
  | "out-of-range"
  | "mismatch"
  | "missing"
  | "unsupported"
  | "no-adapter"
  | "device-limit"
  | "device"
  | "device-lost"
  | "storage"
  | "cancelled"
  | "nan"
  | "busy" // of the module: another tab, or another call, is at it
  | "internal";

/** A fault as it crosses a boundary in JSON (ErrorInfo in wasm/abi). */
export interface ErrorInfo {
  kind?: string;
  where?: string;
  field?: string;
  detail?: string;
  limit?: string;
  remedy?: string;
  message: string;
  cause?: ErrorInfo;
}

/** The parts of a fault; only its detail is always there. */
export interface FaultParts {
  where?: string | undefined;
  field?: string | undefined;
  detail: string;
  limit?: string | undefined;
  remedy?: string | undefined;
  cause?: unknown;
}

// Bounds as in core/session: an error may quote a hostile file.
const maxText = 16 << 10;
const maxCauses = 8;

/** An error that says what is wrong, where, and what to do. `message` is the whole text. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly kind: FaultKind;
  readonly where: string;
  readonly field: string;
  readonly detail: string;
  readonly limit: string;
  readonly remedy: string;

  constructor(kind: FaultKind, parts: FaultParts) {
    super(text(kind, parts), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.kind = kind;
    this.where = parts.where ?? "";
    this.field = parts.field ?? "";
    this.detail = parts.detail;
    this.limit = parts.limit ?? "";
    this.remedy = parts.remedy ?? "";
  }

  /** Makes any thrown value a fault; one that is none becomes `kind`. */
  static from(thrown: unknown, kind: FaultKind, parts: Omit<FaultParts, "detail" | "cause"> = {}): Fault {
    return thrown instanceof Fault ? thrown : new Fault(kind, { ...parts, detail: describe(thrown) });
  }

  /** Rebuilds what the other side of a boundary threw. */
  static fromInfo(info: ErrorInfo): Fault {
    // An error around a fault, such as several joined, is that fault to whoever tests its kind.
    if (info.kind === undefined && kinded(info.cause, maxCauses)) return Fault.fromInfo(info.cause!);
    return new Fault((info.kind as FaultKind | undefined) ?? "internal", {
      where: info.where,
      field: info.field,
      detail: info.detail ?? info.message,
      limit: info.limit,
      remedy: info.remedy,
      cause: info.cause && causeOf(info.cause),
    });
  }

  /** The fault as JSON carries it. */
  info(): ErrorInfo {
    return infoOf(this, maxCauses);
  }
}

function kinded(info: ErrorInfo | undefined, depth: number): boolean {
  return info !== undefined && depth > 0 && (info.kind !== undefined || kinded(info.cause, depth - 1));
}

function causeOf(info: ErrorInfo): Error {
  return info.kind === undefined ? new Error(info.message) : Fault.fromInfo(info);
}

function infoOf(error: unknown, depth: number): ErrorInfo {
  const info: ErrorInfo = { message: cut(error instanceof Error ? error.message : String(error)) };
  if (error instanceof Fault) {
    info.kind = error.kind;
    for (const key of ["where", "field", "detail", "limit", "remedy"] as const) {
      if (error[key] !== "") info[key] = cut(error[key]);
    }
  }
  if (error instanceof Error && error.cause !== undefined && depth > 1) info.cause = infoOf(error.cause, depth - 1);
  return info;
}

// text reads "where: field: detail (limit …): cause; remedy", as in core/fault.
function text(kind: FaultKind, parts: FaultParts): string {
  let all = [parts.where, parts.field, parts.detail || kind].filter(Boolean).join(": ");
  if (parts.limit) all += ` (limit ${parts.limit})`;
  if (parts.cause !== undefined) all += `: ${describe(parts.cause)}`;
  if (parts.remedy) all += `; ${parts.remedy}`;
  return all;
}

/** The text of anything thrown. */
export function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown instanceof Fault || thrown.name === "Error" ? thrown.message : `${thrown.name}: ${thrown.message}`;
}

/** Quotes text taken from input; long text is cut. */
export function quote(s: string): string {
  return s.length <= 80 ? JSON.stringify(s) : `${JSON.stringify(s.slice(0, 80))}… (${s.length} characters)`;
}

/** The fault of a call that was asked to stop. Its cause is the text that Go's context has. */
export function cancelled(): Fault {
  return new Fault("cancelled", { detail: "stopped", cause: new Error("context canceled") });
}

function cut(s: string): string {
  return s.length > maxText ? `${s.slice(0, maxText)}…` : s;
}

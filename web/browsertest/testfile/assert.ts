// Assertions for test files. Each throws an AssertionError that says what it got and what it
// wanted.

/** What a failed assertion throws. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Fails the test case. */
export function fail(message: string): never {
  throw new AssertionError(message);
}

/** Fails unless the value is truthy. */
export function ok(value: unknown, message = "the value is not truthy"): asserts value {
  if (!value) fail(`${message} (got ${show(value)})`);
}

/** Fails unless both values are deeply equal. */
export function equal(got: unknown, want: unknown, message = "the values differ"): void {
  if (!same(got, want)) fail(`${message}\n  got:  ${show(got)}\n  want: ${show(want)}`);
}

/** Fails if both values are deeply equal. */
export function notEqual(got: unknown, other: unknown, message = "the values are equal"): void {
  if (same(got, other)) fail(`${message}: ${show(got)}`);
}

/** Fails unless `got` is greater than `limit`. */
export function greater(got: number, limit: number, message = "the value is too small"): void {
  if (!(got > limit)) fail(`${message}: ${got} is not greater than ${limit}`);
}

/** Fails unless a text contains a text, or a list contains an item that is deeply equal. */
export function includes(got: string | readonly unknown[], item: unknown, message = "an item is missing"): void {
  const found = typeof got === "string" ? got.includes(String(item)) : got.some((one) => same(one, item));
  if (!found) fail(`${message}\n  got:  ${show(got)}\n  want: ${show(item)} in it`);
}

/** Fails if a text contains a text, or a list contains an item that is deeply equal. */
export function excludes(got: string | readonly unknown[], item: unknown, message = "an item is not expected"): void {
  const found = typeof got === "string" ? got.includes(String(item)) : got.some((one) => same(one, item));
  if (found) fail(`${message}: ${show(item)} in ${show(got)}`);
}

/** Fails unless a text matches the pattern. */
export function match(got: string, pattern: RegExp, message = "the text does not match"): void {
  if (!pattern.test(got)) fail(`${message}\n  got:  ${show(got)}\n  want: ${pattern}`);
}

/** The parts of a Fault that tests look at. */
export interface FaultLike {
  kind: string;
  message: string;
}

/** Fails unless the promise rejects with a Fault of this kind. Resolves to the Fault. */
export async function rejects<T extends FaultLike = FaultLike>(
  promise: PromiseLike<unknown>,
  kind: string,
): Promise<T> {
  let value: unknown;
  try {
    value = await promise;
  } catch (thrown) {
    const fault = thrown as T & Error;
    equal(fault.kind ?? fault.name, kind, `another fault: ${fault.message}`);
    return fault;
  }
  fail(`the promise resolves to ${show(value)}, not to a fault of kind ${kind}`);
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  const [keysA, keysB] = [Object.keys(a), Object.keys(b)];
  return (
    keysA.length === keysB.length &&
    keysA.every((key) => key in b && same(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

const maxShown = 4000;

function show(value: unknown): string {
  const text = value instanceof Uint8Array ? `Uint8Array(${value.length})` : (JSON.stringify(value) ?? String(value));
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}

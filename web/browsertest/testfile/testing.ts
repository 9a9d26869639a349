// The page's side of a test file. The Go runner (package testfile) bundles the file, opens it in a
// page, runs each case of test() as a Go subtest, and calls the functions of steps() where a Go
// test drives several pages.

export * from "./assert.js";

interface Outcome {
  value?: unknown;
  error?: { message: string; stack: string };
  /** What log() was given meanwhile. */
  log: string[];
}

/** A message to Go: the call of a command, or a value for the test's OnMessage. */
type Message = { command: string; id: number; args: unknown[] } | { value: unknown };

interface Runner {
  /** The names of the test cases, in order. */
  names(): string[];
  run(name: string): Promise<Outcome>;
  step(name: string, args: unknown[]): Promise<Outcome>;
  /** Settles a command. */
  answer(id: number, value: unknown, error: string): void;
}

declare global {
  /** Called by the Go runner. */
  var testRunner: Runner;
  /** Added by the Go runner; takes a message in JSON. */
  var report: ((json: string) => void) | undefined;
}

const cases = new Map<string, () => unknown>();
let named: Record<string, (...args: never[]) => unknown> = {};
let lines: string[] = [];

/**
 * Adds a test case. Cases run in the order in which they are added; those of one file share the
 * page.
 */
export function test(name: string, run: () => unknown): void {
  if (cases.has(name)) throw new Error(`two test cases have the name ${name}`);
  cases.set(name, run);
}

/** Names the functions that a Go test calls. Arguments and results travel as JSON. */
export function steps(functions: Record<string, (...args: never[]) => unknown>): void {
  named = { ...named, ...functions };
}

/** Prints a line in the test's log. */
export function log(line: string): void {
  lines.push(line);
}

/** Sends a value to the Go test, which takes it in OnMessage. */
export function send(value: unknown): void {
  post({ value });
}

const commands = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
let lastCommand = 0;

/** Runs a command of the Go test (testfile.Commands) and resolves to its result. */
export async function command<Result = void>(name: string, ...args: unknown[]): Promise<Result> {
  const id = ++lastCommand;
  const answer = new Promise<unknown>((resolve, reject) => commands.set(id, { resolve, reject }));
  post({ command: name, id, args });
  return (await answer) as Result;
}

function post(message: Message): void {
  if (globalThis.report === undefined) throw new Error("the page was not opened by the Go runner");
  globalThis.report(JSON.stringify(message));
}

async function outcome(run: () => unknown): Promise<Outcome> {
  lines = [];
  try {
    const value = (await run()) ?? null;
    return { value, log: lines };
  } catch (thrown) {
    const e = thrown as Partial<Error & { kind: string }>;
    const message = e.kind === undefined ? `${e.name}: ${e.message ?? String(thrown)}` : `${e.kind}: ${e.message}`;
    return { error: { message, stack: e.stack ?? "" }, log: lines };
  }
}

globalThis.testRunner = {
  names: () => [...cases.keys()],
  run: (name) =>
    outcome(() => {
      const run = cases.get(name);
      if (run === undefined) throw new Error(`there is no test case ${name}`);
      return run();
    }),
  step: (name, args) =>
    outcome(() => {
      const step = named[name];
      if (step === undefined) throw new Error(`there is no step ${name}`);
      return step(...(args as never[]));
    }),
  answer(id, value, error) {
    const waiting = commands.get(id);
    commands.delete(id);
    if (error === "") waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  },
};

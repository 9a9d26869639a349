// The runner's own tests: assertions, commands and steps.

import {
  AssertionError,
  command,
  equal,
  excludes,
  fail,
  greater,
  includes,
  log,
  match,
  notEqual,
  ok,
  rejects,
  send,
  steps,
  test,
} from "../testing.js";

/** The message of the assertion that the function fails. */
function failure(run: () => void): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof AssertionError) return thrown.message;
    throw thrown;
  }
  throw new Error("the assertion passes");
}

test("equal", () => {
  const same: [unknown, unknown][] = [
    [Number.NaN, Number.NaN],
    [{ a: [1, { b: undefined }] }, { a: [1, { b: undefined }] }],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ];
  for (const [a, b] of same) {
    equal(a, b);
    failure(() => notEqual(a, b));
  }
  const different: [unknown, unknown][] = [
    [0, -0],
    [1, "1"],
    [null, undefined],
    [[], {}],
    [[1], [1, 2]],
    [{ a: 1 }, { b: 1 }],
    [{ a: undefined }, {}],
    [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
    [new Uint8Array([1, 2]), [1, 2]],
  ];
  for (const [a, b] of different) {
    notEqual(a, b);
    failure(() => equal(a, b));
  }
  const message = failure(() => equal([1], [2], "the lists differ"));
  equal(message, "the lists differ\n  got:  [1]\n  want: [2]");
});

test("other assertions", () => {
  ok(1);
  for (const value of [0, "", null, undefined, Number.NaN]) failure(() => ok(value));
  greater(2, 1);
  for (const value of [1, 0, Number.NaN]) failure(() => greater(value, 1));
  includes("abc", "b");
  includes([{ a: 1 }], { a: 1 });
  failure(() => includes("abc", "d"));
  failure(() => includes([{ a: 1 }], { a: 2 }));
  excludes("abc", "d");
  excludes([1], 2);
  failure(() => excludes("abc", "b"));
  failure(() => excludes([[1]], [1]));
  match("abc", /b/);
  failure(() => match("abc", /d/));
  equal(
    failure(() => fail("no")),
    "no",
  );
});

test("rejects", async () => {
  const fault = Object.assign(new Error("gone"), { kind: "missing" });
  equal(await rejects(Promise.reject(fault), "missing"), fault);
  for (const [promise, kind] of [
    [Promise.reject(fault), "busy"],
    [Promise.resolve(1), "missing"],
  ] as const) {
    const thrown = await rejects(promise, kind).then(
      () => undefined,
      (error: unknown) => error,
    );
    ok(thrown instanceof AssertionError);
  }
});

test("command", async () => {
  equal(await command<number>("add", 1, 2), 3);
  for (const name of ["fails", "unknown"]) {
    const error = await command(name).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    includes(error?.message ?? "", name);
  }
  log("a line");
});

steps({
  double: (n: number) => 2 * n,
  tell: () => send({ told: true }),
  breaks() {
    throw Object.assign(new Error("gone"), { kind: "missing" });
  },
});

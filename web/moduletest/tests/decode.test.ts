// The decoders of the guest's messages.

import { decodeEvent, decodeResult } from "../../api.gen.js";
import { equal, includes, ok, test } from "../../browsertest/testfile/testing.js";
import { Fault } from "../../fault.js";

const step = {
  event: "step",
  step: 1,
  steps: 2,
  epoch: 0.5,
  loss: 1,
  ntp_loss: 1,
  align_loss: 0,
  causal_share: 0.25,
  lr: 0.001,
  grad_norm: 1,
  tokens_per_second: 100,
  seconds: 1,
  remaining: 1,
};

function faultOf(run: () => unknown): Fault {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

test("an event is decoded to camel case", () => {
  const event = decodeEvent.step(step, "event step", "");
  equal(event.tokensPerSecond, 100);
  equal(event.causalShare, 0.25);
});

test("a missing field is an error", () => {
  const { grad_norm: _, ...rest } = step;
  const fault = faultOf(() => decodeEvent.step(rest, "event step", ""));
  equal(fault.kind, "malformed");
  equal(fault.where, "event step");
  equal(fault.field, "grad_norm");
  includes(fault.message, "is missing");
});

test("a field of the wrong type is an error", () => {
  for (const wrong of ["1", null, true, [1], {}]) {
    const fault = faultOf(() => decodeEvent.step({ ...step, loss: wrong }, "event step", ""));
    equal(fault.field, "loss");
  }
  equal(faultOf(() => decodeEvent.step({ ...step, step: 1.5 }, "event step", "")).field, "step");
  equal(faultOf(() => decodeEvent.step({ ...step, event: "eval" }, "event step", "")).field, "event");
});

test("nested fields are named by their path", () => {
  const token = { text: "a", id: 1, logp_with: -1, logp_without: -2, dce: 0.2 };
  const result = { context: null, text: "a", items: null, tokens: [token, { ...token, dce: "0.2" }] };
  equal(faultOf(() => decodeResult.explain(result, "result of explain", "")).field, "tokens[1].dce");
});

test("Go's empty values are accepted", () => {
  const token = { text: "a", id: 1, logp_with: -1, logp_without: -2, dce: 0.2 };
  const result = decodeResult.explain(
    { context: null, text: "a", items: null, tokens: [token] },
    "result of explain",
    "",
  );
  equal(result.items, []);
  equal(result.tokens[0]?.influence, []); // omitempty
  const { why, held } = decodeResult.estimate(
    {
      write: { event: "memory", base: 1, adapter: 0, optimizer: 0, activations: 0, cache: 0, loading: 0, peak: 1 },
      train: { event: "memory", base: 1, adapter: 0, optimizer: 0, activations: 0, cache: 0, loading: 0, peak: 1 },
    },
    "result of estimate",
    "",
  ).train;
  ok(why === "" && held === 0);
});

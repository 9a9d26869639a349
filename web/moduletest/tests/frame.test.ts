// A page with a frame of another site, which the sandbox gives no storage.

import { equal, test } from "../../browsertest/testfile/testing.js";
import { expected } from "./denied.js";

test("everything works in memory, in a sandboxed frame", async () => {
  const frame = document.createElement("iframe");
  frame.sandbox.add("allow-scripts");
  frame.src = location.href.replace("//frame.", "//denied.").replace("frame.test", "deniedFrame");
  const answer = new Promise<unknown>((resolve, reject) => {
    addEventListener("message", ({ data }) => resolve(data));
    setTimeout(() => reject(new Error("the frame does not answer")), 60_000);
  });
  document.body.append(frame);
  equal(await answer, { origin: "null", outcome: expected });
});

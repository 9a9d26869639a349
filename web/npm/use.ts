// A page that uses the package. scripts/package compiles it against the packed files, in strict
// mode, to check that the declarations are complete.

import { type Evaluation, NextQuill, type StepEvent } from "nextquill";
import type { NextQuillElement } from "nextquill/element";

const quill = await NextQuill.open({ model: "model/", onProgress: (e) => console.log(e.status) });
const other = await NextQuill.open({ model: "owner/name", revision: "main", file: "model.gguf" });
console.log(other.model.source, (await other.measure()).tokensPerSecond);
await NextQuill.open({ model: new File([], "model.gguf") });
await quill.history.add({ context: { to: "Ann" }, text: "Noon?", time: new Date() });
for await (const event of quill.personalize({ preset: "nextquill", epochs: 1 })) {
  if (event.event === "step") step(event);
}
for await (const piece of quill.write({ context: "lunch", steer: 1 })) console.log(piece);
const { tokens } = await quill.explain({ text: "Noon?" });
const tested: Evaluation = await quill.evaluate({ texts: [{ text: "Later." }] });
console.log(tokens[0]?.dce, tested.loss, (await quill.adapter.export()).size);

function step(event: StepEvent): void {
  console.log(event.loss, event.remaining);
}

const element: NextQuillElement = document.createElement("next-quill");
element.addEventListener("nq-error", (event) => console.log(event.detail.kind));
element.addEventListener("click", (event) => console.log(event.clientX));
console.log(element.value);
const draft: string = await quill.write({ context: "lunch" });
const attributes: JSX.IntrinsicElements["next-quill"] = { model: "model/", "max-tokens": 40 };
console.log(draft, attributes);

// What a page that may not store data can do: all of the module and the element until it is closed.

import { FileImport, forget, NextQuill, openHistory } from "nextquill";
import { NextQuillElement } from "nextquill/element";

const texts = ["The rain sings in the gutter.", "The wind hums.", "The stove ticks at night.", "A door creaks softly."];

export interface Outcome {
  persistent: boolean[];
  seen: string[];
  added: number[];
  imported: string[];
  notice: string;
  elementTexts: string;
  draft: boolean;
  trainedOn: number | undefined;
  unfinished: boolean;
  exported: boolean;
  afterForget: unknown[];
}

/** Uses everything that stores data. */
export async function useAll(): Promise<Outcome> {
  const history = openHistory();
  const other = openHistory();
  const added = [(await history.addAll(texts.map((text) => ({ text })))).added];
  const first = (await history.list())[0]!;
  await history.update(first.id, { text: "The rain sings." });
  await history.add({ text: "to be removed" }).then((item) => history.remove(item.id));
  added.push((await history.addAll(texts.slice(1).map((text) => ({ text })))).added);
  const opened = await other.openFiles([new File(["one\n\ntwo\n"], "a.txt")]);
  const imported = opened instanceof FileImport ? opened.found.items.map((item) => item.text) : [];
  opened.close();

  const element = new NextQuillElement();
  document.body.append(element);
  const root = element.shadowRoot!;
  const notice = root.querySelector<HTMLElement>("[part=notice]")!;
  while (notice.hidden || !root.querySelector("summary")!.textContent.includes("4")) await later();

  const nq = await NextQuill.open({ model: new URL("tiny/", import.meta.url.replace(/tests\/.*/, "")).href });
  const draft = await nq.write({ context: "rain", maxTokens: 8, seed: 1 });
  await nq.personalize({ preset: "contextsft", epochs: 1, lora: { rank: 4 }, training: { batchSize: 2 } }).result;
  const info = await nq.adapter.info();
  const zip = await nq.adapter.export();
  const outcome = {
    persistent: [await history.persistent(), await nq.persistent()],
    seen: (await other.list()).map((item) => item.text),
    added,
    imported,
    notice: notice.textContent,
    elementTexts: root.querySelector("summary")!.textContent,
    draft: draft.length > 0 && (await nq.write({ context: "rain", maxTokens: 8, seed: 1 })).length > 0,
    trainedOn: info?.items,
    unfinished: (await nq.unfinished()) !== undefined,
    exported: zip.size > 1000,
  };
  await nq.estimate();
  await nq.dispose();
  const { left } = await forget();
  const afterForget = [left, await other.count()];
  element.remove();
  for (const one of [history, other]) one.close();
  return { ...outcome, afterForget };
}

const later = () => new Promise((resolve) => setTimeout(resolve, 20));

/** What useAll must return. */
export const expected: Outcome = {
  persistent: [false, false],
  seen: ["The rain sings.", ...texts.slice(1)],
  added: [4, 0],
  imported: ["one", "two"],
  notice: "This browser does not let this page store data. Your texts and the training are kept until you close it.",
  elementTexts: "Your texts: 4",
  draft: true,
  trainedOn: 4,
  unfinished: false,
  exported: true,
  afterForget: [[], 0],
};

// Downloads of a model: files that are not what the manifest says, and connections that break.

import { forget, NextQuill } from "nextquill";

import { excludes, includes, rejects, test } from "../../browsertest/testfile/testing.js";
import { browser, site } from "./support.js";

const open = () => NextQuill.open({ model: "model/" });

test("an altered file is refused", async () => {
  const file = await site.largestFile("model");
  const middle = (await site.size(file)) >> 1;
  await site.flipBit(file, middle);
  const { message } = await rejects(open(), "mismatch");
  includes(message, `${file.split("/").at(-1)}: sha256`);
  await site.flipBit(file, middle);
});

test("a broken download resumes, in this visit and in the next", async () => {
  const file = await site.largestFile("model");
  const half = (await site.size(file)) >> 1;
  await site.failNext(file, half, 0, 0, 0);
  await site.takeRequests();
  const { message } = await rejects(open(), "missing");
  includes(message, "the server answers 503");
  const first = await site.takeRequests();
  includes(first, file);
  includes(first.join(" "), `${file}bytes=`, "it resumes at once, after the bytes that arrived");

  await (await open()).dispose();
  const second = await site.takeRequests();
  includes(second, `${file}bytes=${half}-`, "the bytes that arrived are kept for the next visit");
  excludes(second, file);

  await (await open()).dispose();
  excludes((await site.takeRequests()).join(" "), file, "a file on the device is not requested again");
  await forget();
  for (const line of await browser.takeMessages())
    includes(line, "Failed to load resource", "the browser reports the failed requests");
});

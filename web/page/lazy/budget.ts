// The choice of how many texts to learn from, on devices where all texts would take long.

import type { Item } from "../../module/nextquill.js";
import { h } from "../../ui/dom.js";
import type { App } from "../app.js";
import { text } from "../strings.js";
import { newestWithin, trainingTokens } from "./cost.js";
import { speedOf } from "./speed.js";

const limit = 5 * 60; // seconds
const leastTexts = 4;

/** Shows the choice in `place` whenever learning from all texts takes over five minutes. */
export async function textBudget(app: App, place: HTMLElement): Promise<void> {
  let speed: number | undefined;
  let measured = ""; // the id of the model, also if its speed could not be measured
  let all = false; // the person wants all texts
  let shown = ""; // what the choice says
  const draw = (): void => {
    const { items } = app;
    const seconds = (some: readonly Item[]): number => trainingTokens(some) / (speed ?? Infinity);
    const newest = newestWithin(items, limit, speed ?? Infinity, leastTexts);
    const choose = speed !== undefined && newest.length < items.length;
    const apply = (): void => {
      const most = choose && !all ? newest.length : undefined;
      if (most === app.maxItems) return;
      app.maxItems = most;
      app.dispatchEvent(new Event("busy")); // the button says how many
    };
    place.hidden = !choose;
    apply();
    const texts = [
      text.budget.all(seconds(items)),
      text.budget.newest(newest.length, seconds(newest)),
      text.budget.every(items.length, seconds(items)),
    ] as const;
    if (!choose || texts.join() === shown) return; // a new choice would lose the focus
    shown = texts.join();
    const option = (label: string, value: boolean): HTMLElement => {
      const input = h("input", { type: "radio", name: "budget", checked: all === value });
      input.addEventListener("change", () => {
        all = value;
        apply();
      });
      return h("p", {}, h("label", {}, input, ` ${label}`));
    };
    place.replaceChildren(
      h("fieldset", {}, h("legend", {}, texts[0]), option(texts[1], false), option(texts[2], true)),
    );
  };
  const update = async (): Promise<void> => {
    const id = app.model?.model.id ?? "";
    if (id !== "" && id !== measured && app.idle) {
      measured = id;
      speed = await speedOf(app);
    }
    draw();
  };
  for (const event of ["items", "ready", "busy"]) app.addEventListener(event, () => void app.watch(update));
  await update();
}

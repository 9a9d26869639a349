// The choice of how many texts to learn from, on devices where all texts would take long.

import type { Item } from "../../module/nextquill.js";
import { h } from "../../ui/dom.js";
import { plural } from "../../ui/format.js";
import type { App } from "../app.js";
import { about, newestWithin, trainingTokens } from "./cost.js";
import { speedOf } from "./speed.js";

const limit = 5 * 60; // seconds
const leastTexts = 4;

/** Shows the choice in `place` whenever learning from all texts takes over five minutes. */
export async function textBudget(app: App, place: HTMLElement): Promise<void> {
  let speed: number | undefined;
  let measured = ""; // the id of the model
  let all = false; // the person wants all texts
  const draw = (): void => {
    const { items } = app;
    const seconds = (some: readonly Item[]): number => trainingTokens(some) / (speed ?? Infinity);
    const newest = newestWithin(items, limit, speed ?? Infinity, leastTexts);
    const choose = speed !== undefined && newest.length < items.length;
    place.hidden = !choose;
    app.maxItems = choose && !all ? newest.length : undefined;
    if (!choose) return;
    const option = (text: string, value: boolean): HTMLElement => {
      const input = h("input", { type: "radio", name: "budget", checked: all === value });
      input.addEventListener("change", () => {
        all = value;
        draw();
      });
      return h("label", {}, input, ` ${text}`);
    };
    place.replaceChildren(
      h("p", {}, `Learning from all your texts takes ${about(seconds(items))} on this device.`),
      h("p", {}, option(`The newest ${plural(newest.length, "text")} (${about(seconds(newest))})`, false)),
      h("p", {}, option(`All ${plural(items.length, "text")} (${about(seconds(items))})`, true)),
    );
  };
  const update = async (): Promise<void> => {
    const id = app.model?.model.id ?? "";
    if (id !== "" && id !== measured && !app.busy) {
      measured = id;
      speed = await speedOf(app);
      if (speed === undefined) measured = "";
    }
    draw();
  };
  for (const event of ["items", "ready"]) app.addEventListener(event, () => void app.watch(update));
  await update();
}

// The texts of the element. Pages in other languages set NextQuillElement.strings.

import { duration } from "../ui/format.js";
import { importEnglish } from "../ui/importStrings.js";
import { shared } from "../ui/strings.js";

export const english = {
  texts: (n: number) => (n === 1 ? "Your texts: 1" : `Your texts: ${n}`),
  add: "Add a text that you wrote",
  addButton: "Add",
  noText: shared.noText as string,
  file: "Or add files: chats, mail, notes, tables, documents, zip archives",
  remove: "Remove",
  removeOne: (text: string) => `Remove “${text}”`,
  more: (n: number) => `and ${n} more`,
  personalize: "Personalize",
  pause: "Pause",
  resume: "Resume",
  cancel: "Cancel",
  about: "What to write about",
  write: "Write",
  stop: "Stop",
  steer: "Strengthen your style",
  amount: (steer: number) => (steer === 0 ? "off" : steer.toFixed(1)),
  draft: "Draft",
  explain: "Show what is typical of you",
  chooseToken: shared.chooseWord as string,
  effect: (token: string, points: number) => {
    const name = token || shared.space;
    if (Math.abs(points) < 1) return `${name}: not changed by your texts`;
    const by = `${Math.abs(points).toFixed(0)} percentage points`;
    return `${name}: ${by} ${points > 0 ? "more" : "less"} likely with your texts`;
  },
  forget: "Delete everything",
  forgetSure: "Delete everything? Press again.",
  idle: "Everything stays on this device.",
  notStored: "This browser does not let this page store data. Your texts and the training are kept until you close it.",
  opening: (percent: number) => `Downloading the model: ${percent} %`,
  preparing: "Preparing the GPU…",
  training: (done: number, left: string) => `Training: ${done} %${left}`,
  left: (seconds: number) => `, ${duration(seconds)} left`,
  paused: "Paused. The progress is saved.",
  trained: "Done. Drafts now sound like you.",
  cancelled: "Cancelled.",
  writing: "Writing…",
  written: "The draft is ready.",
  /** The texts of the panel that shows files before they are added. */
  import: importEnglish,
  forgotten: "Everything is deleted from this device.",
  notForgotten: (left: number) => `${left} files could not be deleted. Close the other tabs of this site.`,
  required: "Write a draft first.",
};

export type Strings = typeof english;

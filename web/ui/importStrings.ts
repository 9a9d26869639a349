// The texts of the import panel.

import { date, plural } from "./format.js";

export const importEnglish = {
  reading: (files: number) => `Reading ${plural(files, "file")}…`,
  fetching: "Getting ready to read files…",
  percent: (done: number) => `${done} %`,
  cancel: "Cancel",
  close: "Close",
  title: "Check before adding",
  nothing: "There is nothing to add",
  failed: (files: number) => (files === 1 ? "One file cannot be read:" : `${files} files cannot be read:`),
  who: "Which one is you?",
  whoNote:
    "Only texts of the people that you tick are added. " +
    "The model sees messages of the others only where you answered them.",
  messages: (n: number) => plural(n, "message"),
  probably: "probably you",
  moreSenders: (n: number) => `Show ${n} more`,
  tick: "Tick the name that is yours.",
  column: (files: readonly string[]) =>
    files.length === 1 ? `Which column of ${files[0]} has your texts?` : `Which column of the tables has your texts?`,
  chooseColumn: "Choose a column",
  found: (texts: number, from: string | undefined, to: string | undefined) => {
    const count = plural(texts, "text");
    if (from === undefined || to === undefined) return texts === 0 ? "No text yet." : `${count}, without dates`;
    const [first, last] = [date(from), date(to)];
    return first === last ? `${count}, all from ${first}` : `${count}, from ${first} to ${last}`;
  },
  samples: "Three of them",
  leftOut: (n: number) => `Left out: ${n.toLocaleString("en")}`,
  notes: (n: number) => `Added with a change: ${n.toLocaleString("en")}`,
  places: (places: readonly string[], more: boolean) => places.join(", ") + (more ? ", …" : ""),
  add: (texts: number) => (texts === 0 ? "Add" : `Add ${plural(texts, "text")}`),
  adding: (texts: number) => `Adding ${plural(texts, "text")}…`,
  updating: "Reading again…",
  added: (added: number, skipped: number) =>
    `${plural(added, "text")} added${skipped > 0 ? `, ${skipped.toLocaleString("en")} already here` : ""}.`,
  cancelled: "Nothing was added.",
};

export type ImportStrings = typeof importEnglish;

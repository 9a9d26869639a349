// The element's words. A page in another language replaces them by
// NextQuillElement.strings = {...}.

export const english = {
  texts: (n: number) => (n === 1 ? "Your texts: 1" : `Your texts: ${n}`),
  add: "Add a text of yours",
  addButton: "Add",
  noText: "Type or paste a text first.",
  file: "Or add files (JSONL, CSV, TXT, Markdown, mail)",
  remove: "Remove",
  removeOne: (text: string) => `Remove “${text}”`,
  more: (n: number) => `and ${n} more`,
  personalize: "Personalize",
  pause: "Pause",
  resume: "Go on",
  cancel: "Cancel",
  about: "Write about",
  write: "Write",
  stop: "Stop",
  steer: "Steer towards you",
  amount: (steer: number) => (steer === 0 ? "off" : steer.toFixed(1)),
  draft: "Draft",
  explain: "Show what is you",
  explained: "Point at a word or tap it, or move with the arrow keys.",
  effect: (token: string, points: number) =>
    `${token || "space"}: ${Math.abs(points) < 1 ? "not changed by your texts" : `${Math.abs(points).toFixed(0)} points ${points > 0 ? "likelier" : "less likely"} with your texts`}`,
  forget: "Forget everything",
  forgetSure: "Forget everything? Press again.",
  idle: "Everything stays on this device.",
  opening: (percent: number) => `Fetching the model: ${percent} %`,
  preparing: "Preparing the GPU…",
  learning: (done: number, left: string) => `Learning: ${done} %${left}`,
  left: (seconds: number) => (seconds < 90 ? `, ${Math.max(1, Math.round(seconds))} s left` : `, ${Math.round(seconds / 60)} min left`),
  paused: "Paused. What was learnt so far is kept.",
  learnt: "Done: drafts now sound like you.",
  cancelled: "Cancelled.",
  writing: "Writing…",
  written: "The draft is ready.",
  imported: (added: number, skipped: number, problems: number) =>
    [`Added ${added}`, skipped > 0 && `${skipped} were there already`, problems > 0 && `${problems} could not be read`].filter(Boolean).join(", ") + ".",
  forgotten: "Forgotten: nothing is left on this device.",
  notForgotten: (left: number) => `${left} files could not be removed: close this site's other tabs.`,
  required: "Write a draft first.",
};

export type Strings = typeof english;

// The texts that the page's scripts show, in English. Those of index.html are there. Another
// language has a file for each: german.ts and german.html.json.

import type { FaultKind } from "../fault.js";
import { bytes, count, decimals, duration, percent, plural } from "../ui/format.js";
import { importEnglish } from "../ui/importStrings.js";
import { textsFact } from "../ui/texts.js";

/** A time as words: "under a minute", "about 12 minutes". */
function about(seconds: number): string {
  const minutes = seconds / 60;
  if (minutes < 1) return "under a minute";
  if (minutes < 2) return "about a minute";
  if (minutes < 90) return `about ${minutes < 20 ? Math.round(minutes) : 5 * Math.round(minutes / 5)} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `about ${hours} hours` : "days";
}

export const english = {
  // The steps.
  nextTexts: (texts: number, enough: number) =>
    texts === 0
      ? `Next: add ${enough} texts, or use the sample writer.`
      : `Next: add ${plural(enough - texts, "more text", "more texts")}.`,
  nextLearn: (texts: number) => `Next: learn from your ${plural(texts, "text")}.`,
  nextLearning: "The model is learning.",
  nextWrite: "Next: write a draft.",
  nextExplain: "Next: see which words are yours.",
  nextAgain: "All steps are done. Add texts to learn more.",
  nextNoGPU: "The model cannot run here.",

  // The graphics card and the model.
  onGPU: "Everything runs on this device’s graphics card.",
  onCPU: (seconds: number, texts: number) =>
    `No graphics card available, so this runs on your processor: ${about(seconds)} for ${
      texts === 0 ? "the sample" : `your ${plural(texts, "text")}`
    }.`,
  noGPU: "This browser gives pages no graphics card (WebGPU), which the model needs.",
  noGPUAnswer: "The graphics card does not answer.",
  reload: "Reload the page to try again.",
  stillCollect: "You can still collect, search and export your texts on this page.",
  noStorage:
    "This browser does not let this page store data. Your texts and the training are kept until you close the page.",
  modelSize: "The model, downloaded once",
  programSize: "The program",
  compressed: (size: number) => `${bytes(size)} (1 MB compressed)`,
  stored: "Stored in this browser",
  about: (amount: string) => `about ${amount}`,
  sent: "Data sent to servers",
  none: "none",
  device: "Runs on",
  downloadNow: (size: number) => `Download the model now (${bytes(size)})`,
  downloading: (loaded: number, total: number) => `Downloading the model: ${bytes(loaded)} of ${bytes(total)}`,
  opening: "Opening the model…",
  since: "the model was downloaded",
  /** A label of a button that also downloads the model. */
  withDownload: (label: string, size: number) => `${label} (${bytes(size)} download)`,
  needsGPU: "Needs a graphics card.",
  looking: "Looking for a graphics card…",
  busy: "The model is busy.",
  /** A sentence for the kind of an error; "" in English, the language of the errors. */
  sortOfError: (_kind: FaultKind): string => "",
  forgottenElsewhere: "Another tab of this page has deleted everything.",
  notStored:
    "The chosen model is not stored in this browser any more. Use the small model, or choose the other one again.",
  otherModel: "Choose another model",
  close: "Close",

  // The texts.
  importing: importEnglish,
  text: "Text",
  texts: (n: number) => plural(n, "text"),
  found: (found: number, all: number) => `${count(found)} of ${plural(all, "text")}`,
  added: "Added.",
  addParagraphs: (n: number) => `Add as ${plural(n, "text")}, one per paragraph`,
  noSample: (why: string) => `The sample could not be fetched: ${why}.`,
  edit: "Edit",
  editOne: (name: string) => `Edit “${name}”`,
  delete: "Delete",
  deleteOne: (name: string) => `Delete “${name}”`,
  save: "Save",
  cancel: "Cancel",
  /** The name is an element of its own, since its direction may differ. */
  deleted: (name: Node): (Node | string)[] => ["Deleted “", name, "”. "],
  showAll: (characters: number) => `Show all ${plural(characters, "character")}`,
  showLess: "Show less",
  textOf: (name: string) => `Text of “${name}”`,
  undo: "Undo",
  restored: "Restored.",

  // Learning.
  learn: "Learn",
  learnFrom: (texts: number) => `Learn from ${plural(texts, "text")}`,
  learnAgain: "Learn again",
  resumeLearning: "Continue learning",
  pause: "Pause",
  resume: "Continue",
  pausing: "Pausing…",
  stopping: "Stopping…",
  stopped: "Stopped.",
  paused: "Paused. What it has learnt so far is saved.",
  starting: "Starting…",
  enough: (texts: number) => `Add ${texts} texts or more first.`,
  elsewhere: "Another tab is learning from these texts.",
  interruptedEarly: "Learning was interrupted at its start.",
  interrupted: (share: number) => `Learning was interrupted after ${percent(share)}.`,
  progress: (share: number) => `${percent(share)} done`,
  left: (seconds: number) => `about ${duration(seconds)} left`,
  announced: (share: number, seconds: number) => `${percent(share)} done, ${duration(seconds)} left.`,
  learnt: (seconds: number) => `Done in ${duration(seconds)}.`,
  learntAnnounced: "Learning is done.",
  lost: "The graphics card was lost. It is opened again to continue.",
  stages: {
    load: "Loading the model",
    tune: "Measuring the graphics card",
    expert: "Finding the words that are typical of you",
    compile: "Preparing the graphics card",
    train: "Learning",
    remember: "Noting which words follow which in your texts",
    evaluate: "Testing on texts that it has not seen",
    save: "Saving",
  } as Readonly<Record<string, string>>,
  methods: {
    quill: "Quill: ContextSFT, with your own words at hand while writing",
    nextquill: "NextQuill, as in the paper",
    "nextquill-code": "NextQuill, as in its released code",
    contextsft: "ContextSFT, ordinary fine-tuning",
  } as Readonly<Record<string, string>>,
  facts: {
    loss: "Loss (nats per token)",
    heldoutLoss: "Loss on unseen texts",
    typical: "Tokens typical of you",
    speed: "Tokens per second",
    train: "Texts learnt from",
    heldout: "Texts kept aside",
    before: "Unseen texts, original model",
    after: "Unseen texts, after learning",
  },
  textCounts: textsFact,
  chart: (title: string, value: string, step: number, steps: number) =>
    `${title}: ${value} at step ${step} of ${steps}`,
  chartTrain: "Learning from your texts",
  chartTypical: "Learning what is typical of you",
  chartHeldout: "Unseen texts",
  chartNote: (name: string) => `${name} loss, lower is better`,
  step: (step: number) => `step ${step}`,

  // The result.
  better: (texts: number, times: number) =>
    `It works: in ${plural(texts, "text")} of yours that the model has not seen, each word or part of a word is now ` +
    `${decimals(times, 2)} times as likely on average.`,
  noGain: (texts: number) =>
    `No measurable gain yet: the model predicts ${plural(texts, "text")} of yours that it has not seen ` +
    "about as well as before. Add more texts and learn again.",
  worse: (texts: number) =>
    `The model now predicts ${plural(texts, "text")} of yours that it has not seen worse than before. ` +
    "Add more texts, or choose fewer passes under Details.",
  tooFew: (texts: number) =>
    `Done. Only ${plural(texts, "text was", "texts were")} kept aside, too few to measure a gain. Add more texts.`,
  untested: "Done. No text could be kept aside to measure the gain.",
  range: (low: number, high: number) => `${decimals(low, 2)} to ${decimals(high, 2)} times (95 % interval)`,

  // Writing.
  write: "Write",
  writeAgain: "Write again",
  sayAbout: "Say what to write about first.",
  emptyDraft: "The model wrote nothing. Try again.",
  copied: "Copied.",
  notLearnt: ", before learning: it only reads your texts before it writes",
  draftDone: (text: string) => `Done. In your style: ${text}`,
  draftStopped: (text: string) => `Stopped. In your style: ${text}`,
  nameOfDetail: "Name of the detail",
  valueOfDetail: "Value of the detail",
  detailHint: "to, place, product…",

  // Explaining.
  explain: "Show my words",
  noText: "Type or paste a text first.",
  reading: "Comparing predictions with all your texts, and with each one left out…",
  own: (own: number, all: number, share: number) =>
    `${count(own)} of ${plural(all, "word or mark", "words and marks")} (${percent(share)}) are clearly yours.`,
  unfinished: "The draft was stopped, so the text ends early. ",
  chooseWord: "Point at a word, tap it, or move with the arrow keys.",
  wordByWord: "The text, word by word",
  word: (after: string, without: string) => `: ${after} likely after the earlier texts, ${without} without them.`,
  /** A word as screen readers say it, with its two probabilities. */
  spoken: (word: string, after: number, without: number) => {
    const way = Math.abs(after - without) < 0.01 ? "not changed" : after > without ? "more likely" : "less likely";
    return `${word}: ${way}, ${percent(after)} after the earlier texts, ${percent(without)} without`;
  },
  causes: "How much likelier each earlier text makes it:",
  times: (ratio: number) => `${decimals(ratio, ratio < 10 ? 2 : 0)} ×`,
  lessLikely: "less likely",
  moreLikely: "more likely after the earlier texts, in percentage points",
  exampleWord: (after: string, without: string) =>
    `: ${after} likely after these earlier texts, ${without} without them. How much likelier each of them makes it:`,
  exampleResult: (texts: number, unseen: number, times: string) =>
    `The model learnt from ${plural(texts, "text")} of his. In ${plural(unseen, "text")} that it had not seen, ` +
    `each word or part of a word became ${times} times as likely on average.`,

  // The list of models, and the choice of texts.
  models: {
    small: "Small model",
    /** By the id of the repository; "" is the embedded model. */
    about: {
      "": "English definitions and short sentences. It imitates a style; many of its texts make no sense.",
      "bartowski/SmolLM2-135M-Instruct-GGUF": "English. Its sentences mostly make sense.",
      "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF": "English. Better and slower.",
      "Qwen/Qwen2.5-0.5B-Instruct-GGUF": "Many languages.",
      "Qwen/Qwen3-0.6B-GGUF": "Over a hundred languages.",
    } as Readonly<Record<string, string>>,
    drop: "Or drop a model here, or ",
    chooseFile: "choose a GGUF file",
    busy: "The model is busy. Wait until it is done, or cancel the training.",
    opening: (title: string) => `Opening ${title}…`,
    use: "Use",
    useOne: (title: string) => `Use ${title}`,
    inUse: "In use",
    yourFile: "Your file.",
    stored: (size: number) => `${bytes(size)} stored`,
    download: (title: string) => `Download ${title}`,
    measuring: "Measuring how fast this device learns…",
    toDownload: (size: string) => `${size} to download`,
    memory: (size: string) => `${size} of memory while learning`,
    toLearn: (seconds: number, texts: number) => `${about(seconds)} to learn ${plural(texts, "text")}`,
    notMeasured: "the time is measured when a model is open",
    needsMemory: (needed: number, gigabytes: number) =>
      `Needs ${bytes(needed)} of memory; this device has about ${count(gigabytes)} GB.`,
    needsStorage: (needed: number, free: number) =>
      `Needs ${bytes(needed)} of storage; this browser gives ${bytes(free)}.`,
  },
  /** The page that downloads a model. */
  downloads: {
    unknown: "This page has no model of this name. Go back and choose one from the list.",
    from: "From",
    size: "Size of the download",
    memory: "Memory while learning",
    connecting: "Connecting…",
    again: "Try again",
  },
  budget: {
    all: (seconds: number) => `Learning from all your texts takes ${about(seconds)} on this device.`,
    newest: (texts: number, seconds: number) => `The newest ${plural(texts, "text")} (${about(seconds)})`,
    every: (texts: number, seconds: number) => `All ${plural(texts, "text")} (${about(seconds)})`,
  },

  // The data.
  data: {
    texts: "Texts",
    training: "Training",
    noneYet: "none yet",
    used: "Storage in use",
    quota: "Storage for this site",
    protected: "Protected when space runs low",
    yes: "yes",
    no: "no",
    keptAfter: "Kept after this page is closed",
    notKept: "no, this browser does not let the page store data",
    exportWarning: "An exported training contains words of your texts. Give it only to people who may read your texts.",
    exported: (n: number) => `${plural(n, "text")} exported.`,
    trainingExported: "The training is exported.",
    inUse: (name: string) => `${name} is in use.`,
    allDeleted: "Everything is deleted; nothing is left in this browser.",
    notDeleted: (names: string) => `Could not delete: ${names}. Close other tabs of this page and try again.`,
  },

  // Requests.
  requests: (n: number) => plural(n, "request"),
  sinceText: (since: string) => ` since ${since}.`,
  latest: (urls: string) => ` Latest: ${urls}`,
  sinceLoad: "this page loaded",
};

export type Strings = typeof english;

/** The texts in the language of the page. */
export let text: Strings = english;

/** Sets the language. Called once, before anything is shown. */
export function setText(strings: Strings): void {
  text = strings;
}

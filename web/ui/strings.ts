// The texts that the page and the element share.

export const shared = {
  noText: "Type or paste a text first.",
  chooseWord: "Point at a word, tap it, or move with the arrow keys.",
  space: "space",
} as const;

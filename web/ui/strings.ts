// The texts that the page and the element share.

export const shared = {
  noText: "Type or paste a text first.",
  chooseToken: "Point at a token, tap it, or move with the arrow keys.",
  space: "space",
} as const;

// Package method runs the methods of the paper's tables by name: base, retrieval, context steering,
// summaries, fine-tuning, the paper's objectives, and NextQuill's own default, "quill".
//
// A method is data (Method) and a short composition of calls of the core: personalize, evaluate,
// embed and write. Run applies a method to one user and returns the losses on the user's test
// texts, the drafts, and what they cost. Share trains what a method shares between users.
//
// The package is a caller of the core, not a part of the guest.
package method

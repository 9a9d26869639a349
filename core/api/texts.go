package api

// TextsEvent says which of the writer's texts a method uses, before it loads the model.
type TextsEvent struct {
	Event   string     `json:"event"` // EventTexts
	Train   TextCounts `json:"train"` // all 0 if the method does not train
	Heldout TextCounts `json:"heldout"`
}

// TextCounts counts texts and the windows that they are split into. A text is one window if it fits
// into the model's context length with its prompt. A longer text is predicted in several windows,
// each from its prompt and the part of the text before it, so that no text is cut.
type TextCounts struct {
	Texts   int `json:"texts"`   // in use
	Windows int `json:"windows"` // sequences, at least one for each text
	Long    int `json:"long"`    // texts of more than one window
	Tokens  int `json:"tokens"`  // of the texts, with their end tokens; each is predicted once
	// Copies is the number of held-out texts that are left out because a training text is equal, up
	// to white space.
	Copies int `json:"copies"`
	// Skipped is the number of texts that are left out because their own context fields do not fit
	// the prompt. SkippedItems names the first of them.
	Skipped      int           `json:"skipped"`
	SkippedItems []SkippedItem `json:"skipped_items,omitempty"`
}

// SkippedItem names a text that is left out.
type SkippedItem struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

package api

// EmbedParams are the parameters of "embed": the final hidden states of a model on texts. They are
// written to the blob Out as little-endian f32, [rows, EmbedResult.Width]: the rows of the first
// text, then those of the next.
type EmbedParams struct {
	Loading
	Model   string `json:"model"`
	Adapter string `json:"adapter,omitempty"`
	// Texts are at most MaxTexts texts, none empty. A text is cut at the model's context length.
	Texts []string `json:"texts"`
	// Tokens gives the state of every token of a text; otherwise a text has one row, their mean.
	Tokens bool   `json:"tokens,omitempty"`
	Out    string `json:"out"`
}

// MaxTexts bounds EmbedParams.Texts.
const MaxTexts = 100_000

// EmbedResult describes the vectors in the blob.
type EmbedResult struct {
	Width int   `json:"width"` // values of a row, the hidden size of the model
	Rows  []int `json:"rows"`  // of each text: its tokens, or 1
	Cut   int   `json:"cut"`   // texts that were cut
}

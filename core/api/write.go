package api

// WriteParams are the parameters of "write": generate a text for Context in the style of the writer
// of Source. The text is streamed in TokenEvents.
type WriteParams struct {
	Inference
	// NoHistory uses the prompt without history.
	NoHistory bool    `json:"no_history,omitempty"`
	Context   []Field `json:"context"`
	// Messages is a conversation to continue by the model's chat template, instead of Source and
	// Context.
	Messages []ChatMessage `json:"messages,omitempty"`
	Sampling Sampling      `json:"sampling"`
}

// ChatMessage is one turn of a conversation.
type ChatMessage struct {
	Role    string `json:"role"` // one of the Role constants
	Content string `json:"content"`
}

// The roles in a conversation.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Sampling says how a token is drawn from the logits. A field that is not set takes the default in
// its comment.
type Sampling struct {
	Temperature float64 `json:"temperature,omitempty" range:"0 100"` // 0, which is greedy
	// TopK keeps this many most likely tokens; 0, the default, is off.
	TopK int `json:"top_k,omitempty" range:"0 2147483647"`
	// TopP keeps the fewest tokens whose total probability reaches it: 1, the default, is off, and
	// 0 keeps the most likely token alone.
	TopP              *float64 `json:"top_p,omitempty" range:"0 1"`
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty" range:"0.01 100"` // 1, which is off
	// Steer adds s·(z^h − z^0) to the logits, where z^h are those with history and z^0 those
	// without; 0 is off. A datastore is mixed in afterwards.
	Steer     float64 `json:"steer,omitempty" range:"-10 10"`
	Seed      uint32  `json:"seed,omitempty"`                         // 0
	MaxTokens *int    `json:"max_tokens,omitempty" range:"1 1048576"` // 64
}

// WriteResult is the complete text.
type WriteResult struct {
	Text     string  `json:"text"`
	Tokens   int     `json:"tokens"`
	Stopped  string  `json:"stopped"` // StoppedEOS or StoppedLength
	TokensPS float64 `json:"tokens_per_second"`
}

// The reasons why writing ended.
const (
	StoppedEOS    = "eos"    // the model wrote an end token
	StoppedLength = "length" // the limit of tokens is reached
)

package api

// Loading says how a model is loaded onto the device. Every method that needs a model embeds it.
type Loading struct {
	// Base is the format of the frozen weight matrices, one of the Base constants. Empty means
	// BaseAuto.
	Base string `json:"base,omitempty"`
	// MemoryLimit is the largest number of bytes that may be on the device at once; if it is not
	// set, there is no limit. A method that would need more fails with fault.TooLarge before it
	// loads anything.
	MemoryLimit *int64 `json:"memory,omitempty" range:"1 9007199254740991"`
}

// The formats of a base model's frozen weight matrices on the device.
const (
	BaseAuto = "auto" // the smallest format that represents the values of the file exactly
	BaseF32  = "f32"
	BaseF16  = "f16"
	BaseQ8   = "q8"
	BaseQ4   = "q4"
)

// Source names the blobs with the writer's items, in JSON Lines as core/history exports them.
type Source struct {
	// History is the blob with the items to train on and to retrieve from. It may be empty for
	// methods that do not train.
	History string `json:"history"`
	// Heldout is a blob with the items to test on, all of them later than the items in History. If
	// it is empty, the newest items of History are held out, as many as HeldoutFraction says. In
	// both cases, held-out items with the text of a training item are left out.
	Heldout string `json:"heldout,omitempty"`
	// HeldoutFraction is the share of the newest items to test on if Heldout is empty, 0.2.
	HeldoutFraction *float64 `json:"heldout_fraction,omitempty" range:"(0 1)"`
	// MaxItems limits the items to train on to the newest ones. If it is not set, all count.
	MaxItems *int `json:"max_items,omitempty" range:"1 2147483647"`
	// MaxHeldout limits the items to test on to the oldest ones. If it is not set, all count.
	MaxHeldout *int `json:"max_heldout,omitempty" range:"1 2147483647"`
}

// Retrieval selects the earlier items that the prompt contains, and limits its length.
type Retrieval struct {
	// Kind is one of the Retrieval constants. Empty means RetrievalLatest.
	Kind string `json:"kind,omitempty"`
	// K is the number of items in the prompt, 3.
	K *int `json:"k,omitempty" range:"0 1000"`
	// Lists is a blob with the ranking of RetrievalListed: {"query id": ["item id", …]}, best
	// first. The query is the item that the prompt is for; "query" is that of "write" and of texts
	// outside the history.
	Lists string `json:"lists,omitempty"`
	// MaxPrompt limits the tokens of a prompt. MaxPrompt and MaxResponse together limit those of a
	// window: a prompt with a text or a part of one. The prompt of a text of more than MaxResponse
	// tokens is shorter, down to half a window, and a text that does not fit after it continues in
	// further windows. If they are not set, both are derived from the model's context length: a
	// quarter of it for MaxResponse, the rest for MaxPrompt.
	MaxPrompt   *int `json:"max_prompt,omitempty" range:"2 2147483647"`
	MaxResponse *int `json:"max_response,omitempty" range:"1 2147483647"`
}

// The kinds of retrieval.
const (
	RetrievalLatest = "latest" // the newest items
	RetrievalBM25   = "bm25"   // the items that BM25 ranks highest for the context
	RetrievalListed = "listed" // the items that Retrieval.Lists names
)

// The templates that lay out prompts.
const (
	TemplatePlain = "plain" // running text, for models that were not trained to chat
	TemplateChat  = "chat"  // the model's own chat template
)

// Inference names what a method reads that uses a model without training it: the model, the adapter
// on it, and the writer's items with the layout of their prompts.
type Inference struct {
	Loading
	// Model is the folder of the model.
	Model string `json:"model"`
	// Keep leaves the model on the device after the call, so that the next one starts at once. A
	// call that needs another model releases it, and so does "unload".
	Keep bool `json:"keep,omitempty"`
	// Adapter is the folder of a LoRA adapter; empty means the base model alone.
	Adapter string `json:"adapter,omitempty"`
	Source  Source `json:"source"`
	// Datastore is a blob with a datastore of the writer's tokens to predict with, see "remember".
	// Empty means that in the folder of the adapter, if there is one; DatastoreNone uses none.
	// "explain" uses none.
	Datastore string `json:"datastore,omitempty"`
	// Template is one of the Template constants. Empty means the template that the adapter was
	// trained with, else the model's chat template if it has one, else TemplatePlain.
	Template  string    `json:"template,omitempty"`
	Retrieval Retrieval `json:"retrieval"`
}

// Field is a named value of an item's context. Prompts contain fields in order.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

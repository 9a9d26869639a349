package method

import "nextquill/core/api"

// Default is the name of the method that NextQuill uses if none is chosen.
const Default = "quill"

// RetrievalDense ranks the earlier items by the dot product of mean-pooled final hidden states, in
// the manner of Contriever (Izacard et al. 2022), with the model in use as the encoder.
const RetrievalDense = "dense"

// Methods lists the methods in the order of tables.
func Methods() []Method {
	untrained := []Regime{Personal}
	trained := Regimes()
	steering := []float64{0, .25, .5, .75, 1, 1.25, 1.5, 2}
	return []Method{
		{
			Name: "base", Title: "Base", Regimes: untrained, NoHistory: true,
			Summary: "the model as it is, without history in the prompt",
		}, {
			Name: "latestk", Title: "LatestK", Regimes: untrained, Retrieval: api.RetrievalLatest,
			Summary: "the newest earlier texts in the prompt",
		}, {
			Name: "retrieval", Title: "Retrieval (BM25)", Regimes: untrained, Retrieval: api.RetrievalBM25,
			Summary: "the earlier texts that BM25 ranks highest in the prompt",
		}, {
			Name: "retrieval-dense", Title: "Retrieval (dense)", Regimes: untrained, Retrieval: RetrievalDense,
			Summary: "the earlier texts whose mean hidden state is closest to that of the request",
		}, {
			Name: "cos", Title: "CoS", Regimes: untrained, Steering: steering,
			Summary: "context steering while decoding: z⁰ + s·(zʰ − z⁰), with s chosen on validation texts",
		}, {
			Name: "llm-trsr", Title: "LLM-TRSR", Regimes: untrained, Summarized: true,
			Summary: "a summary of the history that the model wrote block by block, and the newest texts",
		}, {
			Name: "sft", Title: "SFT", Regimes: trained, Preset: "sft", NoHistory: true,
			Summary: "fine-tuning without history in the prompt",
		}, {
			Name: "oppu", Title: "OPPU", Regimes: untrained, Preset: "contextsft", TaskAdapter: true,
			Summary: "an adapter trained on other users is merged, then a new one is trained for each user",
		}, {
			Name: "contextsft", Title: "ContextSFT", Regimes: trained, Preset: "contextsft",
			Summary: "fine-tuning with history in the prompt",
		}, {
			Name: "mce", Title: "MCE", Regimes: trained, Preset: "mce",
			Summary: "the paper's ablation with the model-side causal effect only",
		}, {
			Name: "mce-dce", Title: "MCE-DCE", Regimes: trained, Preset: "mce-dce",
			Summary: "the paper's ablation that aligns the model-side with the data-side causal effect",
		}, {
			Name: "dce", Title: "DCE", Regimes: trained, Preset: "dce",
			Summary: "the paper's ablation with weights by the data-side causal effect only",
		}, {
			Name: "nextquill", Title: "NextQuill", Regimes: trained, Preset: "nextquill",
			Summary: "the paper's method",
		}, {
			Name: "nextquill-code", Title: "NextQuill (code)", Regimes: trained, Preset: "nextquill-code",
			Summary: "the method of the paper's released code",
		}, {
			Name: "quill", Title: "Quill", Regimes: trained, Preset: "quill", Datastore: true,
			Summary: "ContextSFT, with a datastore of the writer's own tokens mixed into every prediction",
		},
	}
}

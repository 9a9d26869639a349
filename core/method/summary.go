package method

import (
	"context"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/history"
)

// LLM-TRSR (Zheng et al. 2024) summarizes the history recurrently: the model reads a block of texts
// and the summary so far, and writes the next summary. The prompt then has the last summary and the
// newest texts.
const (
	summaryBlock  = 5  // texts of a block
	summaryLatest = 5  // texts in the prompt
	summaryTokens = 96 // of a summary
)

// summaryField is the name of the context field with the summary.
const summaryField = "summary of earlier texts"

// summarize summarizes the history of the validation and of the test texts. The second summary
// continues the first, unless the test prompts show a foreign history.
func (r *run) summarize(ctx context.Context) error {
	earlier, _ := r.texts(validation)
	text, err := r.summarizeFrom(ctx, "", earlier)
	if err != nil {
		return err
	}
	r.summary[validation] = &history.Field{Name: summaryField, Value: text}
	if r.foreign(test) {
		text = ""
		earlier, _ = r.texts(test)
	} else {
		earlier = r.u.Validation
	}
	if text, err = r.summarizeFrom(ctx, text, earlier); err != nil {
		return err
	}
	r.summary[test] = &history.Field{Name: summaryField, Value: text}
	return nil
}

// summarizeFrom continues a summary with further texts.
func (r *run) summarizeFrom(ctx context.Context, summary string, items []history.Item) (string, error) {
	for done := 0; done < len(items); done += summaryBlock {
		block := items[done:min(len(items), done+summaryBlock)]
		next, err := r.summarizeBlock(ctx, summary, block)
		if err != nil {
			return "", err
		}
		if next != "" { // a model may write nothing: the summary so far stands
			summary = next
		}
		r.on(Progress{Stage: "summarize", Done: min(len(items), done+summaryBlock), Total: len(items)})
	}
	if summary == "" {
		summary = "none"
	}
	return summary, nil
}

// summarizeBlock asks the model for one summary. Texts that do not fit its context are shortened.
func (r *run) summarizeBlock(ctx context.Context, summary string, block []history.Item) (string, error) {
	sampling := api.Sampling{RepetitionPenalty: new(1.1), MaxTokens: new(summaryTokens)}
	var err error
	for limit := 1 << 16; limit >= 16; limit /= 2 {
		var texts strings.Builder
		for _, it := range block {
			texts.WriteString("- ")
			texts.WriteString(shortened(it.Text, limit))
			texts.WriteString("\n")
		}
		p := api.WriteParams{Inference: api.Inference{Loading: r.o.Loading, Model: r.model}, Sampling: sampling}
		p.Messages = []api.ChatMessage{{Role: api.RoleUser, Content: summaryRequest(summary, texts.String())}}
		if r.plain {
			// A model without a chat template cannot be asked: it continues these fields.
			p.Messages, p.NoHistory = nil, true
			p.Context = []api.Field{{Name: summaryField, Value: summary}, {Name: "texts", Value: texts.String()},
				{Name: "task", Value: "a short summary of the writer's subjects and style"}}
		}
		var w api.WriteResult
		err = r.call(ctx, "summarize", api.MethodWrite, p, &w)
		if !r.plain && fault.KindOf(err) == fault.Missing {
			r.plain = true
			return r.summarizeBlock(ctx, summary, block)
		}
		if fault.KindOf(err) == fault.TooLarge {
			continue
		}
		r.cost.Written += w.Tokens
		return strings.Join(strings.Fields(w.Text), " "), err
	}
	return "", err
}

// summaryRequest is the turn of the user.
func summaryRequest(summary, texts string) string {
	var b strings.Builder
	if summary != "" {
		b.WriteString("A summary of what a person has written so far:\n\n" + summary + "\n\n")
	}
	b.WriteString("Further texts of this person, oldest first:\n\n" + texts + "\n")
	b.WriteString("Write a summary of the person's subjects, preferences and style, in at most 60 words. ")
	b.WriteString("Keep what is still true of the summary so far. Answer with the summary alone.")
	return b.String()
}

// shortened returns at most limit characters of a text.
func shortened(text string, limit int) string {
	n := 0
	for i := range text {
		if n == limit {
			return text[:i] + " …"
		}
		n++
	}
	return text
}

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"nextquill/core/api"
	"nextquill/report"
)

// write writes the results as Markdown to a file, or to standard output if name is empty.
func (r *results) write(name string) error {
	var b strings.Builder
	r.markdown(&b, time.Now())
	if name == "" {
		_, err := io.WriteString(os.Stdout, b.String())
		return err
	}
	return os.WriteFile(name, []byte(b.String()), 0o666)
}

// markdown writes the document. A ratio is our speed over the other program's in the same round:
// below 1 the other one is faster.
func (r *results) markdown(b *strings.Builder, when time.Time) {
	fmt.Fprintf(b, `# Performance next to other programs

This page is the output of %s. All programs of a table ran on one machine, in
turns, with the same weights and prompt. Values are medians, with the range over %d rounds. A *ratio*
is the speed of NextQuill over that of the other program in the same round: below 1, the other
program is faster.

%s, NextQuill %s, %s.

## Writing

SmolLM2-135M-Instruct in Q4_1, greedy, %d tokens after a prompt of %d tokens.

| program | device | prompt, tokens/s | ratio | writing, tokens/s | ratio |
|---|---|---|---|---|---|
`, "`make bench-peers`", r.options.Rounds, report.Machine(), api.Version,
		when.Format("2 January 2006"), r.prompt.tokens, len(r.prompt.ids))
	for _, w := range r.writers {
		promptRatio, tokenRatio := "", ""
		if !strings.HasPrefix(w.name, "NextQuill") {
			ours := r.reference("NextQuill, native")
			if strings.Contains(w.name, "Chromium") {
				ours = r.reference("NextQuill, Chromium")
			}
			promptRatio = spread(ratios(ours.promptSpeeds(), w.promptSpeeds()), "%.2f")
			tokenRatio = spread(ratios(ours.tokenSpeeds(), w.tokenSpeeds()), "%.2f")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", w.name, w.device, spread(w.promptSpeeds(), "%.1f"),
			promptRatio, spread(w.tokenSpeeds(), "%.1f"), tokenRatio)
	}
	fmt.Fprintf(b, "\n%s\n", r.agreement())
	if len(r.steps) > 0 {
		fmt.Fprintf(b, `
## Training

A step with LoRA of rank %d on all linear layers, AdamW and gradient clipping: one sequence of %d
tokens, of which the last %d have a loss. NextQuill runs on the Vulkan device above.

| model | NextQuill, tokens/s | other program | its tokens/s | ratio |
|---|---|---|---|---|
`, stepRank, stepTokens, stepResponses)
		for _, s := range r.steps {
			ours, theirs := speeds(s.ours), speeds(s.theirs)
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", s.model, spread(ours, "%.0f"), s.peer,
				spread(theirs, "%.0f"), spread(ratios(ours, theirs), "%.2f"))
		}
	}
	fmt.Fprintf(b, "\n## A training step in the browser\n\nThe output of `make bench-browser`:\n\n```text\n%s\n```\n",
		strings.TrimSpace(r.browser))
}

func (r *results) reference(name string) *writer {
	return r.writers[slices.IndexFunc(r.writers, func(w *writer) bool { return w.name == name })]
}

// agreement says how many tokens of the programs that tell their tokens are equal to ours.
func (r *results) agreement() string {
	want := r.reference("NextQuill, native").turns[0].IDs
	var parts []string
	for _, w := range r.writers[1:] {
		if ids := w.turns[0].IDs; len(ids) > 0 {
			n := 0
			for n < min(len(ids), len(want)) && ids[n] == want[n] {
				n++
			}
			parts = append(parts, fmt.Sprintf("- %s, %s: %d of %d", w.name, w.device, n, len(want)))
		}
	}
	return "Leading tokens that equal those of NextQuill, native, with the token after the prompt:\n\n" +
		strings.Join(parts, "\n")
}

func (w *writer) promptSpeeds() (out []float64) {
	for _, t := range w.turns {
		out = append(out, float64(t.Prompt)/t.PromptSeconds)
	}
	return out
}

func (w *writer) tokenSpeeds() (out []float64) {
	for _, t := range w.turns {
		out = append(out, 1/t.TokenSeconds)
	}
	return out
}

// speeds are tokens per second of steps.
func speeds(seconds []float64) (out []float64) {
	for _, s := range seconds {
		out = append(out, stepTokens/s)
	}
	return out
}

func ratios(ours, theirs []float64) (out []float64) {
	for i := range ours {
		out = append(out, ours[i]/theirs[i])
	}
	return out
}

// spread is the median and the range.
func spread(v []float64, format string) string {
	sorted := slices.Sorted(slices.Values(v))
	middle := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	return fmt.Sprintf(format+" ("+format+"–"+format+")", middle, sorted[0], sorted[len(sorted)-1])
}

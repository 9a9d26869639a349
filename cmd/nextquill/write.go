package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/core/api"
	"nextquill/report"
)

type writeCmd struct {
	Text string `arg:"" optional:"" help:"What to write about: the value of the first context field of the writer's texts."`
	contextFlags
	History string `group:"texts" placeholder:"PATH" help:"The writer's texts: a .jsonl, .csv or .txt file, or a folder of Markdown. Default: those of the last run."`
	promptFlags
	Adapter []string `group:"texts" sep:"none" placeholder:"DIR" help:"Adapter in PEFT's format, or 'none' for the base model; repeat it to compare drafts. Default: OUT/adapter."`
	Chat    bool     `group:"texts" help:"TEXT is a message to the model, to be answered by its chat template. So it is without this flag, too, where --model names a model with such a template and nothing was learnt on it."`
	System  string   `group:"texts" placeholder:"TEXT" help:"What the model is told before the message; implies --chat."`
	samplingFlags
	globals
}

func (writeCmd) Help() string {
	return `Writes a text and shows it as it comes. The texts of the last run are the history, unless --history names others.

  nextquill write "ambition"
  nextquill write "ambition" -c part=noun -c meaning="a strong drive for success"
  nextquill write "ambition" --steer 0.5 --seed 7
  nextquill write "ambition" --adapter none      the base model, for comparison
  nextquill write "ambition" --adapter none --adapter out/adapter --adapter mine      a draft by each
  nextquill write "Why is the sky blue?" --model smollm2-135m      an answer of the model itself`
}

func (c writeCmd) Run(ctx context.Context, a *app) (err error) {
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	if chat, err := c.converses(ctx, j); chat || err != nil {
		if err == nil {
			err = c.converse(ctx, j)
		}
		return err
	}
	s := &study{job: j, retrieval: c.retrieval(), template: c.template()}
	if s.corpus, err = j.corpusFor(ctx, c.History); err != nil {
		return err
	}
	about, err := c.request(c.Text, s.learn)
	if err != nil {
		return err
	}
	voices, err := j.voicesFor(c.Adapter)
	if err != nil {
		return err
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	return c.each(ctx, j, voices, func(adapter string, onToken func(string)) (api.WriteResult, error) {
		return s.compose(ctx, "write", adapter, about, c.sampling(), onToken)
	})
}

// stream shows a text as it comes: it is its own progress.
func (writeCmd) stream(j *job, write func(onToken func(string)) (api.WriteResult, error)) error {
	if j.JSON {
		_, err := write(nil)
		return err
	}
	j.progress = ui.Quiet()
	out := &flow{t: j.terminal()}
	r, err := write(out.add)
	out.end()
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d tokens, %.1f a second", r.Tokens, r.TokensPS)
	if r.Stopped == "length" {
		note += "; cut at --max-tokens"
	}
	fmt.Fprintln(j.stderr, note)
	return nil
}

// flow prints a text as it comes. A word that would cross the edge of the terminal goes to the next line.
type flow struct {
	t    report.Terminal
	word strings.Builder
	cols int
}

func (f *flow) add(piece string) {
	for _, r := range report.Clean(piece) {
		if r == ' ' || r == '\n' {
			f.put()
			if r == '\n' {
				fmt.Fprintln(f.t.Out)
				f.cols = 0
			}
			continue
		}
		f.word.WriteRune(r)
	}
}

// put prints the word that is complete.
func (f *flow) put() {
	if f.word.Len() == 0 {
		return
	}
	word := f.word.String()
	f.word.Reset()
	width := report.Width(word)
	switch {
	case f.cols > 0 && f.cols+1+width > f.t.Width:
		fmt.Fprintln(f.t.Out)
		f.cols = 0
	case f.cols > 0:
		word, width = " "+word, width+1
	}
	fmt.Fprint(f.t.Out, word)
	f.cols += width
}

func (f *flow) end() {
	f.put()
	if f.cols > 0 {
		fmt.Fprintln(f.t.Out)
	}
}

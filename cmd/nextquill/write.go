package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"nextquill/cmd/nextquill/internal/ui"
	"nextquill/report"
)

type writeCmd struct {
	Text string `arg:"" optional:"" help:"What to write about: the value of the first context field of the writer's texts."`
	contextFlags
	History string `group:"texts" placeholder:"PATH" help:"The writer's texts: a .jsonl, .csv or .txt file, or a folder of Markdown. Default: those of the last run."`
	promptFlags
	Adapter string `group:"texts" placeholder:"DIR" help:"Adapter in PEFT's format, or 'none' for the base model. Default: OUT/adapter."`
	samplingFlags
	globals
}

func (writeCmd) Help() string {
	return `Writes a text and shows it as it comes. The texts of the last run are the history, unless --history names others.

  nextquill write "ambition"
  nextquill write "ambition" -c part=noun -c meaning="a strong drive for success"
  nextquill write "ambition" --steer 0.5 --seed 7
  nextquill write "ambition" --adapter none      the base model, for comparison`
}

func (c writeCmd) Run(ctx context.Context, a *app) (err error) {
	j, err := a.newJob(c.globals)
	if err != nil {
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
	adapter, err := j.adapterFor(c.Adapter)
	if err != nil {
		return err
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	if a.JSON {
		_, err = s.compose(ctx, "write", adapter, about, c.sampling(), nil)
		return err
	}
	// The text itself is the progress.
	j.progress = ui.Quiet()
	out := &flow{t: a.terminal()}
	r, err := s.compose(ctx, "write", adapter, about, c.sampling(), out.add)
	out.end()
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d tokens, %.0f a second", r.Tokens, r.TokensPS)
	if r.Stopped == "length" {
		note += "; cut at --max-tokens"
	}
	fmt.Fprintln(a.stderr, note)
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

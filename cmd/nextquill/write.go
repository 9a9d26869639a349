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
	History string `group:"texts" placeholder:"PATH" help:"The writer's texts: a chat, mailbox, table, note, document or export, a zip file, or a folder of these; see docs/texts.md. Default: the texts of the last run."`
	importFlags
	promptFlags
	Adapter []string `group:"texts" sep:"none" placeholder:"DIR" help:"Adapter in PEFT's format, or 'none' for the base model; repeat the flag to compare drafts. Default: OUT/adapter."`
	Chat    bool     `group:"texts" help:"Send TEXT as a message to the model, with its chat template. This is the default if --model has a chat template and there is no adapter or history for it."`
	System  string   `group:"texts" placeholder:"TEXT" help:"System message; implies --chat."`
	samplingFlags
	globals
}

func (writeCmd) Help() string {
	return `Writes a text and streams it. The history is the texts of the last run, unless --history is set.

  nextquill write "ambition"
  nextquill write "ambition" -c part=noun -c meaning="a strong drive for success"
  nextquill write "ambition" --steer 0.5 --seed 7
  nextquill write "ambition" --adapter none      the base model, for comparison
  nextquill write "ambition" --adapter none --adapter out/adapter --adapter mine      one draft per adapter
  nextquill write "Why is the sky blue?" --model smollm2-135m      a chat with the model`
}

func (c writeCmd) Run(ctx context.Context, a *app) (err error) {
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	if chat, err := c.isChat(ctx, j); chat || err != nil {
		if err == nil {
			err = c.runChat(ctx, j)
		}
		return err
	}
	s := &experiment{job: j, retrieval: c.retrieval(), template: c.template()}
	if s.corpus, err = j.corpusFor(ctx, c.History, c.importFlags); err != nil {
		return err
	}
	about, err := c.request(c.Text, s.train)
	if err != nil {
		return err
	}
	drafts, err := j.draftAdapters(c.Adapter)
	if err != nil {
		return err
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	return c.writeDrafts(ctx, j, drafts, func(adapter string, onToken func(string)) (api.WriteResult, error) {
		return s.generate(ctx, "write", adapter, about, c.sampling(), onToken)
	})
}

// stream prints a text as it is generated. It shows no other progress.
func (writeCmd) stream(j *job, write func(onToken func(string)) (api.WriteResult, error)) error {
	if j.JSON {
		_, err := write(nil)
		return err
	}
	j.progress = ui.Quiet()
	out := &wordWrapper{t: j.terminal()}
	r, err := write(out.add)
	out.end()
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%d tokens, %.1f tok/s", r.Tokens, r.TokensPS)
	if r.Stopped == api.StoppedLength {
		note += "; stopped at --max-tokens"
	}
	fmt.Fprintln(j.stderr, note)
	return nil
}

// wordWrapper prints a text as it is generated. A word that would cross the edge of the terminal
// goes to the next line.
type wordWrapper struct {
	t    report.Terminal
	word strings.Builder
	cols int
}

func (f *wordWrapper) add(piece string) {
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

// put prints the current word.
func (f *wordWrapper) put() {
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

func (f *wordWrapper) end() {
	f.put()
	if f.cols > 0 {
		fmt.Fprintln(f.t.Out)
	}
}

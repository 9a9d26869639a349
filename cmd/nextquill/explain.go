package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/native/dirstore"
	"nextquill/report"
)

type explainCmd struct {
	Text string `arg:"" optional:"" help:"The text to explain. Its context is set with --context."`
	contextFlags
	History string `group:"texts" placeholder:"PATH" help:"The writer's texts: a chat, mailbox, table, note, document or export, a zip file, or a folder of these; see docs/texts.md. Default: the texts of the last run."`
	importFlags
	promptFlags
	Item      int    `group:"texts" default:"-1" api:"ExplainParams.Item" help:"Explain this held-out text instead, counted from 0."`
	Adapter   string `group:"texts" placeholder:"DIR" help:"Adapter in PEFT's format, or 'none' for the base model. Default: OUT/adapter."`
	Influence bool   `group:"texts" help:"Also find the earlier text with the largest influence on each token. Takes one more pass for each earlier text."`
	HTML      string `group:"texts" name:"html" placeholder:"FILE" help:"Also write the result as an HTML page."`
	globals
}

func (explainCmd) Help() string {
	return `Shades each token by its data-side causal effect (DCE): its probability with the writer's history in
the prompt, minus its probability without it.

  nextquill explain --item 3
  nextquill explain "A minor form of despair, disguised as a virtue." -c word=patience -c part=noun
  nextquill explain --item 3 --influence --html item3.html`
}

func (c explainCmd) Run(ctx context.Context, a *app) (err error) {
	if (c.Text == "") == (c.Item < 0) {
		return fault.New(fault.Missing, "explain", "", "needs either a text or --item").
			WithRemedy("set one of the two, for example: nextquill explain --item 3")
	}
	j, err := a.newJob(c.globals)
	if err != nil {
		return err
	}
	s := &experiment{job: j, retrieval: c.retrieval(), template: c.template()}
	if s.corpus, err = j.corpusFor(ctx, c.History, c.importFlags); err != nil {
		return err
	}
	params := api.ExplainParams{
		Inference: api.Inference{Loading: j.loading(), Model: modelDir, Source: s.source, Retrieval: s.retrieval,
			Template: s.template}, Item: c.Item, Text: c.Text, Influence: c.Influence,
	}
	if c.Item < 0 {
		if params.Context, err = c.request("", s.train); err != nil {
			return err
		}
	}
	if params.Adapter, err = j.adapterFor(c.Adapter); err != nil {
		return err
	}
	if err := j.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()

	r, err := s.explain(ctx, params)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		info, err := j.device(ctx)
		if err != nil {
			return err
		}
		page := report.Run{Writer: "the writer", When: time.Now(), Device: info.Device.Name, Explained: &r,
			Delta: defaultDelta}
		if err := writePage(ctx, c.HTML, page); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "Page: %s\n", c.HTML)
	}
	if !a.JSON {
		a.terminal().Tokens(r)
	}
	return nil
}

// defaultDelta is δ of every preset.
const defaultDelta = .05

func (s *experiment) explain(ctx context.Context, params api.ExplainParams) (api.ExplainResult, error) {
	var r api.ExplainResult
	err := s.call(ctx, "explain", api.MethodExplain, params, &r, func() string {
		theirs := 0
		for _, t := range r.Tokens {
			if t.DCE > defaultDelta {
				theirs++
			}
		}
		return fmt.Sprintf("%d of %d tokens have a DCE above δ", theirs, len(r.Tokens))
	}, nil)
	return r, err
}

// writePage writes the report atomically: if the disk is full, the earlier page stays.
func writePage(ctx context.Context, path string, r report.Run) error {
	var b bytes.Buffer
	if err := report.HTML(&b, r); err != nil {
		return err
	}
	dir, name := splitPath(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fault.New(fault.Mismatch, path, "", "is a folder, not a file").
			WithRemedy("use a file name such as report.html")
	}
	s, err := dirstore.Open(dir)
	if err != nil {
		return err
	}
	return s.Write(ctx, name, b.Bytes())
}

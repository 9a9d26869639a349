package main

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"nextquill/core/api"
	"nextquill/core/history"
	"nextquill/core/weights"
	"nextquill/models/store"
)

// effort is how much of the job `run` does where no flag says otherwise.
type effort struct {
	maxItems, maxHeldout int
	training             api.Training
	subjects             int // to write about, before and after
	maxTokens            int // of a text that is written
}

// fullEffort is for a GPU, and for the embedded model on a processor.
func fullEffort() effort {
	return effort{showcase.maxItems, showcase.maxHeldout, usualTraining, showcase.unseen, showcase.sampling.MaxTokens}
}

// smallEffort is for a large model on a processor: enough of everything to see that it works, in the time of a meal. Steps of two
// texts, because a pass over so few texts would else be over before it has begun.
func smallEffort() effort {
	e := effort{24, 16, usualTraining, 2, 48}
	e.training.Epochs, e.training.BatchSize = 1, 2
	return e
}

// largeModel is so many parameters in the layers that a processor takes seconds for a text.
const largeModel = 30e6

// effortFor weighs the model against the device.
func effortFor(layers int64, cpu bool) effort {
	if cpu && layers > largeModel {
		return smallEffort()
	}
	return fullEffort()
}

// layerParameters are the parameters that work on every token: all but the embedding table and the head.
func layerParameters(a store.About) (n int64) {
	for _, t := range a.Tensors {
		if t.Name != weights.EmbedName && t.Name != weights.HeadName {
			n += int64(t.Elements())
		}
	}
	return n
}

// processorFlops is what a step reaches on one core of a processor, through Mesa's llvmpipe, in f32 operations a second: measured with
// `nextquill bench`. charsPerToken is the usual size of English text.
const (
	processorFlops = 8e9
	charsPerToken  = 4
)

// processorSeconds estimates the whole job of `run` on this machine's processor: good to a factor of two, which is what one needs to know
// before one waits.
func processorSeconds(s *study, e effort, layers int64) float64 {
	learn, heldout := s.learn[max(0, len(s.learn)-e.maxItems):], s.heldout[:min(len(s.heldout), e.maxHeldout)]
	text := meanTokens(learn)
	n, m, k := float64(len(learn)), float64(len(heldout)), float64(s.retrieval.K)
	one, both := (k+1)*text, (k+2)*text // tokens of a sample with one branch, with both
	forward := m*one*6 +                // four tests, and one at the end of each training
		n*both + // the frozen model's view of every sample
		3*both // the text that is explained, without each of its history's
	trained := n * s.training.Epochs * (one + both)
	written := float64(2*e.subjects*e.maxTokens) * 4 // a token at a time moves all weights for little work
	work := float64(2*layers)*(forward+written) + float64(4*layers)*trained
	return work / (processorFlops * float64(runtime.NumCPU()))
}

// meanTokens guesses the tokens of a text with its context.
func meanTokens(items []history.Item) float64 {
	if len(items) == 0 {
		return 0
	}
	n := 0
	for _, it := range items {
		n += len(it.Text)
		for _, f := range it.Context {
			n += len(f.Name) + len(f.Value) + 3
		}
	}
	return float64(n) / float64(len(items)) / charsPerToken
}

// plan settles how much is done, and says how long it will take where that can be known.
func (c runCmd) plan(ctx context.Context, s *study, info api.InfoResult) (effort, string, error) {
	about, err := store.Describe(ctx, s.base.files, "")
	if err != nil {
		return effort{}, "", err
	}
	layers := layerParameters(about)
	e := effortFor(layers, info.Device.CPU)
	s.training = c.trainingFrom(e.training)
	if c.MaxItems != 0 {
		e.maxItems = c.MaxItems
	}
	if c.MaxHeldout != 0 {
		e.maxHeldout = c.MaxHeldout
	}
	s.source.MaxItems, s.source.MaxHeldout = e.maxItems, e.maxHeldout
	model := "the embedded model"
	if s.Model != "" {
		model = fmt.Sprintf("%s (%s)", s.Model, oneLine(about))
	}
	if !info.Device.CPU {
		return e, model, nil
	}
	return e, fmt.Sprintf("%s; on this processor alone it takes about %s", model, roughly(processorSeconds(s, e, layers))), nil
}

// roughly shows a time that is only estimated.
func roughly(seconds float64) string {
	switch minutes := math.Round(seconds / 60); {
	case minutes < 2:
		return "a minute"
	case minutes < 100:
		return fmt.Sprintf("%.0f minutes", minutes)
	}
	return fmt.Sprintf("%.0f hours", math.Ceil(seconds/3600))
}

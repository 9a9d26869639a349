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

// workload is the amount of work that `run` does by default.
type workload struct {
	maxItems, maxHeldout int
	training             api.Training
	subjects             int // number of subjects to write about, before and after training
	maxTokens            int // of a written text
}

// fullWorkload is for a GPU, and for the embedded model on a processor.
func fullWorkload() workload {
	return workload{demo.maxItems, demo.maxHeldout, defaultTraining, demo.unseen, *demo.sampling.MaxTokens}
}

// smallWorkload is for a large model on a processor. It covers every stage in well under an hour.
func smallWorkload() workload {
	e := workload{24, 16, defaultTraining, 2, 48}
	e.training.Epochs = new(1.)
	return e
}

// largeModel is the number of layer parameters from which a processor needs seconds to write a
// text.
const largeModel = 30e6

// workloadFor selects the workload for a model and a device.
func workloadFor(layers int64, cpu bool) workload {
	if cpu && layers > largeModel {
		return smallWorkload()
	}
	return fullWorkload()
}

// layerParameters is the number of parameters without the embedding table and the head.
func layerParameters(a store.Description) (n int64) {
	for _, t := range a.Tensors {
		if t.Name != weights.EmbedName && t.Name != weights.HeadName {
			n += int64(t.Elements())
		}
	}
	return n
}

// cpuFlops is the f32 operations per second of a training step on one processor core with Mesa's
// llvmpipe, measured with `nextquill bench`. charsPerToken is typical of English text.
const (
	cpuFlops      = 8e9
	charsPerToken = 4
)

// cpuSeconds estimates the time of `run` on this machine's processor, to within a factor of two.
func cpuSeconds(s *experiment, e workload, layers int64) float64 {
	training, heldout := s.train[max(0, len(s.train)-e.maxItems):], s.heldout[:min(len(s.heldout), e.maxHeldout)]
	text := meanTokens(training)
	n, m, k := float64(len(training)), float64(len(heldout)), float64(*s.retrieval.K)
	one, both := (k+1)*text, (k+2)*text // tokens of a sample with one branch and with both
	forward := m*one*6 +                // four evaluations, and one at the end of each training
		n*both + // the frozen expert's pass over every sample
		3*both // the explained text, and once without each history item
	trained := n * *s.training.Epochs * (one + both)
	written := float64(2*e.subjects*e.maxTokens) * 4 // decoding reads all weights for each token
	work := float64(2*layers)*(forward+written) + float64(4*layers)*trained
	return work / (cpuFlops * float64(runtime.NumCPU()))
}

// meanTokens estimates the number of tokens of a text with its context.
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

// plan selects the workload and describes the model, with an estimate of the time if the device is
// a processor.
func (c runCmd) plan(ctx context.Context, s *experiment, info api.InfoResult) (workload, string, error) {
	about, err := store.Describe(ctx, s.base.files, "")
	if err != nil {
		return workload{}, "", err
	}
	layers := layerParameters(about)
	e := workloadFor(layers, info.Device.CPU)
	s.training = c.trainingFrom(e.training)
	e.maxItems, e.maxHeldout = api.Or(c.MaxItems, e.maxItems), api.Or(c.MaxHeldout, e.maxHeldout)
	s.source.MaxItems, s.source.MaxHeldout = &e.maxItems, &e.maxHeldout
	model := "the embedded model"
	if s.Model != "" {
		model = fmt.Sprintf("%s (%s)", s.Model, oneLine(about))
	}
	if !info.Device.CPU {
		return e, model, nil
	}
	return e, fmt.Sprintf("%s; estimated time on this processor: %s", model, approximateTime(cpuSeconds(s, e, layers))),
		nil
}

// approximateTime formats an estimated time.
func approximateTime(seconds float64) string {
	switch minutes := math.Round(seconds / 60); {
	case minutes < 2:
		return "a minute"
	case minutes < 100:
		return fmt.Sprintf("%.0f minutes", minutes)
	}
	return fmt.Sprintf("%.0f hours", math.Ceil(seconds/3600))
}

//go:build !wasm

package model_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/blob"
	"nextquill/core/causal"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/model"
	"nextquill/native/nativetest"
)

// TestEstimateIsThePeak compares the estimate with the peak that a device counts, for every base,
// an adapter and all weights, training and generating.
func TestEstimateIsThePeak(t *testing.T) {
	ctx := context.Background()
	blobs := &blob.Mem{}
	randomOf(t, blobs, 3000, 3, 64, 100)
	o, err := causal.Preset("nextquill-code")
	require.NoError(t, err)
	train := model.StepSpec{MaxTokens: 300, MaxResponses: 40, Objective: o, Dual: true, Backward: true}
	recompute := train
	recompute.Recompute = true
	lora := &model.LoRASpec{Rank: 8, Alpha: 8}
	for _, c := range []struct {
		name string
		o    model.LoadOptions
		n    model.Needs
	}{
		{"f32", model.LoadOptions{Base: "f32"}, model.Needs{LoRA: lora, Steps: []model.StepSpec{train}}},
		{"f16", model.LoadOptions{Base: "f16"}, model.Needs{LoRA: lora, Steps: []model.StepSpec{train}}},
		{"q8", model.LoadOptions{Base: "q8"}, model.Needs{LoRA: lora, Steps: []model.StepSpec{recompute}}},
		{"q4 writes", model.LoadOptions{Base: "q4"}, model.Needs{Decode: &model.DecodeSpec{MaxPrompt: 50, MaxNew: 50}}},
		{"full", model.LoadOptions{Full: true}, model.Needs{Steps: []model.StepSpec{train}}},
		{"loads", model.LoadOptions{Base: "q4"}, model.Needs{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := nativetest.Open(t, blobs)
			want, err := model.Estimate(ctx, g.Info(), blobs, "m", c.o, c.n)
			require.NoError(t, err)
			tune := kernels.DefaultTune(g.Info())
			m, err := model.LoadWith(ctx, g, &tune, blobs, "m", c.o, func(m *model.Model) error {
				if c.n.Decode == nil {
					return nil
				}
				return m.CompileAhead(*c.n.Decode, nil) // needs no further memory
			})
			require.NoError(t, err)
			defer m.Free()
			if c.n.LoRA != nil {
				require.NoError(t, m.AttachLoRA(*c.n.LoRA, 1))
			}
			for _, spec := range c.n.Steps {
				s, err := m.NewStep(spec)
				require.NoError(t, err)
				defer s.Free()
			}
			if c.n.Decode != nil {
				d, err := m.NewDecoder(*c.n.Decode)
				require.NoError(t, err)
				defer d.Free()
			}
			require.NoError(t, g.Wait(ctx))
			// The parameter blocks of loading kernels, 64 bytes each, are not estimated.
			require.InEpsilon(t, g.PeakBytes(), want.Peak(), .01)
			require.LessOrEqual(t, want.Peak(), g.PeakBytes())
		})
	}
}

// TestEstimateRefuses checks that the fault names the limit before anything is loaded.
func TestEstimateRefuses(t *testing.T) {
	ctx := context.Background()
	blobs := &blob.Mem{}
	random(t, blobs, 3000, 1)
	o, _ := causal.Preset("contextsft")
	info := gpu.Info{Name: "small", MaxBindingSize: 1 << 20, MaxBufferSize: 1 << 20, MaxStorageBuffers: 8}
	_, err := model.Estimate(ctx, info, blobs, "m", model.LoadOptions{}, model.Needs{
		LoRA:  &model.LoRASpec{Rank: 4, Alpha: 4},
		Steps: []model.StepSpec{{MaxTokens: 100_000, MaxResponses: 10, Objective: o, Backward: true}},
	})
	require.ErrorIs(t, err, fault.DeviceLimit)
	require.ErrorContains(t, err, "1048576")
}

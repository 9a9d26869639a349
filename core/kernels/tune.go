package kernels

import (
	"context"
	"slices"
	"time"

	"nextquill/core/gpu"
)

// Tune holds the kernel variants that were measured to be fastest on a device. It is stored as
// JSON, so that a host can keep it under the name of the device.
type Tune struct {
	Linear    LinearVariant    `json:"linear"`
	Attention AttentionVariant `json:"attention"`
	// Half: products read weights in F16 as binary16 (shader-f16), otherwise as words that they
	// unpack. The results are equal to the bit; the case linear_half of kerneltest checks it.
	Half bool `json:"half,omitempty"`
}

// DefaultTune is the choice for a device that has not been measured.
func DefaultTune(info gpu.Info) Tune {
	t := Tune{Linear: linearTiled, Attention: DefaultAttention(info), Half: info.ShaderF16 && !info.CPU}
	if info.CPU {
		t.Linear = linearBlock32
		if linearQuads.on(info) {
			t.Linear = linearQuads
		}
	}
	return t
}

// Valid tells whether t names variants that exist on a device. A Tune that was read from a cache
// may have been written by another version, or for a device with other features.
func (t Tune) Valid(info gpu.Info) bool {
	if t.Half && !info.ShaderF16 {
		return false
	}
	a := t.Attention
	for _, block := range []int{a.Forward, a.QueryGrad, a.KeyGrad} {
		if block < 1 || block > 16 {
			return false
		}
	}
	return slices.Contains(LinearVariants(info), t.Linear) && slices.Contains([]int{1, 2, 4, 8, 16, 32, 64},
		a.DecodeLanes)
}

const (
	// tuneBudget is the time after which MeasureTune tries no further variants.
	tuneBudget = 600 * time.Millisecond
	// tuneMargin is the factor by which a variant must be faster to be more than noise.
	tuneMargin = 1.1
)

// MeasureTune measures variants of the matrix product on the device of g, and reading by shader-f16
// where the device has it. It takes about a second and returns the fastest; all other choices are
// those of DefaultTune. The last bits of results may depend on the variant, so a host must keep a
// measured Tune for as long as runs have to repeat exactly.
func MeasureTune(ctx context.Context, g *gpu.Context) (Tune, error) {
	tune := DefaultTune(g.Info())
	start := time.Now()
	best, err := matmulSpeed(ctx, g, &tune, F32, linearForward, 1024, 256, 256)
	if err != nil {
		return Tune{}, err
	}
	for _, v := range LinearVariants(g.Info()) {
		if v == tune.Linear {
			continue
		}
		if time.Since(start) > tuneBudget {
			break
		}
		candidate := tune
		candidate.Linear = v
		speed, err := matmulSpeed(ctx, g, &candidate, F32, linearForward, 1024, 256, 256)
		if err != nil {
			return Tune{}, err
		}
		if speed > tuneMargin*best {
			best, tune.Linear = speed, v
		}
	}
	if g.Info().ShaderF16 {
		tune.Half, err = measureHalf(ctx, g, tune)
	}
	return tune, err
}

// measureHalf tells whether reading weights in F16 by shader-f16 is faster than as words.
func measureHalf(ctx context.Context, g *gpu.Context, tune Tune) (bool, error) {
	usual, other := tune, tune
	other.Half = !tune.Half
	speed, err := matmulSpeed(ctx, g, &usual, F16, linearForward, 1024, 256, 256)
	if err != nil {
		return false, err
	}
	rival, err := matmulSpeed(ctx, g, &other, F16, linearForward, 1024, 256, 256)
	if rival > tuneMargin*speed {
		return other.Half, err
	}
	return usual.Half, err
}

// MatmulBest measures the fastest plain matrix product of this device with tune, in GFLOP/s.
// Utilisation is relative to it. The first measurement on a device also compiles the kernels.
func MatmulBest(ctx context.Context, g *gpu.Context, tune *Tune) (gflops float64, err error) {
	for _, size := range [][3]int{{1024, 1024, 1024}, {2048, 512, 512}} {
		for _, kind := range []linearKind{linearForward, linearInput, linearWeight} {
			speed, err := matmulSpeed(ctx, g, tune, F32, kind, size[0], size[1], size[2])
			if err != nil {
				return 0, err
			}
			gflops = max(gflops, speed)
		}
	}
	return gflops, nil
}

// matmulSpeed returns the GFLOP/s of one product.
func matmulSpeed(ctx context.Context, g *gpu.Context, tune *Tune, f Format, kind linearKind, rows, in,
	out int) (float64, error) {
	seconds, flops, err := MeasureProduct(ctx, g, tune, Products[kind], f, rows, in, out)
	return flops / seconds / 1e9, err
}

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
		t.Linear = linearBlock16
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
	var bufs []gpu.Buffer
	tensor := func(name string, n int) *gpu.Tensor {
		bufs = append(bufs, g.NewBuffer(name, int64(4*n), gpu.Storage))
		return gpu.Persistent(name, bufs[len(bufs)-1], 0, int64(4*n))
	}
	x, w, y := tensor("measure.x", rows*in), tensor("measure.w", out*in), tensor("measure.y", rows*out)
	defer func() {
		for _, b := range bufs {
			g.Free(b)
		}
	}()
	s := LinearSpec{Rows: FixedRows(rows), In: in, Out: out, Scale: 1, Format: f}
	var d gpu.Dispatch
	switch kind {
	case linearForward:
		d = LinearForward(tune, s, x, w, y, nil, nil)
	case linearInput:
		d = LinearInputGrad(tune, s, y, w, x, nil, nil)
	case linearWeight:
		d = LinearWeightGrad(tune, s, y, x, w)
	}
	seconds, err := measure(ctx, g, d)
	return d.Flops(nil) / seconds / 1e9, err
}

// A measurement is the best of measureRuns runs. Each repeats the dispatch until it takes
// measureSpan, so that the cost of a submit and a wait (3 ms in Firefox) matters little.
const (
	measureRuns = 4
	measureSpan = 10 * time.Millisecond
)

// measure returns the seconds that one dispatch takes.
func measure(ctx context.Context, g *gpu.Context, d gpu.Dispatch) (float64, error) {
	// The first run includes compiling.
	if _, err := timeRun(ctx, g, d, 1); err != nil {
		return 0, err
	}
	best := time.Duration(1<<63 - 1)
	times := 1
	for run := 0; run < measureRuns; {
		took, err := timeRun(ctx, g, d, times)
		if err != nil {
			return 0, err
		}
		if took < measureSpan && times < 256 {
			times *= 2
			continue
		}
		best = min(best, took)
		run++
	}
	return best.Seconds() / float64(times), nil
}

// timeRun returns how long n dispatches of d take.
func timeRun(ctx context.Context, g *gpu.Context, d gpu.Dispatch, n int) (time.Duration, error) {
	plan := g.NewPlan("measure")
	defer plan.Free()
	for range n {
		plan.Add(d)
	}
	if err := plan.Compile(); err != nil {
		return 0, err
	}
	if err := g.Wait(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := plan.Run(ctx, &gpu.Replay{}, nil); err != nil {
		return 0, err
	}
	err := g.Wait(ctx)
	return time.Since(start), err
}

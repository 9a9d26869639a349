package diag

import (
	"nextquill/core/api"
	"nextquill/core/causal"
	"nextquill/core/model"
	"nextquill/core/weights"
)

// sweep is a curve that is to be measured: one size takes several values, and all others stay.
type sweep struct {
	size      string
	values    []int
	set       func(p *curvePoint, value int)
	preset    string
	recompute bool
	shape     shape
}

// curvePoint is a point of a sweep: its model, its sample and its adapter.
type curvePoint struct {
	api.CurvePoint
	config     weights.Config
	bench      api.BenchParams
	preset     string
	recompute  bool
	timedBytes int64 // memory of the step that is timed
}

// curveBase is the format of the weights. Activations, which grow with the sizes, are f32 in every
// format.
const curveBase = "q8"

// curveShapes are the shape of the embedded model, and SmolLM2-135M. The longest sequence is that
// of the curves.
func curveShapes() []shape {
	small := shape{name: "small", config: weights.Config{
		HiddenSize: 256, IntermediateSize: 640, Layers: 4, Heads: 8, KVHeads: 4, HeadDim: 32,
		VocabSize: 4096, RMSNormEps: 1e-5, RopeTheta: 10000, TieEmbeddings: true, BOS: -1,
	}}
	both := []shape{small, shapes[0]}
	for i := range both {
		both[i].config.MaxPositions = 8192
	}
	return both
}

// sweeps lists all curves.
func sweeps() []sweep {
	contexts := sweep{
		size: api.CurveContext, values: []int{1024, 2048, 4096, 8192}, preset: "contextsft",
		set: func(p *curvePoint, v int) { p.bench.History = v - p.bench.Prefix - p.bench.Suffix - p.bench.Response },
	}
	recomputed := contexts
	recomputed.recompute = true
	all := []sweep{
		contexts,
		recomputed,
		{
			size: api.CurveHistory, values: []int{128, 256, 512, 1024, 2048}, preset: "nextquill-code",
			set: func(p *curvePoint, v int) { p.bench.History = v },
		},
		{
			size: api.CurveRank, values: []int{4, 8, 16, 32, 64, 128}, preset: "contextsft",
			set: func(p *curvePoint, v int) { p.bench.LoRA.Rank = &v },
		},
		{
			size: api.CurveVocabulary, values: []int{4096, 16384, 49152, 131072}, preset: "contextsft",
			set: func(p *curvePoint, v int) { p.config.VocabSize = v },
		},
	}
	var out []sweep
	for _, s := range curveShapes() {
		for _, w := range all {
			w.shape = s
			out = append(out, w)
		}
	}
	return out
}

// curve describes the sweep, without points.
func (s sweep) curve() api.Curve {
	return api.Curve{
		Model: s.shape.name, Base: curveBase, Preset: s.preset, Size: s.size, Recompute: s.recompute,
		Layers: s.shape.config.Layers, TimedLayers: timedLayers,
	}
}

// point is the step at one value. Without the sweep, a sample has 512 tokens and the adapter rank
// 8.
func (s sweep) point(value int) *curvePoint {
	p := &curvePoint{
		CurvePoint: api.CurvePoint{Value: value}, config: s.shape.config, preset: s.preset, recompute: s.recompute,
		bench: api.BenchParams{
			LoRA: api.LoRA{Rank: new(8), Alpha: new(16.)}, Presets: []string{s.preset}, Recompute: s.recompute,
			Prefix: 32, History: 352, Suffix: 32, Response: 96, Repeats: new(1), StepsOnly: true,
		},
	}
	s.set(p, value)
	return p
}

// sample has random tokens.
func (p *curvePoint) sample() causal.Sample {
	return (&benchJob{request: p.bench}).randomSample(p.config.VocabSize)
}

// options are those of the point's model with a number of layers.
func (p *curvePoint) options(layers int) model.LoadOptions {
	config := p.config
	config.Layers = layers
	return model.LoadOptions{Base: curveBase, Random: &config}
}

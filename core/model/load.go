package model

import (
	"context"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// LoadOptions say how a model is held on the device.
type LoadOptions struct {
	// Full makes all weights trainable. Otherwise nothing trains until an adapter is attached.
	Full bool
	// Base is the format of a frozen model's matrices: one of BaseNames; empty means BaseAuto.
	Base string
	// Positions raises the longest sequence above the model's own limit, for benchmarks; 0 keeps
	// it.
	Positions int
	// Random, if not nil, is the shape of a model with random weights, for benchmarks; the path is
	// not read.
	Random *weights.Config
}

// Load reads a model from store onto the device. path is an HF folder, a folder with a GGUF file,
// or a GGUF file. Free releases the model.
func Load(
	ctx context.Context, g *gpu.Context, tune *kernels.Tune, store blob.Store, path string, o LoadOptions,
) (*Model, error) {
	return LoadWith(ctx, g, tune, store, path, o, nil)
}

// LoadWith is Load with a callback. beforeRead, if it is not nil, is called once the tensors exist
// and the kernels that load them are requested. No value has been read then.
func LoadWith(
	ctx context.Context, g *gpu.Context, tune *kernels.Tune, store blob.Store, path string, o LoadOptions,
	beforeRead func(*Model) error,
) (*Model, error) {
	m, source, pieces, err := prepare(ctx, g, tune, store, path, o)
	if err != nil {
		return nil, err
	}
	if beforeRead != nil {
		if err = m.requestLoading(pieces); err == nil {
			err = beforeRead(m)
		}
	}
	if err != nil {
		m.Free()
		return nil, err
	}
	if o.Random != nil {
		err = m.fillRandom(ctx, pieces)
	} else if err = m.upload(ctx, pieces); err == nil {
		m.Fingerprint, err = source.Fingerprint(ctx)
	}
	if err != nil {
		m.Free()
		return nil, err
	}
	return m, nil
}

// prepare opens the file and allocates the model; the pieces are what remains to upload.
func prepare(
	ctx context.Context, g *gpu.Context, tune *kernels.Tune, store blob.Store, path string, o LoadOptions,
) (m *Model, source weights.Source, pieces []piece, err error) {
	if err := CheckBase(o.Base, o.Full); err != nil {
		return nil, source, nil, err
	}
	if source, err = o.open(ctx, store, path); err != nil {
		return nil, source, nil, err
	}
	cfg := source.Config
	if err := supported(cfg, source.Where); err != nil {
		return nil, source, nil, err
	}
	cfg.MaxPositions = max(cfg.MaxPositions, o.Positions)
	m = &Model{Config: cfg, g: g, tune: tune, full: o.Full}
	if pieces, err = m.allocate(source.File, o); err != nil {
		m.Free()
	}
	return m, source, pieces, err
}

// open returns the model in path, or one without a file if the weights are random.
func (o LoadOptions) open(ctx context.Context, store blob.Store, path string) (weights.Source, error) {
	if o.Random != nil {
		return weights.Source{Config: *o.Random, Where: "random weights"}, nil
	}
	return weights.OpenModel(ctx, store, path)
}

// supported returns a fault for shapes that the kernels do not handle.
func supported(c weights.Config, where string) error {
	for _, f := range []struct {
		name string
		v    int
	}{{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize}, {"head_dim", c.HeadDim}} {
		if f.v%4 != 0 {
			return fault.New(fault.Unsupported, where, f.name, "%d", f.v).WithLimit("multiples of 4").
				WithRemedy("use a model with other sizes: the kernels read four values at a time")
		}
	}
	if c.HeadDim > kernels.MaxHeadDim {
		return fault.New(fault.Unsupported, where, "head_dim", "%d", c.HeadDim).WithLimit("%d", kernels.MaxHeadDim).
			WithRemedy("use a model with a smaller head_dim")
	}
	return nil
}

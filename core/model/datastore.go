package model

import (
	"math"

	"nextquill/core/datastore"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/kernels"
)

// Datastore is a datastore on the device, for the steps and decoders of one model.
type Datastore struct {
	m    *Model
	spec kernels.DatastoreSpec
	// keys are [entries, hidden], tokens [entries], offsets [vocabulary+1] the first entry of each
	// token. unit is the gain that makes RMSNorm scale a row to length 1.
	keys, tokens, offsets, unit *gpu.Tensor
	bufs                        []gpu.Buffer
}

// NewDatastore uploads a datastore. Free releases it.
func (m *Model) NewDatastore(d *datastore.Datastore) (*Datastore, error) {
	n, hidden, vocab := len(d.Tokens), m.Config.HiddenSize, m.Config.VocabSize
	s, err := m.allocateDatastore(kernels.DatastoreSpec{
		Keys: n, Sharpness: float32(d.Sharpness), Share: float32(d.Share), Boost: float32(d.Boost),
	})
	if err != nil {
		return nil, err
	}
	ids, offsets := make([]uint32, kernels.RowStride(n)), make([]uint32, vocab+1)
	for i, id := range d.Tokens {
		ids[i] = uint32(id)
		offsets[id+1]++
	}
	for v := range vocab {
		offsets[v+1] += offsets[v]
	}
	unit := make([]float32, kernels.RowStride(hidden))
	for i := range hidden {
		unit[i] = float32(1 / math.Sqrt(float64(hidden)))
	}
	put := func(t *gpu.Tensor) gpu.Buffer { b, _ := t.Handle(); return b }
	m.g.WriteF32(put(s.keys), 0, d.Keys)
	m.g.WriteU32(put(s.tokens), 0, ids)
	m.g.WriteU32(put(s.offsets), 0, offsets)
	m.g.WriteF32(put(s.unit), 0, unit)
	return s, nil
}

// allocateDatastore is NewDatastore without the upload.
func (m *Model) allocateDatastore(spec kernels.DatastoreSpec) (*Datastore, error) {
	n, hidden := spec.Keys, m.Config.HiddenSize
	if size, limit := 4*int64(n)*int64(hidden), m.g.Info().LargestTensor(); size > limit {
		return nil, fault.New(fault.DeviceLimit, "datastore", "keys", "%d bytes", size).WithLimit("%d bytes", limit).
			WithRemedy("train on fewer texts")
	}
	s := &Datastore{m: m, spec: spec}
	s.keys = s.tensor("datastore keys", n*hidden)
	s.tokens = s.tensor("datastore tokens", kernels.RowStride(n))
	s.offsets = s.tensor("datastore offsets", m.Config.VocabSize+1)
	s.unit = s.tensor("datastore unit", kernels.RowStride(hidden))
	return s, nil
}

func (s *Datastore) tensor(name string, words int) *gpu.Tensor {
	b := s.m.g.NewBuffer(name, int64(4*words), gpu.Storage)
	s.bufs = append(s.bufs, b)
	return gpu.Persistent(name, b, 0, int64(4*words))
}

// Free destroys the datastore's memory.
func (s *Datastore) Free() {
	for _, b := range s.bufs {
		s.m.g.Free(b)
	}
	s.bufs = nil
}

// normalized records scaling the rows of hidden states to length 1.
func (p *pass) normalized(s *Datastore, d dim, hs *gpu.Tensor) *gpu.Tensor {
	const tiny = 1e-20 // the mean square of a hidden state after the final norm is about 1
	q, rstd := p.temp("query", d, p.m.Config.HiddenSize), p.temp("query rstd", d, 1)
	p.plan.Add(kernels.RMSNorm(d.rows, p.m.Config.HiddenSize, tiny, hs, s.unit, q, rstd, p.rowForm()))
	return q
}

// cosines records the cosines of queries with the keys, chunk by chunk: f receives the first key,
// the number of keys and, if out is nil, their cosines with the distance between rows. With out,
// the cosines of all keys are its rows.
func (p *pass) cosines(s *Datastore, d dim, q, out *gpu.Tensor, f func(c0, cols, stride int, z *gpu.Tensor)) {
	hidden := p.m.Config.HiddenSize
	for c0 := 0; c0 < s.spec.Keys; c0 += vocabChunk {
		cols := min(vocabChunk, s.spec.Keys-c0)
		stride, z := kernels.RowStride(cols), out
		if out == nil {
			z = p.temp("cosines", d, stride)
		} else {
			stride = kernels.RowStride(s.spec.Keys)
			z = out.Slice(int64(4*c0), out.Bytes-int64(4*c0))
		}
		keys := s.keys.Slice(int64(4*c0*hidden), int64(4*cols*hidden))
		p.plan.Add(kernels.LinearForward(p.m.tune, kernels.LinearSpec{
			Rows: d.rows, In: hidden, Out: cols, OutStride: stride,
		}, q, keys, z, nil, nil))
		if f != nil {
			f(c0, cols, stride, z)
		}
	}
}

package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// DatastoreSpec holds the parameters of a datastore in the kernels.
type DatastoreSpec struct {
	Keys      int
	Sharpness float32 // β of the weights e^(β·(cos − 1))
	Share     float32 // λ of the mixture
	// Boost is g: the tokens of the text itself have the weights e^(β·(cos − 1) + g).
	Boost float32
}

// DatastoreReduce records folding the cosines scores [R, stride] of keys c0 to c0+cols into state
// [R, 2]: the sums of the weights of the keys with the token of targets [R] u32, and of all. tokens
// [keys] u32 are in the order of the keys, padded to a multiple of 4. Chunks follow each other from
// c0 = 0 on, and start at a multiple of 4.
func DatastoreReduce(s DatastoreSpec, c0, cols, stride int, scores, tokens, targets, state *gpu.Tensor) gpu.Dispatch {
	checkHead(cols, stride)
	return gpu.Dispatch{
		Program: program("datastore_reduce", wgsl.Values{}, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(c0), uint32(cols), uint32(stride / 4), gpu.F(s.Sharpness)},
		Args:   []*gpu.Tensor{scores, tokens, targets, state},
		Groups: perResponse,
		Flops:  func(r *gpu.Replay) float64 { return 10 * float64(PerResponse.Count(r)*cols) },
	}
}

// DatastoreText records adding the tokens of the text itself to the state of DatastoreReduce.
// queries [R, stride] are hidden states of length 1; starts [R] u32 are the first response token of
// the sample of each.
func DatastoreText(s DatastoreSpec, features int, queries, targets, starts, state *gpu.Tensor) gpu.Dispatch {
	return gpu.Dispatch{
		Program: program("datastore_text", wgsl.Values{}, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage,
			gpu.WriteStorage),
		Shape:  gpu.Shape{uint32(RowStride(features) / 4), gpu.F(s.Sharpness), gpu.F(s.Boost)},
		Args:   []*gpu.Tensor{queries, targets, starts, state},
		Groups: func(r *gpu.Replay) [3]uint32 { return linearGroups(64*PerResponse.Count(r), 64) },
		Flops:  func(r *gpu.Replay) float64 { return 100 * float64(PerResponse.Count(r)*features) },
	}
}

// DatastoreMix records replacing the first vocab values of logits [1, stride] by those of the
// mixture with the datastore. scores [keys] are the cosines of all keys, in the order of their
// tokens; offsets [vocab+1] u32 are the first key of each token. With dual, logits are [2, stride]:
// the steering of params, which are those of Sample, is applied first, and both rows become the
// mixture.
func DatastoreMix(
	s DatastoreSpec, vocab, stride int, dual bool, scores, offsets, logits, params *gpu.Tensor,
) gpu.Dispatch {
	access := []gpu.Access{gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage}
	args := []*gpu.Tensor{scores, offsets, logits}
	shape := gpu.Shape{uint32(vocab), uint32(s.Keys), gpu.F(s.Sharpness), gpu.F(s.Share)}
	if dual {
		access, args, shape[4] = append(access, gpu.ReadStorage), append(args, params), uint32(stride)
	}
	return gpu.Dispatch{
		Program: program("datastore_mix", wgsl.Values{"DUAL": wgsl.Bool(dual)}, access...),
		Shape:   shape,
		Args:    args,
		Groups:  func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} },
		Flops:   func(*gpu.Replay) float64 { return 20 * float64(vocab+s.Keys) },
	}
}

package kernels

import "nextquill/core/gpu"

// maxDecodeRows is up to how many rows AttentionForward gives each row and key
// head a workgroup of its own.
const maxDecodeRows = 8

// decodeValues bounds the heads that a lane holds, in values.
const decodeValues = 128

// attentionDecode is AttentionForward for a few rows and many keys.
func attentionDecode(t *Tune, s AttentionSpec, q, k, v, ranges, out, stats *gpu.Tensor) gpu.Dispatch {
	heads := largestDivisor(s.Group(), decodeValues/s.HeadDim)
	sizes := map[string]int{
		"VECS": s.HeadDim / 4, "HEADS": heads,
		// 64 lanes × 8 vec4s are 8 KiB, half of what WebGPU promises; each vec4
		// takes a lane to add up.
		"LANES": max(8, t.Attention.DecodeLanes), "CHUNK": largestDivisor(s.HeadDim/4, 8),
	}
	return gpu.Dispatch{
		Program: unrolled("attention_decode", sizes, nil,
			gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.ReadStorage, gpu.WriteStorage, gpu.WriteStorage),
		Shape: s.shape(),
		Args:  []*gpu.Tensor{q, k, v, ranges, out, stats},
		Groups: func(r *gpu.Replay) [3]uint32 {
			return [3]uint32{uint32(s.Rows.Count(r) * s.Heads / heads), 1, 1}
		},
		Flops: s.flops(2, s.Rows),
	}
}

// largestDivisor returns the largest divisor of n up to limit.
func largestDivisor(n, limit int) int {
	for d := min(n, limit); d > 1; d-- {
		if n%d == 0 {
			return d
		}
	}
	return 1
}

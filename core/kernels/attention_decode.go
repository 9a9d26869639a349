package kernels

import (
	"nextquill/core/gpu"
	"nextquill/core/wgsl"
)

// maxDecodeRows is the largest number of rows for which AttentionForward gives each row and key
// head a workgroup of its own.
const maxDecodeRows = 8

// decodeValues limits the values, over all heads, that an invocation holds.
const decodeValues = 128

// attentionDecode is AttentionForward for a few rows and many keys.
func attentionDecode(t *Tune, s AttentionSpec, q, k, v, ranges, out, stats *gpu.Tensor) gpu.Dispatch {
	heads := largestDivisor(s.Group(), decodeValues/s.HeadDim)
	sizes := wgsl.Values{
		"VECS": s.HeadDim / 4, "HEADS": heads,
		// 64 invocations × 8 vec4s are 8 KiB, half of the limit that WebGPU guarantees. Adding up a
		// chunk takes one invocation per vec4.
		"LANES": max(8, t.Attention.DecodeLanes), "CHUNK": largestDivisor(s.HeadDim/4, 8),
	}
	return gpu.Dispatch{
		Program: program("attention_decode", sizes,
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

// Package gpu is the core's view of a GPU: a Device that runs batches of commands, and above it a
// Context (handles, caches, accounting) and a Plan (a recorded sequence of dispatches with a static
// memory layout).
//
// The package knows nothing about hosts and nothing about kernels. In the browser a Device is
// WebGPU behind the guest's imports, in native programs it is wgpu; both execute the same Batch.
// Kernels are Programs, and what their parameters mean is decided by whoever records a plan.
package gpu

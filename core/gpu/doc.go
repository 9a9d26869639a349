// Package gpu is the core's whole view of a GPU: a Device that runs batches of
// commands, and above it a Context (handles, caches, accounting) and a Plan
// (a recorded sequence of dispatches with a static memory layout).
//
// Nothing here knows which host answers. In the browser a Device is WebGPU seen
// through the guest's imports, headless it is wgpu; both execute the same Batch.
package gpu

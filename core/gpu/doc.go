// Package gpu defines how the core uses a device. A Device runs batches of commands. A Context adds
// handles, caches and the accounting of memory. A Plan is a recorded sequence of dispatches with a
// static memory layout.
//
// A Context measures how fast the device is. Plan.Run submits about 50 ms of work at a time, and
// waits while more than two or three submits are unfinished. A caller that is cancelled therefore
// answers soon, whatever the model and the device.
//
// The package depends neither on a host nor on a kernel. In the browser, a Device is WebGPU behind
// the guest's imports; in native programs it is wgpu. Both execute the same Batch. A kernel is a
// Program. The package that records a plan decides what the parameters of a kernel mean.
package gpu

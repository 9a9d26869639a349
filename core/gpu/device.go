package gpu

import "context"

// Buffer, Pipeline and BindGroup are handles. The Context chooses them, so that one batch can
// create an object and use it without a reply from the host. They are dense, and 0 is never valid.
type (
	Buffer    uint32
	Pipeline  uint32
	BindGroup uint32
)

// Usage says how a buffer is bound. Every buffer can also be a copy source and destination.
type Usage uint32

const (
	// Storage buffers hold tensors. A kernel that only reads a tensor may bind it as uniform.
	Storage Usage = iota + 1
	// Uniform buffers hold kernel parameters.
	Uniform
)

// Device runs command batches. Implementations are native.Device (wgpu), the guest's proxy of its
// host, and Dry, which runs nothing.
//
// Commands run in order. If a command fails, the next Submit, Wait, Read or Load
// returns a *fault.Error
// that names the kernel or the buffer.
type Device interface {
	// Info returns the limits and features, which never change.
	Info() Info
	// Submit queues a batch. The device does not keep b or its data.
	Submit(b *Batch) error
	// Wait returns when at most unfinished of the submitted batches are not finished. With 0 it
	// also waits until all pipelines have compiled.
	Wait(ctx context.Context, unfinished int) error
	// Read waits for all submitted work and copies len(dst) bytes from buf[off:] into dst. off and
	// len(dst) are multiples of 4.
	Read(ctx context.Context, buf Buffer, off int, dst []byte) error
	// Load copies n bytes of a named blob, from byte src on, into buf[dst:], without passing them
	// through the caller's memory. dst is a multiple of 4. n is too, except at the end of a buffer,
	// where the device pads the last word.
	Load(ctx context.Context, blob string, src int64, n int, buf Buffer, dst int) error
}

// Info describes a device. Sizes are in bytes.
type Info struct {
	Name    string `json:"name"`
	Backend string `json:"backend"`
	// CPU is set when the device runs shaders on the processor (llvmpipe, SwiftShader). Kernels
	// then use their register-block variants.
	CPU                    bool  `json:"cpu"`
	MaxBufferSize          int64 `json:"max_buffer_size"`
	MaxBindingSize         int64 `json:"max_binding_size"`
	MaxStorageBuffers      int   `json:"max_storage_buffers"`
	MaxInvocations         int   `json:"max_invocations"`
	MaxWorkgroupSizeX      int   `json:"max_workgroup_size_x"`
	MaxWorkgroupMemory     int   `json:"max_workgroup_memory"`
	MaxGroupsPerDimension  int   `json:"max_groups_per_dimension"`
	StorageOffsetAlignment int   `json:"storage_offset_alignment"`
	ShaderF16              bool  `json:"shader_f16"`
	Subgroups              bool  `json:"subgroups"`
	SubgroupMinSize        int   `json:"subgroup_min_size"`
	TimestampQuery         bool  `json:"timestamp_query"`
	// CompilesInBackground: pipelines compile while other commands run.
	CompilesInBackground bool `json:"compiles_in_background"`
}

// LargestTensor is the size of the largest tensor in one binding, in bytes.
func (i Info) LargestTensor() int64 { return min(i.MaxBindingSize, i.MaxBufferSize) }

// OffsetAlign divides the offsets of bindings, in bytes: WebGPU's default for
// minStorageBufferOffsetAlignment.
const OffsetAlign = 256

// Align rounds a size in bytes up to a multiple of OffsetAlign.
func Align(bytes int64) int64 { return (bytes + OffsetAlign - 1) &^ (OffsetAlign - 1) }

// Required limits: WebGPU's defaults, which every conformant device offers.
const (
	RequiredBindingSize    = 128 << 20
	RequiredBufferSize     = 256 << 20
	RequiredUniformSize    = 64 << 10 // of a uniform binding
	RequiredStorageBuffers = 8
	RequiredInvocations    = 256
	RequiredWorkgroupBytes = 16 << 10
)

// Package native implements gpu.Device on wgpu (Vulkan, Metal, DX12), for the headless host
// (wasm/host) and for Go tests of the core.
package native

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/cogentcore/webgpu/wgpu"

	"nextquill/core/blob"
	"nextquill/core/fault"
	"nextquill/core/gpu"
)

// Remedy says what to do on a machine without a GPU driver.
const Remedy = "install a Vulkan driver: " +
	"`apt-get install mesa-vulkan-drivers libvulkan1` installs one that runs on the CPU"

// Device is a gpu.Device on wgpu. Its methods may be called from one goroutine at a time.
type Device struct {
	instance *wgpu.Instance
	adapter  *wgpu.Adapter
	device   *wgpu.Device
	queue    *wgpu.Queue
	info     gpu.Info
	blobs    blob.Store

	buffers   map[gpu.Buffer]*buffer
	pipelines map[gpu.Pipeline]*pipeline
	groups    map[gpu.BindGroup]*wgpu.BindGroup

	encoder *wgpu.CommandEncoder
	pass    *wgpu.ComputePassEncoder

	staging     *wgpu.Buffer
	stagingSize int64

	last       wgpu.SubmissionIndex   // of the last submit
	unfinished []wgpu.SubmissionIndex // of the batches that may be unfinished, the oldest first
}

type buffer struct {
	*wgpu.Buffer
	name string
	size int64
}

type pipeline struct {
	*wgpu.ComputePipeline
	layout   *wgpu.BindGroupLayout
	name     string
	bindings []gpu.Access
}

// Open opens the best GPU of this machine. Load reads from blobs, which may be nil. The caller
// closes the device. Without a GPU driver the error is a fault of kind NoAdapter that says what to
// install; a GPU below WebGPU's default limits is one of kind DeviceLimit.
func Open(blobs blob.Store) (*Device, error) {
	d := &Device{
		blobs:     blobs,
		buffers:   map[gpu.Buffer]*buffer{},
		pipelines: map[gpu.Pipeline]*pipeline{},
		groups:    map[gpu.BindGroup]*wgpu.BindGroup{},
	}
	quiet.Do(func() { wgpu.SetLogLevel(wgpu.LogLevelOff) })
	d.instance = newInstance()
	adapter, err := d.instance.RequestAdapter(&wgpu.RequestAdapterOptions{
		PowerPreference: wgpu.PowerPreferenceHighPerformance,
	})
	if err != nil || adapter == nil {
		d.instance.Release()
		return nil, fault.New(fault.NoAdapter, "wgpu", "", "no GPU found").WithCause(err).WithRemedy(Remedy)
	}
	d.adapter = adapter
	info := adapter.GetInfo()
	limits := adapter.GetLimits().Limits
	d.info = describe(info, limits)
	if err := sufficient(d.info); err != nil {
		d.Close()
		return nil, err
	}
	// Request the adapter's limits instead of the defaults: the core sizes its bindings by Info.
	limits.MaxPushConstantSize = 0
	d.device, err = adapter.RequestDevice(&wgpu.DeviceDescriptor{
		Label:          "nextquill",
		RequiredLimits: &wgpu.RequiredLimits{Limits: limits},
		// No DeviceLostCallback: the binding passes it to C in a way that Go's pointer checks
		// refuse. The next call after a loss returns an error.
	})
	if err != nil {
		d.Close()
		return nil, fault.New(fault.NoAdapter, d.info.Name, "", "the driver does not open a device").
			WithCause(err).WithRemedy(Remedy)
	}
	d.queue = d.device.GetQueue()
	return d, nil
}

var quiet sync.Once

func describe(info wgpu.AdapterInfo, l wgpu.Limits) gpu.Info {
	return gpu.Info{
		Name:                   deviceName(info),
		Backend:                info.BackendType.String(),
		CPU:                    info.AdapterType == wgpu.AdapterTypeCPU,
		MaxBufferSize:          int64(min(l.MaxBufferSize, 1<<40)),
		MaxBindingSize:         int64(min(l.MaxStorageBufferBindingSize, 1<<40)),
		MaxStorageBuffers:      int(l.MaxStorageBuffersPerShaderStage),
		MaxInvocations:         int(l.MaxComputeInvocationsPerWorkgroup),
		MaxWorkgroupSizeX:      int(l.MaxComputeWorkgroupSizeX),
		MaxWorkgroupMemory:     int(l.MaxComputeWorkgroupStorageSize),
		MaxGroupsPerDimension:  int(l.MaxComputeWorkgroupsPerDimension),
		StorageOffsetAlignment: int(l.MinStorageBufferOffsetAlignment),
	}
}

// deviceName prefers wgpu's description: its Name is a PCI number with some drivers.
func deviceName(info wgpu.AdapterInfo) string {
	if info.DriverDescription != "" {
		return info.DriverDescription
	}
	return info.Name
}

// sufficient refuses a GPU that offers less than WebGPU's default limits.
func sufficient(i gpu.Info) error {
	for _, l := range []struct {
		name       string
		have, need int64
	}{
		{"maxStorageBufferBindingSize", i.MaxBindingSize, gpu.RequiredBindingSize},
		{"maxBufferSize", i.MaxBufferSize, gpu.RequiredBufferSize},
		{"maxStorageBuffersPerShaderStage", int64(i.MaxStorageBuffers), gpu.RequiredStorageBuffers},
		{"maxComputeInvocationsPerWorkgroup", int64(i.MaxInvocations), gpu.RequiredInvocations},
		{"maxComputeWorkgroupStorageSize", int64(i.MaxWorkgroupMemory), gpu.RequiredWorkgroupBytes},
	} {
		if l.have < l.need {
			return &fault.Error{
				Kind: fault.DeviceLimit, Where: i.Name, Field: l.name,
				Detail: fmt.Sprintf("the GPU offers %d", l.have), Limit: fmt.Sprintf("at least %d", l.need),
				Remedy: "use another GPU or a newer driver",
			}
		}
	}
	return nil
}

// Info implements gpu.Device.
func (d *Device) Info() gpu.Info { return d.info }

// LiveBuffers returns the number of buffers on the device.
func (d *Device) LiveBuffers() int { return len(d.buffers) }

// Submit implements gpu.Device. It returns the error of an invalid command at once. After an error
// it runs only the destructions among the other commands.
func (d *Device) Submit(b *gpu.Batch) error {
	for i := range b.Commands {
		if err := d.run(&b.Commands[i]); err != nil {
			d.abandon()
			d.destroyOnly(b.Commands[i+1:])
			return err
		}
	}
	if err := d.submit(); err != nil {
		return err
	}
	d.unfinished = append(d.unfinished, d.last)
	return nil
}

// Wait implements gpu.Device.
func (d *Device) Wait(ctx context.Context, unfinished int) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	n := len(d.unfinished) - max(0, unfinished)
	if n <= 0 {
		return nil
	}
	if index := d.unfinished[n-1]; index > 0 {
		d.device.Poll(true, &wgpu.WrappedSubmissionIndex{Queue: d.queue, SubmissionIndex: index})
	}
	d.unfinished = append(d.unfinished[:0], d.unfinished[n:]...)
	return nil
}

// destroyOnly runs the destructions among commands: the caller no longer has the handles.
func (d *Device) destroyOnly(commands []gpu.Command) {
	for i := range commands {
		switch commands[i].Op {
		case gpu.OpDestroyBuffer, gpu.OpDestroyPipeline, gpu.OpDestroyBindGroup:
			_ = d.run(&commands[i])
		}
	}
}

// Read implements gpu.Device.
func (d *Device) Read(ctx context.Context, h gpu.Buffer, off int, dst []byte) error {
	if err := blob.Cancelled(ctx); err != nil {
		return err
	}
	buf, err := d.buffer(h, int64(off), int64(len(dst)), "read")
	if err != nil || len(dst) == 0 {
		return err
	}
	n := int64(len(dst))
	if err := d.reserveStaging(n); err != nil {
		return err
	}
	enc, err := d.enc()
	if err != nil {
		return err
	}
	if err := enc.CopyBufferToBuffer(buf.Buffer, uint64(off), d.staging, 0, uint64(n)); err != nil {
		d.abandon()
		return d.fail("read "+buf.name, err)
	}
	if err := d.submit(); err != nil {
		return err
	}
	return d.mapStaging(dst, buf.name)
}

// mapStaging waits for the device and copies the staging buffer to dst.
func (d *Device) mapStaging(dst []byte, name string) error {
	// The binding passes a Go pointer to C that only MapAsync's frame keeps alive. A garbage
	// collection before Poll calls back would free it.
	gcMutex.Lock()
	defer gcMutex.Unlock()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	status := wgpu.BufferMapAsyncStatusUnknown
	err := d.staging.MapAsync(wgpu.MapModeRead, 0, uint64(len(dst)), func(s wgpu.BufferMapAsyncStatus) { status = s })
	if err != nil {
		return d.fail("map "+name, err)
	}
	d.device.Poll(true, nil)
	if status != wgpu.BufferMapAsyncStatusSuccess {
		return d.fail("map "+name, fmt.Errorf("status %v", status))
	}
	d.unfinished = d.unfinished[:0]
	copy(dst, d.staging.GetMappedRange(0, uint(len(dst))))
	return d.staging.Unmap()
}

var gcMutex sync.Mutex

func (d *Device) reserveStaging(n int64) error {
	if n <= d.stagingSize {
		return nil
	}
	if d.staging != nil {
		d.staging.Release()
		d.staging, d.stagingSize = nil, 0
	}
	size := max(n, 64<<10)
	s, err := d.device.CreateBuffer(&wgpu.BufferDescriptor{
		Label: "staging", Size: uint64(size), Usage: wgpu.BufferUsageMapRead | wgpu.BufferUsageCopyDst,
	})
	if err != nil {
		return d.fail("staging", err)
	}
	d.staging, d.stagingSize = s, size
	return nil
}

// loadChunk limits the memory that Load uses.
const loadChunk = 4 << 20

// Load implements gpu.Device.
func (d *Device) Load(ctx context.Context, name string, src int64, n int, h gpu.Buffer, dst int) error {
	if d.blobs == nil {
		return fault.New(fault.Missing, name, "", "the device was opened without a blob store").
			WithRemedy("pass one to native.Open")
	}
	buf, err := d.buffer(h, int64(dst), int64(n+3)&^3, "load")
	if err != nil {
		return err
	}
	chunk := make([]byte, min(n+3, loadChunk))
	for done := 0; done < n; {
		if err := blob.Cancelled(ctx); err != nil {
			return err
		}
		part := chunk[:min(loadChunk, n-done)]
		if err := d.blobs.ReadAt(ctx, name, part, src+int64(done)); err != nil {
			return err
		}
		padded := chunk[:(len(part)+3)&^3]
		clear(padded[len(part):])
		if err := d.queue.WriteBuffer(buf.Buffer, uint64(dst+done), padded); err != nil {
			return d.fail("load "+buf.name, err)
		}
		done += len(part)
		// Without a poll wgpu keeps the staging memory of each write until the next submit.
		d.queue.Submit()
		d.device.Poll(false, nil)
	}
	return nil
}

// Close frees the device and all its objects.
func (d *Device) Close() {
	d.abandon()
	for _, g := range d.groups {
		g.Release()
	}
	for _, p := range d.pipelines {
		p.Release()
		p.layout.Release()
	}
	for _, b := range d.buffers {
		b.Release()
	}
	clear(d.groups)
	clear(d.pipelines)
	clear(d.buffers)
	if d.staging != nil {
		d.staging.Release()
		d.staging = nil
	}
	if d.queue != nil {
		d.queue.Release()
	}
	if d.device != nil {
		d.device.Release()
	}
	if d.adapter != nil {
		d.adapter.Release()
	}
	d.instance.Release()
}

// fail turns an error of wgpu into a fault that names the operation.
func (d *Device) fail(what string, err error) error {
	kind := fault.Device
	remedy := "this is a defect in a kernel or in the driver; `vulkaninfo --summary` names the driver"
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "lost"):
		kind, remedy = fault.DeviceLost, "run again: training resumes from the newest checkpoint"
	case strings.Contains(text, "not enough memory") || strings.Contains(text, "out of memory"):
		kind, remedy = fault.DeviceLimit, "use a smaller token budget, activation recompute, or a smaller model"
	}
	return fault.New(kind, d.info.Name, what, "%s", firstLines(err.Error(), 12)).WithRemedy("%s", remedy)
}

func firstLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

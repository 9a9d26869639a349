// Package native runs the core's command batches on wgpu (Vulkan, Metal, DX12).
// It serves the headless host (wasm/host) and Go tests of the core.
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

// Remedy tells what to do when a machine has no adapter.
const Remedy = "install a Vulkan driver: `apt-get install mesa-vulkan-drivers libvulkan1` gives one that runs on the CPU"

// Device is a gpu.Device on wgpu. Its methods may be called from one goroutine
// at a time.
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

// Open returns a device on the best adapter of this machine; blobs is what Load
// reads from and may be nil. Without an adapter the error is a *fault.Error of
// kind NoAdapter that says what to install.
func Open(blobs blob.Store) (*Device, error) {
	d := &Device{
		blobs:     blobs,
		buffers:   map[gpu.Buffer]*buffer{},
		pipelines: map[gpu.Pipeline]*pipeline{},
		groups:    map[gpu.BindGroup]*wgpu.BindGroup{},
	}
	quiet.Do(func() { wgpu.SetLogLevel(wgpu.LogLevelOff) })
	d.instance = newInstance()
	adapter, err := d.instance.RequestAdapter(&wgpu.RequestAdapterOptions{PowerPreference: wgpu.PowerPreferenceHighPerformance})
	if err != nil || adapter == nil {
		d.instance.Release()
		return nil, &fault.Error{Kind: fault.NoAdapter, Where: "wgpu", Detail: "no GPU adapter found", Remedy: Remedy, Err: err}
	}
	d.adapter = adapter
	info := adapter.GetInfo()
	limits := adapter.GetLimits().Limits
	d.info = describe(info, limits)
	if err := sufficient(d.info); err != nil {
		d.Close()
		return nil, err
	}
	// Ask for all the adapter has: the core sizes its bindings by Info.
	limits.MaxPushConstantSize = 0
	d.device, err = adapter.RequestDevice(&wgpu.DeviceDescriptor{
		Label:          "nextquill",
		RequiredLimits: &wgpu.RequiredLimits{Limits: limits},
		// No DeviceLostCallback: the binding passes it to C in a way that Go's
		// pointer checks refuse. A loss shows as an error of the next call.
	})
	if err != nil {
		d.Close()
		return nil, &fault.Error{Kind: fault.NoAdapter, Where: d.info.Name, Detail: "the adapter gives no device", Remedy: Remedy, Err: err}
	}
	d.queue = d.device.GetQueue()
	return d, nil
}

var quiet sync.Once

func describe(info wgpu.AdapterInfo, l wgpu.Limits) gpu.Info {
	return gpu.Info{
		Name:                   adapterName(info),
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

// adapterName is what wgpu puts into the description; its Name is a PCI number.
func adapterName(info wgpu.AdapterInfo) string {
	if info.DriverDescription != "" {
		return info.DriverDescription
	}
	return info.Name
}

// sufficient refuses an adapter that offers less than WebGPU's default limits.
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
				Detail: fmt.Sprintf("the adapter offers %d", l.have), Limit: fmt.Sprintf("at least %d", l.need),
				Remedy: "use another adapter or a newer driver",
			}
		}
	}
	return nil
}

// Info implements gpu.Device.
func (d *Device) Info() gpu.Info { return d.info }

// LiveBuffers counts the buffers that exist on the device.
func (d *Device) LiveBuffers() int { return len(d.buffers) }

// Submit implements gpu.Device. Invalid commands are reported at once; after an
// error the rest of the batch is dropped, but for what it destroys.
func (d *Device) Submit(b *gpu.Batch) error {
	for i := range b.Commands {
		if err := d.run(&b.Commands[i]); err != nil {
			d.abandon()
			d.destroyOnly(b.Commands[i+1:])
			return err
		}
	}
	return d.submit()
}

// destroyOnly runs the destructions among commands: whoever sent them has
// forgotten the handles.
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

// mapStaging waits for the device and copies the staging buffer out.
func (d *Device) mapStaging(dst []byte, name string) error {
	// The binding hands the C side a Go pointer that only MapAsync's frame
	// keeps alive; a collection before Poll has called back frees it.
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

// loadChunk bounds the memory that Load takes.
const loadChunk = 4 << 20

// Load implements gpu.Device.
func (d *Device) Load(ctx context.Context, name string, src int64, n int, h gpu.Buffer, dst int) error {
	if d.blobs == nil {
		return &fault.Error{Kind: fault.Missing, Where: name, Detail: "the device was opened without a blob store", Remedy: "pass one to native.Open"}
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
		// Without a poll wgpu keeps every write's staging memory until the next submit.
		d.queue.Submit()
		d.device.Poll(false, nil)
	}
	return nil
}

// Close frees everything.
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

// fail makes wgpu's error a typed one that names what was being done.
func (d *Device) fail(what string, err error) error {
	kind, remedy := fault.Device, "this is a defect in a kernel or in the driver; `vulkaninfo --summary` names the driver"
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "lost"):
		kind, remedy = fault.DeviceLost, "run again: training resumes from the newest checkpoint"
	case strings.Contains(text, "not enough memory") || strings.Contains(text, "out of memory"):
		kind, remedy = fault.DeviceLimit, "use a smaller token budget, activation recompute, or a smaller model"
	}
	return &fault.Error{Kind: kind, Where: d.info.Name, Field: what, Detail: firstLines(err.Error(), 12), Remedy: remedy}
}

func firstLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

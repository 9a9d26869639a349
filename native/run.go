package native

import (
	"fmt"

	"github.com/cogentcore/webgpu/wgpu"

	"nextquill/core/fault"
	"nextquill/core/gpu"
)

// run executes one command. Consecutive dispatches share a compute pass, other commands end it.
// Writes and destructions act outside of the command stream, so they submit it first to keep the
// order.
func (d *Device) run(c *gpu.Command) error {
	switch c.Op {
	case gpu.OpDispatch:
		return d.dispatch(c)
	case gpu.OpWriteBuffer:
		return d.write(c)
	case gpu.OpClearBuffer:
		return d.clear(c)
	case gpu.OpCopyBuffer:
		return d.copy(c)
	case gpu.OpCreateBuffer:
		return d.createBuffer(c)
	case gpu.OpCreatePipeline:
		return d.createPipeline(c)
	case gpu.OpCreateBindGroup:
		return d.createBindGroup(c)
	case gpu.OpDestroyBuffer:
		return d.destroyBuffer(c)
	case gpu.OpDestroyPipeline:
		return d.destroyPipeline(c)
	case gpu.OpDestroyBindGroup:
		return d.destroyBindGroup(c)
	}
	return invalid("command", "unknown operation %d", c.Op)
}

func (d *Device) dispatch(c *gpu.Command) error {
	p, ok := d.pipelines[c.Pipeline]
	if !ok {
		return invalid("dispatch", "pipeline %d does not exist", c.Pipeline)
	}
	g, ok := d.groups[c.BindGroup]
	if !ok {
		return invalid(p.name, "bind group %d does not exist", c.BindGroup)
	}
	for _, n := range c.Groups {
		if int64(n) > int64(d.info.MaxGroupsPerDimension) {
			return &fault.Error{
				Kind: fault.DeviceLimit, Where: p.name, Field: "workgroups",
				Detail: fmt.Sprintf("dispatch of %v", c.Groups),
				Limit:  fmt.Sprintf("%d per dimension", d.info.MaxGroupsPerDimension),
				Remedy: "use a smaller token budget",
			}
		}
	}
	enc, err := d.enc()
	if err != nil {
		return err
	}
	if d.pass == nil {
		d.pass = enc.BeginComputePass(nil)
	}
	d.pass.SetPipeline(p.ComputePipeline)
	d.pass.SetBindGroup(0, g, nil)
	d.pass.DispatchWorkgroups(c.Groups[0], c.Groups[1], c.Groups[2])
	return nil
}

func (d *Device) write(c *gpu.Command) error {
	b, err := d.buffer(c.Buffer, c.Offset, int64(len(c.Data)), "write")
	if err != nil || len(c.Data) == 0 {
		return err
	}
	if err := d.submit(); err != nil {
		return err
	}
	if err := d.queue.WriteBuffer(b.Buffer, uint64(c.Offset), c.Data); err != nil {
		return d.fail("write "+b.name, err)
	}
	return nil
}

func (d *Device) clear(c *gpu.Command) error {
	b, err := d.buffer(c.Buffer, c.Offset, c.Size, "clear")
	if err != nil || c.Size == 0 {
		return err
	}
	enc, err := d.encOutsidePass()
	if err != nil {
		return err
	}
	if err := enc.ClearBuffer(b.Buffer, uint64(c.Offset), uint64(c.Size)); err != nil {
		return d.fail("clear "+b.name, err)
	}
	return nil
}

func (d *Device) copy(c *gpu.Command) error {
	src, err := d.buffer(c.Source, c.SourceOffset, c.Size, "copy from")
	if err != nil {
		return err
	}
	dst, err := d.buffer(c.Buffer, c.Offset, c.Size, "copy to")
	if err != nil || c.Size == 0 {
		return err
	}
	enc, err := d.encOutsidePass()
	if err != nil {
		return err
	}
	err = enc.CopyBufferToBuffer(src.Buffer, uint64(c.SourceOffset), dst.Buffer, uint64(c.Offset), uint64(c.Size))
	if err != nil {
		return d.fail("copy "+src.name+" to "+dst.name, err)
	}
	return nil
}

func (d *Device) createBuffer(c *gpu.Command) error {
	if _, ok := d.buffers[c.Buffer]; ok || c.Buffer == 0 {
		return invalid(c.Name, "buffer handle %d is taken", c.Buffer)
	}
	if c.Size <= 0 || c.Size > d.info.MaxBufferSize {
		return &fault.Error{
			Kind: fault.DeviceLimit, Where: d.info.Name, Field: c.Name,
			Detail: fmt.Sprintf("a buffer of %d bytes", c.Size), Limit: fmt.Sprintf("%d bytes", d.info.MaxBufferSize),
			Remedy: "use a smaller token budget or a smaller model",
		}
	}
	usage := wgpu.BufferUsageCopySrc | wgpu.BufferUsageCopyDst
	switch c.Usage {
	case gpu.Storage:
		usage |= wgpu.BufferUsageStorage | wgpu.BufferUsageUniform
	case gpu.Uniform:
		usage |= wgpu.BufferUsageUniform
	default:
		return invalid(c.Name, "unknown buffer usage %d", c.Usage)
	}
	b, err := d.device.CreateBuffer(&wgpu.BufferDescriptor{Label: c.Name, Size: uint64(c.Size), Usage: usage})
	if err != nil {
		return d.fail("buffer "+c.Name, err)
	}
	d.buffers[c.Buffer] = &buffer{b, c.Name, c.Size}
	return nil
}

func (d *Device) createPipeline(c *gpu.Command) error {
	if _, ok := d.pipelines[c.Pipeline]; ok || c.Pipeline == 0 {
		return invalid(c.Name, "pipeline handle %d is taken", c.Pipeline)
	}
	module, err := d.device.CreateShaderModule(&wgpu.ShaderModuleDescriptor{
		Label: c.Name, WGSLDescriptor: &wgpu.ShaderModuleWGSLDescriptor{Code: c.WGSL},
	})
	if err != nil {
		return d.fail("kernel "+c.Name, err)
	}
	defer module.Release()
	entries := make([]wgpu.BindGroupLayoutEntry, len(c.Bindings))
	for i, a := range c.Bindings {
		t := wgpu.BufferBindingTypeUniform
		switch a {
		case gpu.ReadStorage:
			t = wgpu.BufferBindingTypeReadOnlyStorage
		case gpu.WriteStorage:
			t = wgpu.BufferBindingTypeStorage
		}
		entries[i] = wgpu.BindGroupLayoutEntry{
			Binding: uint32(i), Visibility: wgpu.ShaderStageCompute, Buffer: wgpu.BufferBindingLayout{Type: t},
		}
	}
	layout, err := d.device.CreateBindGroupLayout(&wgpu.BindGroupLayoutDescriptor{Label: c.Name, Entries: entries})
	if err != nil {
		return d.fail("kernel "+c.Name, err)
	}
	pl, err := d.device.CreatePipelineLayout(&wgpu.PipelineLayoutDescriptor{
		Label: c.Name, BindGroupLayouts: []*wgpu.BindGroupLayout{layout},
	})
	if err != nil {
		layout.Release()
		return d.fail("kernel "+c.Name, err)
	}
	defer pl.Release()
	p, err := d.device.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Label: c.Name, Layout: pl, Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		layout.Release()
		return d.fail("kernel "+c.Name, err)
	}
	d.pipelines[c.Pipeline] = &pipeline{p, layout, c.Name, c.Bindings}
	return nil
}

func (d *Device) createBindGroup(c *gpu.Command) error {
	p, ok := d.pipelines[c.Pipeline]
	if !ok {
		return invalid("bind group", "pipeline %d does not exist", c.Pipeline)
	}
	if _, ok := d.groups[c.BindGroup]; ok || c.BindGroup == 0 {
		return invalid(p.name, "bind group handle %d is taken", c.BindGroup)
	}
	entries := make([]wgpu.BindGroupEntry, len(c.Entries))
	for i, e := range c.Entries {
		b, err := d.buffer(e.Buffer, e.Offset, e.Size, p.name)
		if err != nil {
			return err
		}
		entries[i] = wgpu.BindGroupEntry{
			Binding: uint32(i), Buffer: b.Buffer, Offset: uint64(e.Offset), Size: uint64(e.Size),
		}
	}
	g, err := d.device.CreateBindGroup(&wgpu.BindGroupDescriptor{Label: p.name, Layout: p.layout, Entries: entries})
	if err != nil {
		return d.fail("kernel "+p.name, err)
	}
	d.groups[c.BindGroup] = g
	return nil
}

// Destroying a missing object is no error: after a failed batch the caller cannot know which
// objects were created.
func (d *Device) destroyBuffer(c *gpu.Command) error {
	b, ok := d.buffers[c.Buffer]
	if !ok {
		return nil
	}
	if err := d.submit(); err != nil {
		return err
	}
	delete(d.buffers, c.Buffer)
	b.Destroy()
	b.Release()
	return nil
}

func (d *Device) destroyPipeline(c *gpu.Command) error {
	p, ok := d.pipelines[c.Pipeline]
	if !ok {
		return nil
	}
	if err := d.submit(); err != nil {
		return err
	}
	delete(d.pipelines, c.Pipeline)
	p.Release()
	p.layout.Release()
	return nil
}

func (d *Device) destroyBindGroup(c *gpu.Command) error {
	g, ok := d.groups[c.BindGroup]
	if !ok {
		return nil
	}
	// wgpu crashes if a group is released before its pass ends.
	if err := d.submit(); err != nil {
		return err
	}
	delete(d.groups, c.BindGroup)
	g.Release()
	return nil
}

// buffer resolves a handle and checks a range of the buffer.
func (d *Device) buffer(h gpu.Buffer, off, size int64, what string) (*buffer, error) {
	b, ok := d.buffers[h]
	if !ok {
		return nil, invalid(what, "buffer %d does not exist", h)
	}
	if off < 0 || size < 0 || off > b.size || size > b.size-off {
		return nil, invalid(what+" "+b.name, "bytes %d to %d of a buffer of %d", off, off+size, b.size)
	}
	if off%4 != 0 || size%4 != 0 {
		return nil, invalid(what+" "+b.name, "offset %d and size %d must be multiples of 4", off, size)
	}
	return b, nil
}

func (d *Device) enc() (*wgpu.CommandEncoder, error) {
	if d.encoder == nil {
		e, err := d.device.CreateCommandEncoder(nil)
		if err != nil {
			return nil, d.fail("command encoder", err)
		}
		d.encoder = e
	}
	return d.encoder, nil
}

func (d *Device) encOutsidePass() (*wgpu.CommandEncoder, error) {
	if err := d.endPass(); err != nil {
		return nil, err
	}
	return d.enc()
}

func (d *Device) endPass() error {
	if d.pass == nil {
		return nil
	}
	err := d.pass.End()
	d.pass.Release()
	d.pass = nil
	if err != nil {
		return d.fail("compute pass", err)
	}
	return nil
}

// submit submits the encoded commands.
func (d *Device) submit() error {
	if d.encoder == nil {
		return nil
	}
	if err := d.endPass(); err != nil {
		d.abandon()
		return err
	}
	cmd, err := d.encoder.Finish(nil)
	d.encoder.Release()
	d.encoder = nil
	if err != nil {
		return d.fail("command buffer", err)
	}
	d.last = d.queue.Submit(cmd)
	cmd.Release()
	return nil
}

// abandon drops the encoded commands.
func (d *Device) abandon() {
	if d.pass != nil {
		_ = d.pass.End()
		d.pass.Release()
		d.pass = nil
	}
	if d.encoder != nil {
		d.encoder.Release()
		d.encoder = nil
	}
}

func invalid(field, format string, args ...any) error {
	return fault.New(fault.Device, "command batch", field, format, args...).
		WithRemedy("this is a defect in the program: report it")
}

package abi

import (
	"encoding/binary"

	"nextquill/core/fault"
	"nextquill/core/gpu"
)

// MaxBindings limits the bindings of a pipeline or bind group. WebGPU allows a shader far fewer.
const MaxBindings = 64

// Decode reads an encoded batch into b, whose memory it reuses. Data of the commands is part of p:
// run the batch before p changes. Decode checks the form (lengths, operations, enumerations,
// signs), the device checks handles and ranges. For any p it does not panic, and its allocations
// are proportional to len(p).
func Decode(p []byte, b *gpu.Batch) error {
	b.Reset()
	if len(p) > MaxBatch {
		return fault.New(fault.TooLarge, "command batch", "", "%d bytes", len(p)).
			WithLimit("%d bytes", MaxBatch)
	}
	r := reader{p: p}
	for r.off < len(p) {
		if len(b.Commands) == MaxCommands {
			return fault.New(fault.TooLarge, "command batch", "", "more commands than a batch may have").
				WithLimit("%d", MaxCommands)
		}
		start := r.off
		var c gpu.Command
		if !r.command(&c) {
			return fault.New(fault.Malformed, "command batch", "", "command %d at byte %d (operation %d): %s",
				len(b.Commands), start, c.Op, r.problem).
				WithRemedy("build guest and host from the same source")
		}
		b.Commands = append(b.Commands, c)
	}
	return nil
}

// reader reads the words of a batch. After a problem it returns zeros.
type reader struct {
	p       []byte
	off     int
	problem string
}

func (r *reader) fail(problem string) {
	if r.problem == "" {
		r.problem = problem
	}
}

func (r *reader) word() uint32 {
	if len(r.p)-r.off < 4 || r.problem != "" {
		r.fail("truncated")
		return 0
	}
	v := binary.LittleEndian.Uint32(r.p[r.off:])
	r.off += 4
	return v
}

// long reads a 64-bit offset or size. A negative one comes from an overflow.
func (r *reader) long() int64 {
	low, high := r.word(), r.word()
	v := int64(uint64(high)<<32 | uint64(low))
	if v < 0 {
		r.fail("negative offset or size")
		return 0
	}
	return v
}

func (r *reader) bytes() []byte {
	n := int64(r.word())
	if r.problem != "" {
		return nil
	}
	padded := (n + 3) &^ 3
	if padded > int64(len(r.p)-r.off) {
		r.fail("length past the end")
		return nil
	}
	s := r.p[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(padded)
	return s
}

func (r *reader) command(c *gpu.Command) bool {
	op := r.word()
	if op > 255 {
		r.fail("unknown operation")
		return false
	}
	c.Op = gpu.Op(op)
	switch c.Op {
	case gpu.OpCreateBuffer:
		c.Buffer = gpu.Buffer(r.word())
		c.Size = r.long()
		c.Usage = gpu.Usage(r.word())
		c.Name = string(r.bytes())
		if c.Usage != gpu.Storage && c.Usage != gpu.Uniform {
			r.fail("unknown usage")
		}
	case gpu.OpDestroyBuffer:
		c.Buffer = gpu.Buffer(r.word())
	case gpu.OpWriteBuffer:
		c.Buffer = gpu.Buffer(r.word())
		c.Offset = r.long()
		c.Data = r.bytes()
	case gpu.OpClearBuffer:
		c.Buffer = gpu.Buffer(r.word())
		c.Offset = r.long()
		c.Size = r.long()
	case gpu.OpCopyBuffer:
		c.Source = gpu.Buffer(r.word())
		c.SourceOffset = r.long()
		c.Buffer = gpu.Buffer(r.word())
		c.Offset = r.long()
		c.Size = r.long()
	case gpu.OpCreatePipeline:
		c.Pipeline = gpu.Pipeline(r.word())
		c.Name = string(r.bytes())
		c.WGSL = string(r.bytes())
		c.Bindings = r.bindings()
	case gpu.OpDestroyPipeline:
		c.Pipeline = gpu.Pipeline(r.word())
	case gpu.OpCreateBindGroup:
		c.BindGroup = gpu.BindGroup(r.word())
		c.Pipeline = gpu.Pipeline(r.word())
		c.Entries = r.entries()
	case gpu.OpDestroyBindGroup:
		c.BindGroup = gpu.BindGroup(r.word())
	case gpu.OpDispatch:
		c.Pipeline = gpu.Pipeline(r.word())
		c.BindGroup = gpu.BindGroup(r.word())
		for i := range c.Groups {
			c.Groups[i] = r.word()
		}
	default:
		r.fail("unknown operation")
	}
	return r.problem == ""
}

// count reads the length of a list.
func (r *reader) count() int {
	n := r.word()
	if n > MaxBindings {
		r.fail("too many bindings")
		return 0
	}
	return int(n)
}

func (r *reader) bindings() []gpu.Access {
	list := make([]gpu.Access, r.count())
	for i := range list {
		a := r.word()
		if a < uint32(gpu.ReadUniform) || a > uint32(gpu.WriteStorage) {
			r.fail("unknown access")
			return nil
		}
		list[i] = gpu.Access(a)
	}
	return list
}

func (r *reader) entries() []gpu.Entry {
	list := make([]gpu.Entry, r.count())
	for i := range list {
		list[i] = gpu.Entry{Buffer: gpu.Buffer(r.word()), Offset: r.long(), Size: r.long()}
	}
	return list
}

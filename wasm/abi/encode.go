package abi

import (
	"encoding/binary"
	"fmt"
	"iter"

	"nextquill/core/gpu"
)

// Encoder encodes batches and reuses its memory.
type Encoder struct {
	buf   []byte
	count int
}

// Parts encodes a batch as one or more of at most MaxBatch bytes, to be submitted in this order. It
// splits long writes. A part is valid until the next iteration. A command that fits in no batch,
// such as a shader of megabytes, panics.
func (e *Encoder) Parts(b *gpu.Batch) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		e.buf, e.count = e.buf[:0], 0
		for i := range b.Commands {
			c := b.Commands[i]
			for c.Op == gpu.OpWriteBuffer && len(c.Data) > maxWrite {
				head := c
				head.Data = c.Data[:maxWrite]
				if !e.add(&head, yield) {
					return
				}
				c.Data = c.Data[maxWrite:]
				c.Offset += maxWrite
			}
			if !e.add(&c, yield) {
				return
			}
		}
		if len(e.buf) > 0 {
			yield(e.buf)
		}
	}
}

// maxWrite limits the data of one write command. It is much smaller than MaxBatch to keep the
// encoder's buffer small: WASM memory does not shrink.
const maxWrite = 1 << 20

// fill is the size at which a part ends. The device works on it while the next one is encoded.
const fill = 2 << 20

// add appends a command. It first yields the current part if the command would make it too long.
func (e *Encoder) add(c *gpu.Command, yield func([]byte) bool) bool {
	size := encodedLen(c)
	if size > MaxBatch {
		panic(fmt.Sprintf("abi: command %q of %d bytes", c.Name, size))
	}
	if e.count > 0 && (len(e.buf)+size > fill || e.count == MaxCommands) {
		if !yield(e.buf) {
			return false
		}
		e.buf, e.count = e.buf[:0], 0
	}
	e.count++
	e.buf = Append(e.buf, c)
	return true
}

// Append appends the encoding of one command to dst; README.md describes it. An unknown operation
// panics.
func Append(dst []byte, c *gpu.Command) []byte {
	dst = word(dst, uint32(c.Op))
	switch c.Op {
	case gpu.OpCreateBuffer:
		dst = word(dst, uint32(c.Buffer))
		dst = long(dst, c.Size)
		dst = word(dst, uint32(c.Usage))
		return text(dst, c.Name)
	case gpu.OpDestroyBuffer:
		return word(dst, uint32(c.Buffer))
	case gpu.OpWriteBuffer:
		dst = word(dst, uint32(c.Buffer))
		dst = long(dst, c.Offset)
		return text(dst, c.Data)
	case gpu.OpClearBuffer:
		dst = word(dst, uint32(c.Buffer))
		dst = long(dst, c.Offset)
		return long(dst, c.Size)
	case gpu.OpCopyBuffer:
		dst = word(dst, uint32(c.Source))
		dst = long(dst, c.SourceOffset)
		dst = word(dst, uint32(c.Buffer))
		dst = long(dst, c.Offset)
		return long(dst, c.Size)
	case gpu.OpCreatePipeline:
		dst = word(dst, uint32(c.Pipeline))
		dst = text(dst, c.Name)
		dst = text(dst, c.WGSL)
		dst = word(dst, uint32(len(c.Bindings)))
		for _, a := range c.Bindings {
			dst = word(dst, uint32(a))
		}
		return dst
	case gpu.OpDestroyPipeline:
		return word(dst, uint32(c.Pipeline))
	case gpu.OpCreateBindGroup:
		dst = word(dst, uint32(c.BindGroup))
		dst = word(dst, uint32(c.Pipeline))
		dst = word(dst, uint32(len(c.Entries)))
		for _, e := range c.Entries {
			dst = word(dst, uint32(e.Buffer))
			dst = long(dst, e.Offset)
			dst = long(dst, e.Size)
		}
		return dst
	case gpu.OpDestroyBindGroup:
		return word(dst, uint32(c.BindGroup))
	case gpu.OpDispatch:
		dst = word(dst, uint32(c.Pipeline))
		dst = word(dst, uint32(c.BindGroup))
		for _, n := range c.Groups {
			dst = word(dst, n)
		}
		return dst
	}
	panic(fmt.Sprintf("abi: unknown operation %d", c.Op))
}

// encodedLen is an upper bound of the length that Append adds.
func encodedLen(c *gpu.Command) int {
	const fixed = 12 * 4 // no command has more words outside its lists
	return fixed + len(c.Name) + len(c.WGSL) + len(c.Data) + 3*4 + 4*len(c.Bindings) + entryBytes*len(c.Entries)
}

const entryBytes = 20

func word(dst []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(dst, v) }

func long(dst []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(dst, uint64(v)) }

// text appends a length and the bytes, padded with zeros to whole words.
func text[T string | []byte](dst []byte, s T) []byte {
	dst = word(dst, uint32(len(s)))
	dst = append(dst, s...)
	return append(dst, "\x00\x00\x00"[:-len(s)&3]...)
}

package gpu

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Context creates objects on one Device, caches pipelines by their text and Shapes by their
// content, and counts the memory in use. It is not safe for concurrent use: a device has one queue.
type Context struct {
	dev       Device
	batch     Batch
	nextBuf   Buffer
	nextPipe  Pipeline
	nextGroup BindGroup
	live      map[Buffer]liveBuffer
	bytes     int64
	peak      int64
	pipelines map[string]Pipeline // by text
	byName    map[string]Pipeline // by the names of their programs
	shapes    map[Shape]*sharedShape
	groups    map[BindGroup]struct{}
	pace      *pacer
	// OnCompile, if not nil, is called while a plan compiles, after the commands for each of its
	// total new pipelines were submitted. A device may still be compiling them: see Wait. An error
	// ends the compilation.
	OnCompile func(done, total int) error
}

// sharedShape is the uniform buffer of a Shape, and the number of its users.
type sharedShape struct {
	buffer Buffer
	users  int
}

type liveBuffer struct {
	name string
	size int64
}

// NewContext returns a context that owns all objects it creates on dev.
func NewContext(dev Device) *Context {
	return &Context{
		dev:       dev,
		live:      map[Buffer]liveBuffer{},
		pipelines: map[string]Pipeline{},
		byName:    map[string]Pipeline{},
		shapes:    map[Shape]*sharedShape{},
		groups:    map[BindGroup]struct{}{},
		pace:      newPacer(dev),
	}
}

// Device returns the device below.
func (c *Context) Device() Device { return c.dev }

// Info returns the device's limits and features.
func (c *Context) Info() Info { return c.dev.Info() }

// NewBuffer creates a zeroed buffer of size bytes, rounded up to 16 (a vec4).
func (c *Context) NewBuffer(name string, size int64, usage Usage) Buffer {
	size = max(16, (size+15)&^15)
	c.nextBuf++
	c.live[c.nextBuf] = liveBuffer{name, size}
	c.bytes += size
	c.peak = max(c.peak, c.bytes)
	c.batch.add(Command{Op: OpCreateBuffer, Buffer: c.nextBuf, Size: size, Usage: usage, Name: name})
	return c.nextBuf
}

// Free destroys a buffer. It panics if the buffer was freed before or belongs to another context,
// because the handle might now name a different buffer.
func (c *Context) Free(b Buffer) {
	l, ok := c.live[b]
	if !ok {
		panic(fmt.Sprintf("gpu: buffer %d freed twice or never created", b))
	}
	c.bytes -= l.size
	delete(c.live, b)
	c.batch.add(Command{Op: OpDestroyBuffer, Buffer: b})
}

// Write queues a write of data at byte off. The length of data is a multiple of 4. The context
// keeps data until the next Flush.
func (c *Context) Write(b Buffer, off int64, data []byte) {
	c.batch.add(Command{Op: OpWriteBuffer, Buffer: b, Offset: off, Data: data})
}

// WriteF32 queues a write of values at byte off, in little-endian order.
func (c *Context) WriteF32(b Buffer, off int64, values []float32) {
	c.Write(b, off, F32Bytes(values))
}

// WriteU32 queues a write of values at byte off, in little-endian order.
func (c *Context) WriteU32(b Buffer, off int64, values []uint32) {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], v)
	}
	c.Write(b, off, data)
}

// Clear queues zeroing size bytes from byte off on; both are multiples of 4.
func (c *Context) Clear(b Buffer, off, size int64) {
	c.batch.add(Command{Op: OpClearBuffer, Buffer: b, Offset: off, Size: size})
}

// Copy queues a copy of size bytes between two different buffers.
func (c *Context) Copy(src Buffer, srcOff int64, dst Buffer, dstOff, size int64) {
	c.batch.add(Command{Op: OpCopyBuffer, Source: src, SourceOffset: srcOff, Buffer: dst, Offset: dstOff, Size: size})
}

// Flush submits the queued commands.
func (c *Context) Flush() error {
	if len(c.batch.Commands) == 0 {
		return nil
	}
	err := c.dev.Submit(&c.batch)
	c.batch.Reset()
	c.pace.submitted()
	return err
}

// flush submits the queued commands, and waits until the device is at most a few submits behind.
// When ctx is done it returns a fault of kind Cancelled.
func (c *Context) flush(ctx context.Context) error {
	if err := c.Flush(); err != nil {
		return err
	}
	return c.pace.wait(ctx)
}

// Read flushes, waits, and copies len(dst) bytes of b from byte off on.
func (c *Context) Read(ctx context.Context, b Buffer, off int, dst []byte) error {
	if err := c.Flush(); err != nil {
		return err
	}
	begun := time.Now()
	if err := c.dev.Read(ctx, b, off, dst); err != nil {
		return err
	}
	c.pace.finished(len(c.pace.queue), begun)
	return nil
}

// readPiece is the number of values that ReadF32 converts at a time. An adapter has millions.
const readPiece = 1 << 20

// ReadF32 flushes, waits, and returns n values of b from byte off on.
func (c *Context) ReadF32(ctx context.Context, b Buffer, off, n int) ([]float32, error) {
	values := make([]float32, n)
	raw := make([]byte, 4*min(n, readPiece))
	for done := 0; done == 0 || done < n; done += readPiece {
		piece := values[done:min(n, done+readPiece)]
		if err := c.Read(ctx, b, off+4*done, raw[:4*len(piece)]); err != nil {
			return nil, err
		}
		decodeF32(piece, raw)
	}
	return values, nil
}

// Load flushes and copies n bytes of a blob into b; see Device.Load.
func (c *Context) Load(ctx context.Context, blob string, src int64, n int, b Buffer, dst int) error {
	if err := c.Flush(); err != nil {
		return err
	}
	return c.dev.Load(ctx, blob, src, n, b, dst)
}

// Wait flushes and returns when the device has run all commands and compiled all pipelines.
func (c *Context) Wait(ctx context.Context) error {
	// Fence comes first: its read updates the pacer, and dev.Wait does not.
	if err := c.Fence(ctx); err != nil {
		return err
	}
	return c.dev.Wait(ctx, 0)
}

// Fence flushes and returns when the device has run all commands. Pipelines that no command uses
// may still be compiling.
func (c *Context) Fence(ctx context.Context) error {
	fence := c.shape(Shape{})
	defer c.releaseShape(Shape{})
	var word [4]byte
	return c.Read(ctx, fence, 0, word[:])
}

// LiveBuffers is the number of buffers that exist, without those of Shapes.
func (c *Context) LiveBuffers() int { return len(c.live) - len(c.shapes) }

// LiveBytes is the size of all buffers that exist.
func (c *Context) LiveBytes() int64 { return c.bytes }

// PeakBytes is the largest LiveBytes so far.
func (c *Context) PeakBytes() int64 { return c.peak }

// Close destroys all objects. It returns the names of the buffers that their owners did not free.
func (c *Context) Close() (leaked []string, err error) {
	for g := range c.groups {
		c.batch.add(Command{Op: OpDestroyBindGroup, BindGroup: g})
	}
	clear(c.groups)
	for _, p := range c.pipelines {
		c.batch.add(Command{Op: OpDestroyPipeline, Pipeline: p})
	}
	clear(c.pipelines)
	c.pace = newPacer(c.dev)
	clear(c.byName)
	for _, s := range c.shapes {
		c.Free(s.buffer)
	}
	clear(c.shapes)
	for b, l := range c.live {
		leaked = append(leaked, l.name)
		c.Free(b)
	}
	return leaked, c.Flush()
}

// shape returns the uniform buffer that holds s. Its user calls releaseShape.
func (c *Context) shape(s Shape) Buffer {
	shared := c.shapes[s]
	if shared == nil {
		shared = &sharedShape{buffer: c.NewBuffer("shape", int64(4*len(s)), Uniform)}
		c.WriteU32(shared.buffer, 0, s[:])
		c.shapes[s] = shared
	}
	shared.users++
	return shared.buffer
}

// releaseShape destroys the buffer of s after its last user. Close has destroyed all of them.
func (c *Context) releaseShape(s Shape) {
	shared := c.shapes[s]
	if shared == nil {
		return
	}
	if shared.users--; shared.users == 0 {
		c.Free(shared.buffer)
		delete(c.shapes, s)
	}
}

// pipeline returns the compiled form of p. Programs whose texts are equal share it.
func (c *Context) pipeline(p *Program) (Pipeline, error) {
	if h, ok := c.byName[p.Name]; ok {
		return h, nil
	}
	text, err := p.Source()
	if err != nil {
		return 0, fmt.Errorf("gpu: %s: %w", p.Name, err)
	}
	h, ok := c.pipelines[text]
	if !ok {
		c.nextPipe++
		h = c.nextPipe
		c.batch.add(Command{Op: OpCreatePipeline, Pipeline: h, Name: p.Name, WGSL: text, Bindings: p.bindings()})
		c.pipelines[text] = h
	}
	c.byName[p.Name] = h
	return h, nil
}

func (c *Context) bindGroup(p Pipeline, entries []Entry) BindGroup {
	c.nextGroup++
	c.groups[c.nextGroup] = struct{}{}
	c.batch.add(Command{Op: OpCreateBindGroup, BindGroup: c.nextGroup, Pipeline: p, Entries: entries})
	return c.nextGroup
}

func (c *Context) freeBindGroup(g BindGroup) {
	delete(c.groups, g)
	c.batch.add(Command{Op: OpDestroyBindGroup, BindGroup: g})
}

// F32Bytes encodes values in little-endian order.
func F32Bytes(values []float32) []byte {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return data
}

// BytesF32 decodes little-endian float32 values; it ignores an incomplete value at the end.
func BytesF32(data []byte) []float32 {
	values := make([]float32, len(data)/4)
	decodeF32(values, data)
	return values
}

func decodeF32(values []float32, data []byte) {
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
}

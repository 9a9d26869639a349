package conformance

import (
	"bytes"
	"encoding/binary"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/gpu"
)

var cases = append(gpuCases, append(blobCases, hostCases...)...)

var gpuCases = []testCase{
	{"gpu: the device is described and sufficient", func(t *test) {
		i := t.gpu.Info()
		t.check(i.Name != "" && i.Backend != "", "no name: %+v", i)
		t.check(i.MaxBindingSize >= gpu.RequiredBindingSize && i.MaxBufferSize >= gpu.RequiredBufferSize &&
			i.MaxStorageBuffers >= gpu.RequiredStorageBuffers && i.MaxInvocations >= gpu.RequiredInvocations &&
			i.MaxWorkgroupMemory >= gpu.RequiredWorkgroupBytes, "less than WebGPU's defaults: %+v", i)
		alignment := i.StorageOffsetAlignment
		t.check(alignment > 0 && alignment <= 256, "alignment %d", alignment)
		t.check(i.MaxGroupsPerDimension >= 65535, "groups per dimension %d", i.MaxGroupsPerDimension)
	}},
	{"gpu: a new buffer is zero", func(t *test) {
		t.check(bytes.Equal(t.words(t.buffer(1000), 0, 1000), make([]byte, 4000)), "it is not")
	}},
	{"gpu: what is written is read, at an offset too", func(t *test) {
		b := t.buffer(64)
		t.gpu.Write(b, 20, []byte("abcdefgh"))
		t.check(string(t.words(b, 16, 4)) == "\x00\x00\x00\x00abcdefgh\x00\x00\x00\x00", "it is not")
		t.check(string(t.words(b, 24, 1)) == "efgh", "at an offset it is not")
		t.must(t.gpu.Read(t, b, 0, nil))
	}},
	{"gpu: one batch runs in order", func(t *test) {
		a, b := t.buffer(4), t.buffer(4)
		t.gpu.Write(a, 0, []byte("1111222233334444"))
		t.gpu.Copy(a, 4, b, 0, 8)
		t.gpu.Write(a, 4, []byte("5555"))
		t.gpu.Copy(a, 4, b, 8, 4)
		t.gpu.Clear(a, 0, 4)
		t.gpu.Copy(a, 0, b, 12, 4)
		t.check(string(t.words(b, 0, 4)) == "222233335555\x00\x00\x00\x00", "got %q", t.words(b, 0, 4))
		t.check(string(t.words(a, 0, 4)) == "\x00\x00\x00\x00555533334444", "got %q", t.words(a, 0, 4))
	}},
	{"gpu: dispatches see each other's results", func(t *test) {
		b := t.buffer(1000)
		t.gpu.WriteU32(b, 0, count(1000))
		p := doubling(t, b, 1000)
		defer p.Free()
		t.must(p.Compile())
		t.must(p.Run(t, &gpu.Replay{}, nil))
		got := t.words(b, 0, 1000)
		for i := range 1000 {
			v := binary.LittleEndian.Uint32(got[4*i:])
			t.check(v == uint32(8*i), "word %d is %d, not %d", i, v, 8*i)
		}
	}},
	{"gpu: a buffer freed in the batch that uses it", func(t *test) {
		b := t.buffer(4)
		temp := t.gpu.NewBuffer("temporary", 16, gpu.Storage)
		t.gpu.Write(temp, 0, []byte("0123456789abcdef"))
		t.gpu.Copy(temp, 0, b, 0, 16)
		t.gpu.Free(temp)
		t.check(string(t.words(b, 0, 4)) == "0123456789abcdef", "got %q", t.words(b, 0, 4))
	}},
	{"gpu: 9 MiB through one batch", func(t *test) {
		const words = 9<<18 + 4
		data := pattern(4 * words)
		b := t.buffer(words)
		t.gpu.Write(b, 0, data)
		t.check(bytes.Equal(t.words(b, 0, words), data), "the bytes differ")
	}},
	{"gpu: a shader that does not compile", func(t *test) {
		err := submitAndWait(t, gpu.Command{
			Op: gpu.OpCreatePipeline, Pipeline: badHandle, Name: "broken kernel", WGSL: "fn main( {",
			Bindings: []gpu.Access{gpu.WriteStorage},
		})
		t.refused(err, "the shader", fault.Device)
		t.check(strings.Contains(err.Error(), "broken kernel"), "the kernel is not named: %v", err)
		t.check(string(t.words(t.buffer(4), 0, 1)) == "\x00\x00\x00\x00", "the device is not usable afterwards")
	}},
	{"gpu: commands on what does not exist", func(t *test) {
		for _, c := range []gpu.Command{
			{Op: gpu.OpWriteBuffer, Buffer: badHandle, Data: make([]byte, 4)},
			{Op: gpu.OpClearBuffer, Buffer: badHandle, Size: 4},
			{Op: gpu.OpCopyBuffer, Source: badHandle, Buffer: badHandle + 1, Size: 4},
			{Op: gpu.OpDispatch, Pipeline: badHandle, BindGroup: badHandle, Groups: [3]uint32{1, 1, 1}},
			{Op: gpu.OpCreateBindGroup, Pipeline: badHandle, BindGroup: badHandle},
		} {
			t.refused(submitAndWait(t, c), "operation "+string('0'+rune(c.Op)), fault.Device)
		}
		t.refused(t.gpu.Device().Read(t, badHandle, 0, make([]byte, 4)), "read", fault.Device)
	}},
	{"gpu: destroying twice is harmless", func(t *test) {
		t.must(submitAndWait(t, gpu.Command{Op: gpu.OpDestroyBuffer, Buffer: badHandle}))
		t.must(submitAndWait(t, gpu.Command{Op: gpu.OpDestroyPipeline, Pipeline: badHandle}))
		t.must(submitAndWait(t, gpu.Command{Op: gpu.OpDestroyBindGroup, BindGroup: badHandle}))
	}},
	{"gpu: after a failed command only destructions run", func(t *test) {
		a, b := t.buffer(4), t.gpu.NewBuffer("destroyed", 16, gpu.Storage)
		t.gpu.Write(a, 0, []byte("12345678"))
		t.must(t.gpu.Wait(t))
		dev := t.gpu.Device()
		err := dev.Submit(&gpu.Batch{Commands: []gpu.Command{
			{Op: gpu.OpCopyBuffer, Source: a, Buffer: badHandle, Size: 4},
			{Op: gpu.OpClearBuffer, Buffer: a, Size: 8},
			{Op: gpu.OpDestroyBuffer, Buffer: b},
		}})
		if err == nil {
			err = t.gpu.Wait(t)
		}
		t.refused(err, "the copy", fault.Device)
		t.check(string(t.words(a, 0, 2)) == "12345678", "the command after it ran")
		t.refused(dev.Read(t, b, 0, make([]byte, 4)), "the buffer destroyed after it", fault.Device)
		t.gpu.Free(b)
	}},
	{"gpu: ranges outside a buffer", func(t *test) {
		b := t.buffer(4)
		t.must(t.gpu.Flush())
		for _, c := range []gpu.Command{
			{Op: gpu.OpWriteBuffer, Buffer: b, Offset: 12, Data: make([]byte, 8)},
			{Op: gpu.OpWriteBuffer, Buffer: b, Offset: 2, Data: make([]byte, 4)},
			{Op: gpu.OpClearBuffer, Buffer: b, Offset: 8, Size: 1 << 40},
		} {
			t.refused(submitAndWait(t, c), "a range", fault.Device)
		}
		for _, off := range []int{16, 1 << 40, 2} {
			t.refused(t.gpu.Device().Read(t, b, off, make([]byte, 4)), "read", fault.Device)
		}
	}},
	{"gpu: a buffer larger than the device allows", func(t *test) {
		err := submitAndWait(t, gpu.Command{
			Op: gpu.OpCreateBuffer, Buffer: badHandle, Size: 1 << 50, Usage: gpu.Storage, Name: "huge",
		})
		t.refused(err, "the buffer", fault.DeviceLimit)
	}},
	{"gpu: waiting until few batches are unfinished", func(t *test) {
		b := t.buffer(1 << 16)
		p := doubling(t, b, 1<<16)
		defer p.Free()
		t.must(p.Compile())
		dev := t.gpu.Device()
		t.must(dev.Wait(t, 0))
		t.must(dev.Wait(t, 0))
		t.gpu.WriteU32(b, 0, count(1<<16))
		for range 3 {
			t.must(p.Run(t, &gpu.Replay{}, nil))
			t.must(dev.Wait(t, 5))
		}
		t.must(dev.Wait(t, 1))
		t.must(p.Run(t, &gpu.Replay{}, nil))
		t.must(dev.Wait(t, 1<<31-1))
		t.must(dev.Wait(t, 0))
		got := t.words(b, 4*1000, 1)
		v := binary.LittleEndian.Uint32(got)
		t.check(v == 1000<<12, "the word is %d, not %d", v, 1000<<12)
	}},
	{"gpu: round trips", func(t *test) {
		b := t.buffer(4)
		word := make([]byte, 4)
		for i := range t.params.RoundTrips {
			t.gpu.WriteU32(b, 0, []uint32{uint32(i)})
			t.must(t.gpu.Read(t, b, 0, word))
			t.check(binary.LittleEndian.Uint32(word) == uint32(i), "round trip %d gave %x", i, word)
		}
	}},
}

// badHandle is not a handle of the context: those are dense from 1 on.
const badHandle = 1 << 30

// submitAndWait runs a command without the context, and returns its error. A host may report it as
// late as at the next operation that waits.
func submitAndWait(t *test, c gpu.Command) error {
	t.must(t.gpu.Wait(t))
	if err := t.gpu.Device().Submit(&gpu.Batch{Commands: []gpu.Command{c}}); err != nil {
		return err
	}
	return t.gpu.Wait(t)
}

// doubling is a plan that doubles the n words of b three times.
func doubling(t *test, b gpu.Buffer, n int) *gpu.Plan {
	const text = `
struct Shape { n: u32, factor: f32, }
struct Dyn { tokens: u32, }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<uniform> dyn: Dyn;
@group(0) @binding(2) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < shape.n && dyn.tokens == 0u) { x[id.x] = x[id.x] * u32(shape.factor); }
}`
	program := &gpu.Program{
		Name: "conformance doubling", Args: []gpu.Access{gpu.WriteStorage},
		Source: func() (string, error) { return text, nil },
	}
	p := t.gpu.NewPlan("conformance")
	x := gpu.Persistent("x", b, 0, int64(4*n))
	for range 3 {
		p.Add(gpu.Dispatch{
			Program: program, Shape: gpu.Shape{uint32(n), gpu.F(2)}, Args: []*gpu.Tensor{x},
			Groups: func(*gpu.Replay) [3]uint32 { return [3]uint32{uint32(n+63) / 64, 1, 1} },
		})
	}
	return p
}

func count(n int) []uint32 {
	v := make([]uint32, n)
	for i := range v {
		v[i] = uint32(i)
	}
	return v
}

// pattern returns n pseudorandom bytes.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(2463534242)
	for i := range p {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p[i] = byte(x)
	}
	return p
}

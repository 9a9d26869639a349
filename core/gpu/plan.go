package gpu

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Tensor is a range of device memory that kernels read or write. A persistent tensor names a range
// of a buffer. A temporary tensor gets its memory when its plan is compiled, and shares it with
// temporaries that are not in use at the same time.
type Tensor struct {
	Name  string
	Bytes int64

	buffer Buffer
	offset int64

	temp        bool
	first, last int
	slot        int
}

// Persistent describes a range of an existing buffer, in bytes. off is a multiple of
// OffsetAlign.
func Persistent(name string, b Buffer, off, bytes int64) *Tensor {
	if off%OffsetAlign != 0 {
		panic(fmt.Sprintf("gpu: %s: offset %d is no multiple of %d", name, off, OffsetAlign))
	}
	return &Tensor{Name: name, Bytes: max(4, bytes), buffer: b, offset: off}
}

// Handle returns the tensor's buffer and byte offset. The buffer of a temporary is 0 until its plan
// is compiled.
func (t *Tensor) Handle() (Buffer, int64) { return t.buffer, t.offset }

// Slice is a range of a persistent tensor, in bytes. off is a multiple of OffsetAlign.
func (t *Tensor) Slice(off, bytes int64) *Tensor {
	if t.temp || off < 0 || off+bytes > t.Bytes {
		panic(fmt.Sprintf("gpu: no slice %d+%d of %s (%d bytes)", off, bytes, t.Name, t.Bytes))
	}
	return Persistent(t.Name, t.buffer, t.offset+off, bytes)
}

// Dispatch is one kernel call in a plan.
type Dispatch struct {
	Program *Program
	Shape   Shape
	Args    []*Tensor
	// First is the word of the Shape that holds the number of workgroups before those of the
	// dispatch. A replay that would take long is divided into several dispatches that differ in
	// this word. 0 means that the kernel has no such word.
	First int
	// Groups returns the workgroup counts of a replay. If one is 0, the replay skips the dispatch.
	Groups func(r *Replay) [3]uint32
	// Flops estimates the work of a replay. Plan.Run splits submits by it and by the speed that it
	// measures, and benchmarks report it. nil counts as 0.
	Flops func(r *Replay) float64
}

type stepKind uint8

const (
	stepDispatch stepKind = iota
	stepClear
	stepCopy
)

type step struct {
	kind     stepKind
	dispatch Dispatch
	pipeline Pipeline
	group    BindGroup
	parts    map[uint32]BindGroup // of the parts after the first, by their first workgroup
	dst, src *Tensor
	size     int64
}

// maxParts bounds the bind groups of the parts of one dispatch. How a dispatch is divided changes
// with its number of workgroups and with the speed of the device.
const maxParts = 64

// Plan is a recorded sequence of dispatches, clears and copies. It is recorded once, compiled once,
// and replayed with different Replay values and data. Replays allocate nothing on the device but
// the Shapes of divided dispatches, at most maxParts for each.
type Plan struct {
	ctx     *Context
	name    string
	steps   []step
	temps   []*Tensor
	slots   []Buffer
	replay  Buffer
	pinned  []*Tensor
	scratch int64
	// compiled is the number of new pipelines so far.
	compiled int
	done     bool
}

// NewPlan starts recording.
func (c *Context) NewPlan(name string) *Plan {
	return &Plan{ctx: c, name: name}
}

// Temp declares a temporary tensor, its size in bytes. Its content is undefined until a dispatch,
// Clear or Copy writes it.
func (p *Plan) Temp(name string, bytes int64) *Tensor {
	t := &Tensor{Name: name, Bytes: max(4, bytes), temp: true, first: -1}
	p.temps = append(p.temps, t)
	return t
}

// Pin reserves the memory of a temporary for the complete plan, so that it can be written before a
// replay and read after it.
func (p *Plan) Pin(t *Tensor) *Tensor {
	p.pinned = append(p.pinned, t)
	return t
}

// Add records a dispatch. It panics if the number of tensors differs from that of the program.
func (p *Plan) Add(d Dispatch) {
	if len(d.Args) != len(d.Program.Args) {
		panic(fmt.Sprintf("gpu: %s takes %d buffers, got %d", d.Program.Name, len(d.Program.Args), len(d.Args)))
	}
	for i, t := range d.Args {
		if t == nil {
			panic(fmt.Sprintf("gpu: %s: buffer %d is nil", d.Program.Name, i))
		}
		p.touch(t)
	}
	p.steps = append(p.steps, step{kind: stepDispatch, dispatch: d})
}

// Clear records zeroing a tensor.
func (p *Plan) Clear(t *Tensor) {
	p.touch(t)
	p.steps = append(p.steps, step{kind: stepClear, dst: t, size: (t.Bytes + 3) &^ 3})
}

// Copy records copying bytes from the start of src to the start of dst.
func (p *Plan) Copy(dst, src *Tensor, bytes int64) {
	p.touch(dst)
	p.touch(src)
	p.steps = append(p.steps, step{kind: stepCopy, dst: dst, src: src, size: bytes})
}

func (p *Plan) touch(t *Tensor) {
	if p.done {
		panic("gpu: plan " + p.name + " is compiled already")
	}
	if !t.temp {
		return
	}
	if t.first < 0 {
		t.first = len(p.steps)
	}
	t.last = len(p.steps)
}

// Compile assigns the memory of all temporaries and compiles all shaders. Errors are those of
// templates, and *fault.Error where the device's limits are too small.
//
// Each temporary gets a slot, which is one buffer. After the last use of a tensor, its slot serves
// the next. Slots are separate buffers and not ranges of one, because WebGPU refuses a dispatch
// that reads and writes the same buffer.
func (p *Plan) Compile() error {
	for _, t := range p.pinned {
		t.first, t.last = 0, len(p.steps)
	}
	p.assignSlots()
	p.replay = p.ctx.NewBuffer(p.name+".replay", 4*ReplayWords, Uniform)
	total := p.newPipelines()
	for i := range p.steps {
		s := &p.steps[i]
		if s.kind != stepDispatch {
			continue
		}
		if err := p.check(&s.dispatch); err != nil {
			return err
		}
		if err := p.pipeline(s, total); err != nil {
			return err
		}
		s.group = p.bind(s, s.dispatch.Shape)
	}
	p.done = true
	return p.ctx.Flush()
}

// newPipelines is the number of programs that the context has not compiled.
func (p *Plan) newPipelines() int {
	names := map[string]bool{}
	for _, s := range p.steps {
		if s.kind == stepDispatch && p.ctx.byName[s.dispatch.Program.Name] == 0 {
			names[s.dispatch.Program.Name] = true
		}
	}
	return len(names)
}

// pipeline compiles the program of a dispatch, and reports it if it is one of the total new ones.
func (p *Plan) pipeline(s *step, total int) (err error) {
	known := len(p.ctx.byName)
	if s.pipeline, err = p.ctx.pipeline(s.dispatch.Program); err != nil {
		return err
	}
	if len(p.ctx.byName) == known || p.ctx.OnCompile == nil {
		return nil
	}
	if err := p.ctx.Flush(); err != nil {
		return err
	}
	p.compiled++
	return p.ctx.OnCompile(p.compiled, total)
}

// bind creates the bind group of a dispatch with a Shape. unbind destroys it.
func (p *Plan) bind(s *step, shape Shape) BindGroup {
	entries := []Entry{
		{p.ctx.shape(shape), 0, 4 * ShapeWords},
		{p.replay, 0, 4 * ReplayWords},
	}
	for _, t := range s.dispatch.Args {
		entries = append(entries, Entry{t.buffer, t.offset, (t.Bytes + 15) &^ 15})
	}
	return p.ctx.bindGroup(s.pipeline, entries)
}

func (p *Plan) unbind(g BindGroup, shape Shape) {
	p.ctx.freeBindGroup(g)
	p.ctx.releaseShape(shape)
}

// partShape is the Shape of the part of a dispatch that starts at a workgroup.
func (s *step) partShape(first uint32) Shape {
	shape := s.dispatch.Shape
	if first > 0 {
		shape[s.dispatch.First] += first
	}
	return shape
}

// freeParts destroys the bind groups of the parts of a dispatch.
func (p *Plan) freeParts(s *step) {
	for first, g := range s.parts {
		p.unbind(g, s.partShape(first))
	}
	clear(s.parts)
}

// part returns the bind group of the part of a dispatch that starts at a workgroup.
func (p *Plan) part(s *step, first uint32) BindGroup {
	if first == 0 {
		return s.group
	}
	g, ok := s.parts[first]
	if !ok {
		if len(s.parts) == maxParts {
			p.freeParts(s)
		}
		g = p.bind(s, s.partShape(first))
		if s.parts == nil {
			s.parts = map[uint32]BindGroup{}
		}
		s.parts[first] = g
	}
	return g
}

func (p *Plan) assignSlots() {
	type slot struct {
		size int64
		free int // first step at which it can be reused
	}
	temps := make([]*Tensor, 0, len(p.temps))
	for _, t := range p.temps {
		if t.first >= 0 {
			temps = append(temps, t)
		}
	}
	slices.SortStableFunc(temps, func(a, b *Tensor) int { return cmp.Compare(a.first, b.first) })
	var slots []slot
	for _, t := range temps {
		best := -1
		for i, s := range slots {
			if s.free > t.first {
				continue
			}
			// The smallest slot that holds t, else the largest one, which grows least.
			if best < 0 || better(s.size, slots[best].size, t.Bytes) {
				best = i
			}
		}
		if best < 0 {
			slots = append(slots, slot{})
			best = len(slots) - 1
		}
		slots[best].size = max(slots[best].size, t.Bytes)
		slots[best].free = t.last + 1
		t.slot = best
	}
	p.slots = make([]Buffer, len(slots))
	for i, s := range slots {
		p.slots[i] = p.ctx.NewBuffer(fmt.Sprintf("%s.slot%d", p.name, i), s.size, Storage)
		p.scratch += s.size
	}
	for _, t := range temps {
		t.buffer = p.slots[t.slot]
	}
}

// better tells whether a slot of size a is a better choice for need bytes than one of size b.
func better(a, b, need int64) bool {
	if a >= need && b >= need {
		return a < b
	}
	return a > b
}

// check finds what WebGPU would refuse, so that the error can name the kernel.
func (p *Plan) check(d *Dispatch) error {
	info := p.ctx.Info()
	if len(d.Program.Args) > info.MaxStorageBuffers {
		return limitError(d.Program.Name, "storage buffers per stage", int64(len(d.Program.Args)),
			int64(info.MaxStorageBuffers))
	}
	type rng struct {
		t *Tensor
		a Access
	}
	byBuffer := map[Buffer]rng{}
	for i, t := range d.Args {
		if t.buffer == 0 {
			return fmt.Errorf("gpu: %s: %s has no memory: it was never written", d.Program.Name, t.Name)
		}
		if t.Bytes > info.MaxBindingSize {
			return limitError(d.Program.Name+": "+t.Name, "bytes per storage binding", t.Bytes, info.MaxBindingSize)
		}
		a := d.Program.Args[i]
		if o, ok := byBuffer[t.buffer]; ok && (a == WriteStorage || o.a == WriteStorage) {
			return fmt.Errorf("gpu: %s: %s and %s share a buffer that it writes", d.Program.Name, o.t.Name, t.Name)
		}
		byBuffer[t.buffer] = rng{t, a}
	}
	return nil
}

// ScratchBytes is the size of the memory for temporaries.
func (p *Plan) ScratchBytes() int64 { return p.scratch }

// Dispatches is the number of dispatches of one replay with r.
func (p *Plan) Dispatches(r *Replay) (n int) {
	for i := range p.steps {
		if s := &p.steps[i]; s.kind == stepDispatch {
			groups := s.dispatch.Groups(r)
			n += min(1, int(groups[0]*groups[1]*groups[2]))
		}
	}
	return n
}

// Flops estimates the work of one replay with r.
func (p *Plan) Flops(r *Replay) float64 {
	var sum float64
	for i := range p.steps {
		if f := p.steps[i].dispatch.Flops; p.steps[i].kind == stepDispatch && f != nil {
			sum += f(r)
		}
	}
	return sum
}

// Run submits a replay with r, in parts of about 50 ms. It waits while more than about two of them
// are unfinished, so that cancelling ctx takes effect soon; the fault is then of kind Cancelled,
// and some of the dispatches have run. progress, which may be nil, receives the share that is
// submitted.
func (p *Plan) Run(ctx context.Context, r *Replay, progress func(share float64)) error {
	if !p.done {
		panic("gpu: plan " + p.name + " is not compiled")
	}
	total := 0.
	if progress != nil {
		total = p.Flops(r)
	}
	p.ctx.WriteU32(p.replay, 0, r.Words[:])
	var done, share float64
	for i := range p.steps {
		s := &p.steps[i]
		switch s.kind {
		case stepClear:
			p.ctx.Clear(s.dst.buffer, s.dst.offset, s.size)
		case stepCopy:
			p.ctx.Copy(s.src.buffer, s.src.offset, s.dst.buffer, s.dst.offset, s.size)
		case stepDispatch:
			if total > 0 && s.dispatch.Flops != nil {
				share, done = done/total, done+s.dispatch.Flops(r)
			}
			if err := p.dispatch(ctx, s, r, func() {
				if total > 0 {
					progress(share)
				}
			}); err != nil {
				return err
			}
		}
	}
	return p.ctx.flush(ctx)
}

// dispatch queues a dispatch, in parts if it would take long. submitted is called after each
// submit.
func (p *Plan) dispatch(ctx context.Context, s *step, r *Replay, submitted func()) error {
	groups := s.dispatch.Groups(r)
	if slices.Contains(groups[:], 0) {
		return nil
	}
	var flops float64
	if s.dispatch.Flops != nil {
		flops = s.dispatch.Flops(r)
	}
	pace := p.ctx.pace
	cost := pace.cost(s.pipeline)
	all := groups[0] * groups[1] * groups[2]
	size := all
	if s.dispatch.First > 0 {
		size = pace.part(cost, flops, all)
	}
	for first := uint32(0); first < all; first += size {
		n := min(size, all-first)
		if n < all {
			groups = [3]uint32{n, 1, 1}
		}
		work := flops * float64(n) / float64(all)
		seconds := pace.seconds(cost, work)
		if pace.full(seconds) {
			if err := p.ctx.flush(ctx); err != nil {
				return err
			}
			submitted()
		}
		group := p.part(s, first)
		p.ctx.batch.add(Command{Op: OpDispatch, Pipeline: s.pipeline, BindGroup: group, Groups: groups})
		pace.add(cost, work, seconds)
	}
	return nil
}

// Free destroys the plan's memory and bind groups.
func (p *Plan) Free() {
	for i := range p.steps {
		s := &p.steps[i]
		if s.group != 0 {
			p.unbind(s.group, s.dispatch.Shape)
		}
		p.freeParts(s)
	}
	for _, slot := range p.slots {
		p.ctx.Free(slot)
	}
	if p.replay != 0 {
		p.ctx.Free(p.replay)
	}
	p.steps, p.slots, p.replay = nil, nil, 0
}

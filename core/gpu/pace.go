package gpu

import (
	"context"
	"math"
	"time"

	"nextquill/core/fault"
)

// The device runs at most a few submits behind the caller, so that a cancelled caller does not wait
// for work that nobody needs, and so that no submit triggers the device's watchdog.
const (
	submitSpan    = 50 * time.Millisecond // wanted duration of one submit
	unfinishedMax = 2 * submitSpan        // submitted work that may be unfinished
	// untimedSpan is the least that a dispatch is assumed to take until its pipeline was timed.
	untimedSpan = 5 * time.Millisecond
	// compileSpan is the time of a pipeline's first dispatch on a CPU device, which compiles it.
	compileSpan = 30 * time.Millisecond
	// emptySpan is the time that a submit takes however little it does.
	emptySpan = 100 * time.Microsecond
	// dispatchSpan is the time that a dispatch takes however little it does.
	dispatchSpan = 10 * time.Microsecond
)

// maxPart is the largest number of workgroups in a part of a dispatch, below WebGPU's limit for one
// dimension.
const maxPart = 1 << 15

// Speeds in flops per second that pipelines are assumed to have until they were timed.
const (
	cpuSpeed = 4e9
	gpuSpeed = 1e11
)

// cost is the estimated time of a pipeline's work. It is corrected by every submit that is timed.
type cost struct {
	perFlop float64 // seconds
	used    bool    // it ran before
	timed   bool    // perFlop is measured
}

// work is what a submit does with one pipeline.
type work struct {
	flops, seconds float64 // seconds is an estimate
	// byFlops is the part of seconds that depends on flops.
	byFlops float64
}

func (w work) plus(o work) work {
	return work{w.flops + o.flops, w.seconds + o.seconds, w.byFlops + o.byFlops}
}

// submitted is a submit that may be unfinished.
type submitted struct {
	at      time.Time
	seconds float64 // estimate
	work    map[*cost]work
	// untimed is set when a pipeline ran whose cost is not measured.
	untimed bool
}

// pacer decides how much work a submit has, and when the next one must wait. Both follow from the
// time that submits take.
type pacer struct {
	dev   Device
	open  submitted   // commands that are not submitted yet
	queue []submitted // the oldest first
	idle  time.Time   // when the last known submit was finished
	costs map[Pipeline]*cost
}

func newPacer(dev Device) *pacer { return &pacer{dev: dev, costs: map[Pipeline]*cost{}} }

func (p *pacer) cost(h Pipeline) *cost {
	c := p.costs[h]
	if c == nil {
		c = &cost{perFlop: 1 / gpuSpeed}
		if p.dev.Info().CPU {
			c.perFlop = 1 / cpuSpeed
		}
		p.costs[h] = c
	}
	return c
}

// seconds estimates a dispatch of this many flops.
func (p *pacer) seconds(c *cost, flops float64) float64 {
	s := dispatchSpan.Seconds() + c.perFlop*flops
	if !c.timed {
		s = max(s, untimedSpan.Seconds())
	}
	return s
}

// part returns how many of a dispatch's workgroups one submit may have, a power of two or all.
// Powers of two keep the number of different parts small.
func (p *pacer) part(c *cost, flops float64, groups uint32) uint32 {
	seconds := c.perFlop * flops
	if seconds <= submitSpan.Seconds() {
		return groups
	}
	size := uint32(1)
	for size < maxPart && float64(2*size)*seconds <= submitSpan.Seconds()*float64(groups) {
		size *= 2
	}
	return min(size, groups)
}

// full reports whether the open submit has no room for a dispatch of this duration.
func (p *pacer) full(seconds float64) bool {
	return p.open.seconds > 0 && p.open.seconds+seconds > submitSpan.Seconds()
}

// add counts a dispatch of the open submit.
func (p *pacer) add(c *cost, flops, seconds float64) {
	if p.open.work == nil {
		p.open.work = map[*cost]work{}
	}
	p.open.untimed = p.open.untimed || !c.timed
	p.open.work[c] = p.open.work[c].plus(work{flops, seconds, seconds - dispatchSpan.Seconds()})
	p.open.seconds += seconds
	if !c.used && p.dev.Info().CPU {
		p.open.seconds += compileSpan.Seconds()
	}
	c.used = true
}

// submitted counts a submit of the open work.
func (p *pacer) submitted() {
	p.open.at = time.Now()
	p.open.seconds += emptySpan.Seconds()
	p.queue = append(p.queue, p.open)
	p.open = submitted{}
}

// wait returns when little enough work is unfinished.
func (p *pacer) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Cancelled, "", "", "stopped").WithCause(err)
	}
	if p.unfinished(len(p.queue)) <= unfinishedMax.Seconds() {
		return nil
	}
	n := 1
	for n < len(p.queue) && p.unfinished(n+1) <= submitSpan.Seconds() {
		n++
	}
	begun := time.Now()
	if err := p.dev.Wait(ctx, n); err != nil {
		return err
	}
	p.finished(len(p.queue)-n, begun)
	return nil
}

// unfinished is the estimated duration of the last n submits. One that is not measured may take
// longer than it seems.
func (p *pacer) unfinished(n int) float64 {
	var sum float64
	for _, s := range p.queue[len(p.queue)-n:] {
		if s.untimed {
			sum += max(s.seconds, submitSpan.Seconds())
		} else {
			sum += s.seconds
		}
	}
	return sum
}

// finished takes note that the first n submits are finished. begun is when waiting for them began.
func (p *pacer) finished(n int, begun time.Time) {
	if n == 0 {
		return
	}
	now := time.Now()
	done := p.queue[:n]
	start := done[0].at
	if p.idle.After(start) {
		start = p.idle
	}
	p.idle = now
	p.learn(done, now.Sub(start).Seconds(), now.Sub(begun).Seconds())
	p.queue = append(p.queue[:0], p.queue[n:]...)
}

// learn corrects the costs of submits that took at most this long, of which the caller waited for
// some time. The device was busy all the time only if the caller waited for a good part of it.
func (p *pacer) learn(done []submitted, seconds, waited float64) {
	var estimate, largest float64
	sums := map[*cost]work{}
	for _, s := range done {
		estimate += s.seconds
		for c, w := range s.work {
			sum := sums[c].plus(w)
			sums[c] = sum
			largest = max(largest, sum.seconds)
		}
	}
	if estimate == 0 || (seconds > estimate && waited < seconds/4) {
		return
	}
	ratio := min(max(seconds/estimate, 1./8), 64)
	// The multiplicative algebraic reconstruction technique (Gordon et al. 1970): a pipeline is
	// corrected by its share of the time; the costs converge over submits with different shares.
	for c, w := range sums {
		if w.flops > 0 {
			c.perFlop = max(1e-16, w.byFlops/w.flops*math.Pow(ratio, w.seconds/largest))
		}
		c.timed = true
	}
}

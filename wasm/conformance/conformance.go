// Package conformance is the test suite that every host must pass. The method "conformance" of the
// test guest uses each ABI call through the interfaces that the core uses. The browser's host and
// wasm/host run the same cases.
package conformance

import (
	"context"
	"fmt"

	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/regex"
	"nextquill/core/rpc"
)

// Params are the parameters of "conformance".
type Params struct {
	// Filter is a regular expression for the names of cases; empty selects all.
	Filter string `json:"filter,omitempty"`
	// RoundTrips is how often the cases "round trips" and "yields" park; 0 means 1000.
	RoundTrips int `json:"round_trips,omitempty"`
}

// Result is the event of a case. Message is empty if the case passed.
type Result struct {
	Event   string  `json:"event"` // "conformance"
	Case    string  `json:"case"`
	Message string  `json:"message,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Report is the result of the method.
type Report struct {
	Passed int      `json:"passed"`
	Failed int      `json:"failed"`
	Cases  []Result `json:"cases"`
}

// Methods returns the method "conformance" on an engine.
func Methods(e *engine.Engine) []rpc.Method { return []rpc.Method{e.Method("conformance", run)} }

// test is the state of a running case. Its buffers are freed and its blobs deleted when the case
// ends.
type test struct {
	context.Context
	env     *engine.Env
	gpu     *gpu.Context
	buffers []gpu.Buffer
	params  Params
}

// folder contains the suite's blobs.
const folder = "conformance/"

type testCase struct {
	name string
	run  func(t *test)
}

// failure is the panic of a failed check; it ends the case.
type failure string

func run(ctx context.Context, env *engine.Env, c *rpc.Call) (any, error) {
	p := Params{}
	if err := c.Decode(&p); err != nil {
		return nil, err
	}
	if p.RoundTrips == 0 {
		p.RoundTrips = 1000
	}
	filter, err := regex.Compile(p.Filter)
	if err != nil {
		return nil, fault.New(fault.Malformed, "conformance", "filter", "%s", fault.Quote(p.Filter)).WithCause(err)
	}
	var report Report
	for _, c := range cases {
		if !filter.Match(c.name) {
			continue
		}
		start := env.Now()
		r := Result{Event: "conformance", Case: c.name, Message: runCase(ctx, env, p, c)}
		r.Seconds = env.Now().Sub(start).Seconds()
		if err := blob.Cancelled(ctx); err != nil {
			return nil, err // the case failed because of that, not because of the host
		}
		if r.Message == "" {
			report.Passed++
		} else {
			report.Failed++
		}
		report.Cases = append(report.Cases, r)
		if err := env.Emit(r); err != nil {
			return nil, err
		}
	}
	return report, nil
}

func runCase(ctx context.Context, env *engine.Env, p Params, c testCase) (message string) {
	t := &test{Context: ctx, env: env, gpu: env.GPU, params: p}
	err := rpc.Guard(c.name, func() error {
		defer t.cleanUp()
		defer func() {
			switch thrown := recover().(type) {
			case nil:
			case failure:
				message = string(thrown)
			default:
				panic(thrown)
			}
		}()
		c.run(t)
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return message
}

func (t *test) cleanUp() {
	for _, b := range t.buffers {
		t.gpu.Free(b)
	}
	t.must(t.gpu.Flush())
	names, err := t.env.Blobs.List(context.WithoutCancel(t), folder)
	t.must(err)
	for _, name := range names {
		t.must(t.env.Blobs.Delete(context.WithoutCancel(t), name))
	}
}

func (t *test) fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (t *test) must(err error) {
	if err != nil {
		t.fail("unexpected: %v", err)
	}
}

func (t *test) check(ok bool, format string, args ...any) {
	if !ok {
		t.fail(format, args...)
	}
}

// refused checks that err is a fault of one of the kinds.
func (t *test) refused(err error, what string, kinds ...fault.Kind) {
	t.check(err != nil, "%s was not refused", what)
	for _, k := range kinds {
		if fault.KindOf(err) == k {
			return
		}
	}
	t.fail("%s: refused with %q (kind %q), not as %v", what, err, fault.KindOf(err), kinds)
}

// buffer creates a storage buffer of n words.
func (t *test) buffer(n int) gpu.Buffer {
	b := t.gpu.NewBuffer("conformance", int64(4*n), gpu.Storage)
	t.buffers = append(t.buffers, b)
	return b
}

// words reads n words of b, from byte off on.
func (t *test) words(b gpu.Buffer, off, n int) []byte {
	p := make([]byte, 4*n)
	t.must(t.gpu.Read(t, b, off, p))
	return p
}

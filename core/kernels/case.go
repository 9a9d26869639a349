package kernels

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"nextquill/core/gpu"
)

// The case files say which kernels run at which sizes. Every host runs them all:
// Go tests on native wgpu, the guest under wazero, the guest in a browser.
//
//go:embed cases/*.json
var caseFiles embed.FS

// CaseSpec is one line of a case file.
type CaseSpec struct {
	Kernel string             `json:"kernel"`
	Sizes  map[string]int     `json:"sizes"`
	Params map[string]float32 `json:"params,omitempty"`
}

// String names the case, sizes in order of name.
func (s CaseSpec) String() string {
	out := s.Kernel
	for _, k := range sortedKeys(s.Sizes) {
		out += fmt.Sprintf(" %s=%d", k, s.Sizes[k])
	}
	for _, k := range sortedKeys(s.Params) {
		out += fmt.Sprintf(" %s=%g", k, s.Params[k])
	}
	return out
}

// Cases returns all cases of all case files.
func Cases() ([]CaseSpec, error) {
	entries, err := caseFiles.ReadDir("cases")
	if err != nil {
		return nil, err
	}
	var all []CaseSpec
	for _, e := range entries {
		raw, err := caseFiles.ReadFile("cases/" + e.Name())
		if err != nil {
			return nil, err
		}
		var specs []CaseSpec
		if err := json.Unmarshal(raw, &specs); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		for _, s := range specs {
			if runners[s.Kernel] == nil {
				return nil, fmt.Errorf("%s: no kernel %q", e.Name(), s.Kernel)
			}
		}
		all = append(all, specs...)
	}
	return all, nil
}

// Runners names all kernels that have a case runner.
func Runners() []string { return sortedKeys(runners) }

var runners = map[string]func(*Case){}

// register makes a kernel known to the case files. run prepares inputs with the
// Case's methods, records dispatches, computes the reference on the CPU, and
// says what to compare.
func register(kernel string, run func(*Case)) { runners[kernel] = run }

// Case is one run of one kernel against its CPU reference.
type Case struct {
	Spec CaseSpec
	Dyn  gpu.Dyn
	Info gpu.Info

	ctx    *gpu.Context
	plan   *gpu.Plan
	rng    *rand.Rand
	bufs   []gpu.Buffer
	expect []expectation
}

// CaseTensor is the same values on both sides.
type CaseTensor struct {
	Host []float32
	GPU  *gpu.Tensor
}

type expectation struct {
	t         *CaseTensor
	tolerance float64
	bits      bool // compared as words
}

// CaseResult is how far a kernel was from its reference.
type CaseResult struct {
	Case string `json:"case"`
	// Error is the largest |got−want| / (1+|want|) over its tolerance; a case
	// passes at 1 or less.
	Error float64 `json:"error"`
	// Message says what went wrong; empty when the case passed.
	Message string `json:"message,omitempty"`
}

// Size returns a size of the case; a case that lacks it panics.
func (c *Case) Size(name string) int {
	n, ok := c.Spec.Sizes[name]
	if !ok {
		panic("case " + c.Spec.String() + " lacks size " + name)
	}
	return n
}

// Flag tells whether a size is present and not 0.
func (c *Case) Flag(name string) bool { return c.Spec.Sizes[name] != 0 }

// Param returns a float parameter of the case.
func (c *Case) Param(name string) float32 { return c.Spec.Params[name] }

// Rand is the case's generator, seeded by its name.
func (c *Case) Rand() *rand.Rand { return c.rng }

// Random makes a tensor of n normal values.
func (c *Case) Random(name string, n int) *CaseTensor {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(c.rng.NormFloat64())
	}
	return c.Values(name, v)
}

// Values makes a tensor of given values. Host is a copy of v.
func (c *Case) Values(name string, v []float32) *CaseTensor {
	t := &CaseTensor{Host: append([]float32(nil), v...), GPU: c.upload(name, int64(4*len(v)))}
	b, _ := t.GPU.Handle()
	if len(v) > 0 {
		c.ctx.WriteF32(b, 0, v)
	}
	return t
}

// Words makes a tensor of u32 values.
func (c *Case) Words(name string, v []uint32) *gpu.Tensor {
	t := c.upload(name, int64(4*len(v)))
	b, _ := t.Handle()
	if len(v) > 0 {
		c.ctx.WriteU32(b, 0, v)
	}
	return t
}

// Garbage makes an output tensor of n values that are NaN on the device, so that
// an element which the kernel does not write is seen; Host is zero.
func (c *Case) Garbage(name string, n int) *CaseTensor {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.NaN())
	}
	t := c.Values(name, v)
	clear(t.Host)
	return t
}

func (c *Case) upload(name string, bytes int64) *gpu.Tensor {
	b := c.ctx.NewBuffer(name, bytes, gpu.Storage)
	c.bufs = append(c.bufs, b)
	return gpu.Persistent(name, b, 0, bytes)
}

// Record adds dispatches to the case's plan.
func (c *Case) Record(ds ...gpu.Dispatch) {
	for _, d := range ds {
		c.plan.Add(d)
	}
}

// Expect compares t's device content with t.Host after the run: every element
// within tolerance·(1+|want|).
func (c *Case) Expect(t *CaseTensor, tolerance float64) {
	c.expect = append(c.expect, expectation{t: t, tolerance: tolerance})
}

// ExpectBits is Expect for words that are no numbers.
func (c *Case) ExpectBits(t *CaseTensor) {
	c.expect = append(c.expect, expectation{t: t, bits: true})
}

// RunCase runs one case on ctx's device.
func RunCase(ctx context.Context, g *gpu.Context, spec CaseSpec) (res CaseResult, err error) {
	res.Case = spec.String()
	var seed uint64 = 14695981039346656037
	for _, b := range []byte(res.Case) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	c := &Case{Spec: spec, Info: g.Info(), ctx: g, plan: g.NewPlan("case"), rng: rand.New(rand.NewPCG(seed, 1))}
	defer func() {
		c.plan.Free()
		for _, b := range c.bufs {
			g.Free(b)
		}
		if ferr := g.Flush(); err == nil {
			err = ferr
		}
	}()
	run := runners[spec.Kernel]
	if run == nil {
		return res, fmt.Errorf("no kernel %q", spec.Kernel)
	}
	run(c)
	if err := c.plan.Compile(); err != nil {
		return res, err
	}
	if err := c.plan.Run(ctx, &c.Dyn, 0); err != nil {
		return res, err
	}
	if len(c.expect) == 0 {
		res.Message = "the case expects nothing"
	}
	for _, e := range c.expect {
		b, off := e.t.GPU.Handle()
		got, err := g.ReadF32(ctx, b, int(off), len(e.t.Host))
		if err != nil {
			return res, err
		}
		c.compare(&res, e, got)
	}
	return res, nil
}

func (c *Case) compare(res *CaseResult, e expectation, got []float32) {
	for i, want := range e.t.Host {
		if e.bits {
			if g, w := math.Float32bits(got[i]), math.Float32bits(want); g != w {
				res.Message, res.Error = fmt.Sprintf("%s[%d] = %#x, want %#x", e.t.GPU.Name, i, g, w), 2
				return
			}
			continue
		}
		diff := math.Abs(float64(got[i]) - float64(want))
		if got[i] == want {
			continue
		}
		rel := diff / (1 + math.Abs(float64(want)))
		if rel <= e.tolerance {
			if e.tolerance > 0 {
				res.Error = max(res.Error, rel/e.tolerance)
			}
			continue
		}
		if res.Message == "" {
			res.Message = fmt.Sprintf("%s[%d] = %g, want %g (tolerance %g)", e.t.GPU.Name, i, got[i], want, e.tolerance)
		}
		res.Error = max(res.Error, 2)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

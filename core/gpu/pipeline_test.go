package gpu_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/gpu"
)

// pipelines counts the pipelines that are created.
type pipelines struct {
	gpu.Dry
	created []string
}

func (p *pipelines) Submit(b *gpu.Batch) error {
	for _, c := range b.Commands {
		if c.Op == gpu.OpCreatePipeline {
			p.created = append(p.created, c.Name)
		}
	}
	return nil
}

func compile(g *gpu.Context, programs ...*gpu.Program) error {
	plan := g.NewPlan("test")
	defer plan.Free()
	for _, p := range programs {
		plan.Add(gpu.Dispatch{Program: p, Groups: func(*gpu.Replay) [3]uint32 { return [3]uint32{1, 1, 1} }})
	}
	return plan.Compile()
}

// A context asks for the text of a name once, and compiles equal texts once.
func TestPipelinesAreShared(t *testing.T) {
	dev := &pipelines{}
	g := gpu.NewContext(dev)
	asked := 0
	program := func(name, text string) *gpu.Program {
		return &gpu.Program{Name: name, Source: func() (string, error) { asked++; return text, nil }}
	}
	require.NoError(t, compile(g, program("a(N=1)", "one"), program("a(N=2)", "two"), program("a(N=1)", "one")))
	require.NoError(t, compile(g, program("a(N=1)", "one"), program("b(N=1)", "one")))
	require.Equal(t, []string{"a(N=1)", "a(N=2)"}, dev.created)
	require.Equal(t, 3, asked)
}

// An error in a template names the program, and is that of the template.
func TestErrorsOfTemplates(t *testing.T) {
	problem := errors.New("add.wgsl:3: unknown name")
	program := &gpu.Program{Name: "add(N=1)", Source: func() (string, error) { return "", problem }}
	err := compile(gpu.NewContext(&pipelines{}), program)
	require.ErrorIs(t, err, problem)
	require.ErrorContains(t, err, "add(N=1)")
}

package shrink

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"nextquill/core/fault"
)

// link builds testdata/program as the guest is built.
func link(t *testing.T, flags ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program.wasm")
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w"}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "-o", out, "./testdata/program")...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	return data
}

// execute runs a program and returns what it prints.
func execute(t *testing.T, wasm []byte, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig())
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	var out, errs bytes.Buffer
	config := wazero.NewModuleConfig().WithStdout(&out).WithStderr(&errs).
		WithArgs(append([]string{"program"}, args...)...).
		WithSysNanotime().WithSysWalltime().WithSysNanosleep()
	_, err = r.InstantiateWithConfig(ctx, wasm, config)
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 {
		err = nil
	}
	return out.String(), errs.String(), err
}

// TestProgramsDoTheSame runs a program that depends on all that is changed, before and after.
func TestProgramsDoTheSame(t *testing.T) {
	for _, flag := range []string{"-gcflags=all=-l", "-gcflags="} {
		t.Run(flag, func(t *testing.T) {
			linked := link(t, flag)
			small, err := Guest(linked, Ours)
			require.NoError(t, err)
			t.Logf("%d to %d bytes", len(linked), len(small.WASM))

			want, _, err := execute(t, linked)
			require.NoError(t, err)
			got, _, err := execute(t, small.WASM)
			require.NoError(t, err)
			// The panic of a wrapper that is not ours is the same; its message is not.
			was := "value method time.Duration.String called using nil *Duration pointer"
			require.Contains(t, want, was)
			is := "value method a.type.method called using nil *type pointer"
			require.Equal(t, strings.Replace(want, was, is, 1), got)

			_, said, err := execute(t, small.WASM, "trap")
			require.Error(t, err)
			require.Contains(t, said, "panic: assignment to entry in nil map")
			require.Regexp(t, `main\.main\(.*\n\t\S*main\.go:\d+`, said,
				"our functions keep names and lines in a traceback")
			require.NotContains(t, said, "proc.go")

			// The symbol file says which function a trap's stack trace means.
			names := map[string]string{}
			for _, s := range small.Symbols {
				names[strconv.Itoa(int(s.Index))] = s.Name
			}
			var trace []string
			for _, m := range regexp.MustCompile(`\.\$(\d+)\(`).FindAllStringSubmatch(err.Error(), -1) {
				trace = append(trace, names[m[1]])
			}
			if len(trace) > 0 {
				require.Contains(t, strings.Join(trace, " "), "runtime.", "%v", err)
			}
			require.Contains(t, string(small.SymbolFile()), " main.deep\n")
		})
	}
}

// TestUnknownFormIsRefused truncates a module, changes bytes of it, and alters what the steps rely
// on. The outcome is an error or a module, never a panic.
func TestUnknownFormIsRefused(t *testing.T) {
	linked := link(t, "-gcflags=all=-l")
	for range 60 {
		_, err := Guest(linked[:rand.N(len(linked))], Ours)
		require.Equal(t, fault.Malformed, fault.KindOf(err), "%v", err)
	}
	m, err := parse(linked)
	require.NoError(t, err)
	image, err := m.memory()
	require.NoError(t, err)
	table, err := findFunctionTable(image)
	require.NoError(t, err)
	altered := func(change func(image []byte)) error {
		changed := bytes.Clone(image)
		change(changed)
		require.NoError(t, m.setMemory(changed))
		_, err := Guest(m.encode(), Ours)
		return err
	}
	require.NoError(t, altered(func([]byte) {}))

	err = altered(func(image []byte) { image[table.header] = 0xf2 })
	require.ErrorContains(t, err, "Go's function table is missing or has another form")
	err = altered(func(image []byte) { put(image, table.functions+8, firstFunction+7) })
	require.ErrorContains(t, err, "is indexed in another way")
	err = altered(func(image []byte) { put(image, table.functions+12, 1<<31) })
	require.ErrorContains(t, err, "an offset points outside of the module")
	for range 60 {
		err := altered(func(image []byte) {
			at := table.header + rand.N(table.functions+16*table.count-table.header)
			put(image, at, rand.Uint32())
		})
		if err != nil {
			require.Equal(t, fault.Malformed, fault.KindOf(err), "%v", err)
		}
	}
}

// TestUnknownGoVersionIsRefused changes the version that the module was built with.
func TestUnknownGoVersionIsRefused(t *testing.T) {
	linked := link(t)
	m, err := parse(linked)
	require.NoError(t, err)
	version, err := m.goVersion()
	require.NoError(t, err)
	require.True(t, Knows(version), version)

	future := strings.Replace(version, release.FindString(version), "go1.99", 1)
	for i, s := range m.sections {
		if s.id == customSection {
			m.sections[i].body = bytes.ReplaceAll(s.body, []byte(version), []byte(future))
		}
	}
	_, err = Guest(m.encode(), Ours)
	require.ErrorIs(t, err, fault.Unsupported)
	require.ErrorContains(t, err, `built with "go1.99`)

	m.sections = m.sections[:len(m.sections)-1]
	_, err = Guest(m.encode(), Ours)
	require.ErrorIs(t, err, fault.Malformed)
	require.ErrorContains(t, err, "no section names the Go version")
}

func TestSegmentsHoldTheSameMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		image := make([]byte, rng.IntN(5000))
		for range rng.IntN(60) {
			for at, n := rng.IntN(len(image)+1), rng.IntN(150); n > 0 && at < len(image); at, n = at+1, n-1 {
				image[at] = byte(rng.IntN(3))
			}
		}
		m := &module{sections: []section{{id: dataSection}}}
		require.NoError(t, m.setMemory(image))
		got, err := m.memory()
		require.NoError(t, err)
		require.Equal(t, bytes.TrimRight(image, "\x00"), bytes.TrimRight(got, "\x00"))
	}
}

package shrink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-trimpath", "-ldflags=-s -w"}, flags...), "-o", out, "./testdata/program")...)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	return data
}

// execute runs a command and gives what it prints.
func execute(t *testing.T, wasm []byte, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig())
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	var out, errs bytes.Buffer
	config := wazero.NewModuleConfig().WithStdout(&out).WithStderr(&errs).WithArgs(append([]string{"program"}, args...)...).
		WithSysNanotime().WithSysWalltime().WithSysNanosleep()
	_, err = r.InstantiateWithConfig(ctx, wasm, config)
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 {
		err = nil
	}
	return out.String(), errs.String(), err
}

// TestProgramsDoTheSame runs a program that depends on all that is touched, before and after.
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
			checked, err := guest(linked, Ours, true)
			require.NoError(t, err)
			again, _, err := execute(t, checked.WASM)
			require.NoError(t, err, "a program counter is not what it is taken for")
			require.Equal(t, got, again)
			// The panic of a wrapper that is not ours is the same; its words are not.
			was := "value method time.Duration.String called using nil *Duration pointer"
			require.Contains(t, want, was)
			require.Equal(t, strings.Replace(want, was, "value method a.type.method called using nil *type pointer", 1), got)

			_, said, err := execute(t, small.WASM, "trap")
			require.Error(t, err)
			require.Contains(t, said, "panic: assignment to entry in nil map")
			require.Regexp(t, `main\.main\(.*\n\t\S*main\.go:\d+`, said, "our functions keep names and lines in a traceback")
			require.NotContains(t, said, "proc.go")

			// The side file says which function a trap's trace means.
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

// TestWhatIsNotKnownIsRefused cuts a module everywhere, and alters what the reader relies on.
func TestWhatIsNotKnownIsRefused(t *testing.T) {
	linked := link(t, "-gcflags=all=-l")
	for range 60 {
		_, err := Guest(linked[:rand.N(len(linked))], Ours)
		require.Equal(t, fault.Malformed, fault.KindOf(err), "%v", err)
	}
	m, err := parse(linked)
	require.NoError(t, err)
	image, err := m.memory()
	require.NoError(t, err)
	at := bytes.Index(image, tableHeader)
	image[at] = 0xf2
	require.NoError(t, m.setMemory(image))
	_, err = Guest(m.encode(), Ours)
	require.ErrorContains(t, err, "not of the form of Go 1.20 to 1.26")

	_, err = decode(&reader{b: []byte{0x06}})
	require.ErrorContains(t, err, "an instruction 0x06")
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

// TestRules applies the rules to code where they hold and to code that only looks like it.
func TestRules(t *testing.T) {
	address := []byte{opLocalGet, 1, opI64Extend32, opI64Const, 40, opI64Add, opI32WrapI64}
	code := func(parts ...[]byte) []instruction {
		out, err := decode(&reader{b: bytes.Join(parts, nil)})
		require.NoError(t, err)
		return out
	}
	text := func(code []instruction) (out string) {
		for _, i := range code {
			out += fmt.Sprintf("%x ", i.text)
		}
		return out
	}
	load := []byte{opLoad + 1, 3, 8}
	store := []byte{opStore + 1, 3, 0}
	for _, c := range []struct {
		name       string
		code, want [][]byte
	}{
		{"load", [][]byte{address, load}, [][]byte{{opLocalGet, 1}, {opLoad + 1, 3, 48}}},
		{"store", [][]byte{address, {opI64Const, 5}, store}, [][]byte{{opLocalGet, 1}, {opI64Const, 5}, {opStore + 1, 3, 40}}},
		{"store of what a load gives", [][]byte{address, address, load, store},
			[][]byte{{opLocalGet, 1}, {opLocalGet, 1}, {opLoad + 1, 3, 48}, {opStore + 1, 3, 40}}},
		{"the address is what is stored", [][]byte{{opI32Const, 0}, address, {opStore, 2, 0}}, nil},
		{"a branch between", [][]byte{address, {opBlock, voidBlock, opEnd}, load}, nil},
		{"another's address", [][]byte{{opLocalGet, 2}, address[2:], load}, nil},
	} {
		want := c.want
		if want == nil {
			want = c.code
		}
		require.Equal(t, text(code(want...)), text(foldOffsets(code(c.code...))), c.name)
	}

	tail := []byte{opEnd, opI32Const, 1, opEnd}
	leave := []byte{opIf, voidBlock, opI32Const, 1, opReturn, opEnd}
	for _, c := range []struct {
		name       string
		code, want [][]byte
	}{
		{"call", [][]byte{{opBlock, voidBlock, opBlock, voidBlock, opCall, 5, opBrIf, 1, opEnd}, tail}, [][]byte{{opBlock, voidBlock, opBlock, voidBlock, opCall, 5}, leave, {opEnd}, tail}},
		{"to an inner block", [][]byte{{opBlock, voidBlock, opBlock, voidBlock, opCall, 5, opBrIf, 0, opEnd}, tail}, nil},
		{"of a loop", [][]byte{{opLoop, voidBlock, opCall, 5, opBrIf, 0}, tail}, nil},
		{"of one of two blocks", [][]byte{{opBlock, voidBlock, opCall, 5, opBrIf, 0, opEnd, opBlock, voidBlock}, tail}, nil},
		{"another value", [][]byte{{opBlock, voidBlock, opCall, 5, opBrIf, 0, opEnd, opI32Const, 0, opEnd}}, nil},
	} {
		want := c.want
		if want == nil {
			want = c.code
		}
		require.Equal(t, text(code(want...)), text(returnAtOnce(code(c.code...))), c.name)
	}
}

package host

import (
	"context"
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"

	coreapi "nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/core/gpu"
	"nextquill/core/rpc"
	"nextquill/wasm/abi"
)

// noDevice is a device that records whether it is used.
type noDevice struct{ used bool }

func (d *noDevice) Info() gpu.Info { return gpu.Info{Name: "none"} }
func (d *noDevice) Submit(*gpu.Batch) error {
	d.used = true
	return nil
}
func (d *noDevice) Wait(context.Context, int) error {
	d.used = true
	return nil
}
func (d *noDevice) Read(context.Context, gpu.Buffer, int, []byte) error {
	d.used = true
	return nil
}
func (d *noDevice) Load(context.Context, string, int64, int, gpu.Buffer, int) error {
	d.used = true
	return nil
}

func openTiny(g tinyGuest) (*Host, *noDevice, error) {
	d := &noDevice{}
	c := NewConfig().WithGuest(g.wasm()).WithDevice(d).WithCacheDir("").WithLog(io.Discard)
	h, err := Open(context.Background(), c)
	return h, d, err
}

func TestForeignImportsAreRefused(t *testing.T) {
	for _, i := range [][2]string{
		{abi.WASIModule, "path_open"},
		{abi.WASIModule, "sock_accept"},
		{abi.WASIModule, "sock_send"},
		{abi.Module, "fetch"},
		{abi.Module, "yield"}, // with another signature
		{"env", "system"},
	} {
		_, _, err := openTiny(tinyGuest{imports: [][2]string{i}})
		require.ErrorIs(t, err, fault.Unsupported, i)
		require.ErrorContains(t, err, i[1])
	}
}

func TestIncompleteGuestsAreRefused(t *testing.T) {
	for _, name := range []string{"start", "alloc", "free", "call", "resume", "cancel", "memory"} {
		_, _, err := openTiny(tinyGuest{without: name})
		require.ErrorIs(t, err, fault.Mismatch)
		require.ErrorContains(t, err, name)
	}
	_, _, err := openTiny(tinyGuest{bodies: map[string][]byte{"start": i32const(abi.Version + 1)}})
	require.ErrorIs(t, err, fault.Mismatch)
	require.ErrorContains(t, err, "ABI version")

	for _, wasm := range [][]byte{nil, []byte("not wasm"), tinyGuest{}.wasm()[:40]} {
		_, err := Open(t.Context(), NewConfig().WithGuest(wasm).WithDevice(&noDevice{}).WithCacheDir(""))
		require.Error(t, err)
		require.NotEmpty(t, fault.KindOf(err))
	}
}

// TestBrokenGuests: with any broken guest, a call and each later one end with an error that says
// so.
func TestBrokenGuests(t *testing.T) {
	respondEmpty := append(append(append(i32const(8), i32const(0)...), wasmCall, 0, wasmDrop), i32const(0)...)
	for name, g := range map[string]tinyGuest{
		"traps":                    {bodies: map[string][]byte{"call": {wasmUnreachable}}},
		"parks without reason":     {bodies: map[string][]byte{"call": i32const(int32(abi.Parked))}},
		"gives no response":        {},
		"gives an empty response":  {bodies: map[string][]byte{"call": respondEmpty}},
		"gives a state of its own": {bodies: map[string][]byte{"call": i32const(7)}},
		"is busy":                  {bodies: map[string][]byte{"call": i32const(int32(abi.Busy))}},
		"allocates nothing":        {bodies: map[string][]byte{"alloc": i32const(0)}},
		"allocates at the end":     {bodies: map[string][]byte{"alloc": i32const(65530)}},
		"allocates outside":        {bodies: map[string][]byte{"alloc": i32const(-8)}},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, err := openTiny(g)
			require.NoError(t, err)
			for range 2 {
				err := h.Call(t.Context(), "echo", "hello", nil, nil)
				require.Error(t, err)
				require.NotEmpty(t, fault.KindOf(err), err)
			}
			require.NoError(t, h.Close())
			require.ErrorContains(t, h.Call(t.Context(), "echo", nil, nil, nil), "closed")
			require.NoError(t, h.Close())
		})
	}
}

// TestHostileArguments calls the imports with pointers and lengths outside of the guest's memory,
// which is one page.
func TestHostileArguments(t *testing.T) {
	h, d, err := openTiny(tinyGuest{})
	require.NoError(t, err)
	defer h.Close()
	module := h.runtime.Module("guest")
	require.True(t, h.guest.memory.WriteString(100, "name"))
	const page = 1 << 16
	ranges := [][2]uint64{
		{0, 4}, {page, 1}, {page - 3, 4}, {8, page}, {8, 1<<32 - 1}, {1<<32 - 4, 8}, {1<<32 - 1, 1<<32 - 1},
	}

	call := func(name string, args ...uint64) abi.Status {
		t.Helper()
		i := importIndex(name)
		f := abi.Imports[i]
		require.Len(t, args, len(f.Params), name)
		stack := append([]uint64{}, args...)
		stack = append(stack, 0)
		for i, p := range f.Params { // the upper half of an i32 is undefined
			if p == abi.I32 {
				stack[i] |= 0xdeadbeef << 32
			}
		}
		h.call = callState{}
		h.importFunc(f)(t.Context(), module, stack)
		return abi.Status(api.DecodeI32(stack[0]))
	}
	refused := func(status abi.Status) {
		t.Helper()
		require.Equal(t, abi.Failed, status)
		require.Nil(t, h.call.pending)
		require.Nil(t, h.call.response)
		var info coreapi.ErrorInfo
		require.NoError(t, json.Unmarshal(h.call.reply, &info))
		require.NotEmpty(t, fault.KindOf(rpc.DecodeError(&info)))
	}
	for _, r := range ranges {
		refused(call("gpu_submit", r[0], r[1]))
		refused(call("emit", r[0], r[1]))
		refused(call("respond", r[0], r[1]))
		refused(call("gpu_read", 1, 0, r[0], r[1], 1))
		refused(call("blob_read", 100, 4, 0, r[0], r[1], 1))
		refused(call("blob_write", 100, 4, r[0], r[1], 1))
		for _, name := range []string{"blob_size", "blob_delete", "blob_list"} {
			refused(call(name, r[0], r[1], 1))
		}
		refused(call("blob_read", r[0], r[1], 0, 8, 8, 1))
		refused(call("blob_write", r[0], r[1], 8, 8, 1))
		refused(call("blob_to_gpu", r[0], r[1], 0, 4, 1, 0, 1))
	}
	minus := ^uint64(0)
	for _, bad := range [][3]uint64{{minus, 4, 0}, {0, minus, 0}, {0, 4, minus}, {0, 1 << 62, 0}, {0, 4, 1 << 62}} {
		refused(call("blob_to_gpu", 100, 4, bad[0], bad[1], 1, bad[2], 1))
	}
	require.True(t, h.guest.memory.WriteString(200, "../secret"))
	refused(call("blob_size", 200, 9, 1))
	refused(call("blob_write", 200, 9, 8, 8, 1))
	refused(call("blob_to_gpu", 200, 9, 0, 4, 1, 0, 1))
	require.True(t, h.guest.memory.WriteString(300, "\xff\xff\xff\xff garbage, no batch"))
	refused(call("gpu_submit", 300, 22))
	refused(call("emit", 300, 22))
	require.False(t, d.used)

	// A reply is copied only if there is room for it.
	require.Positive(t, call("gpu_info"))
	h.call.reply = []byte("12345678")
	for _, r := range [][2]uint64{{page - 4, 8}, {0, 8}, {1<<32 - 1, 1<<32 - 1}} {
		stack := []uint64{r[0], r[1]}
		h.call.reply = []byte("12345678")
		h.importFunc(abi.Imports[importIndex("reply_read")])(t.Context(), module, stack)
		require.Equal(t, int32(abi.Failed), api.DecodeI32(stack[0]))
	}

	// One operation at a time.
	h.call = callState{}
	stack := []uint64{7, 0}
	yield := h.importFunc(abi.Imports[importIndex("yield")])
	yield(t.Context(), module, stack)
	require.Equal(t, int32(abi.OK), api.DecodeI32(stack[0]))
	yield(t.Context(), module, stack)
	require.Equal(t, int32(abi.Failed), api.DecodeI32(stack[0]))
}

func importIndex(name string) int {
	for i, f := range abi.Imports {
		if f.Name == name {
			return i
		}
	}
	panic(name)
}

func TestEveryImportIsServed(t *testing.T) {
	for _, f := range abi.Imports {
		require.Equal(t, f.Async, asyncs[f.Name] != nil, f.Name)
		require.Equal(t, !f.Async, imports[f.Name] != nil, f.Name)
	}
	require.Len(t, abi.Imports, len(imports)+len(asyncs))
}

func TestLoadGuest(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(GuestVariable, "")
	for _, path := range []string{"", "nowhere.wasm"} {
		_, err := LoadGuest(path)
		require.ErrorIs(t, err, fault.Missing)
		require.ErrorContains(t, err, "go run ./cmd/buildwasm")
	}
	t.Setenv(GuestVariable, "also-nowhere.wasm")
	_, err := LoadGuest("")
	require.ErrorContains(t, err, "also-nowhere.wasm")
	t.Setenv(TestGuestVariable, "")
	_, err = LoadTestGuest("")
	require.ErrorContains(t, err, "go run ./cmd/buildwasm --test")
}

package host_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/wasm/abi"
)

// TestExportsRefuseMisuse: a host that uses exports wrongly gets a status, and the guest stays
// usable.
func TestExportsRefuseMisuse(t *testing.T) {
	h := open(t, testConfig(t))
	export := func(name string, params ...uint64) int32 {
		t.Helper()
		r, err := h.Export(name, params...)
		require.NoError(t, err)
		return r
	}
	require.EqualValues(t, abi.Version, export("start", abi.Version), "starting again changes nothing")
	require.EqualValues(t, abi.Version, export("start", abi.Version+1))
	require.Zero(t, export("alloc", 0))
	require.Zero(t, export("alloc", abi.MaxMessage+1))
	require.Zero(t, export("alloc", 1<<32-1))
	require.EqualValues(t, abi.BadRequest, export("call", 0, 0))
	require.EqualValues(t, abi.BadRequest, export("call", 4096, 100))
	p := uint64(uint32(export("alloc", 10)))
	require.EqualValues(t, abi.BadRequest, export("call", p, 11))
	require.EqualValues(t, abi.BadRequest, export("call", p+1, 5))
	export("free", p)
	export("free", p)
	require.EqualValues(t, abi.BadRequest, export("call", p, 10))
	for _, token := range []uint64{0, 1, 1<<32 - 1} {
		require.EqualValues(t, abi.BadToken, export("resume", token, 0))
	}
	export("cancel")

	// While it is parked, the guest accepts neither a call nor another token.
	request := `{"method":"conformance","params":{"filter":"yields"}}`
	p = uint64(uint32(export("alloc", uint64(len(request)))))
	h.Poke(uint32(p), request)
	require.EqualValues(t, abi.Parked, export("call", p, uint64(len(request))))
	q := uint64(uint32(export("alloc", 4)))
	require.EqualValues(t, abi.Busy, export("call", q, 4))
	export("free", q)
	token := h.TakeToken()
	require.EqualValues(t, abi.BadToken, export("resume", token+1, 0))
	export("cancel")
	require.EqualValues(t, abi.Parked, export("resume", token, 0), "the suite lists its blobs to delete them")
}

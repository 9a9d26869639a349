package diag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/diag"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/rpc"
)

func client() api.Client {
	e := engine.New(engine.Host{Blobs: &blob.Mem{}})
	return rpc.Local(e.NewServer(diag.Methods(e)))
}

// TestBadRequests checks the faults of parameters that are refused before the device is used.
func TestBadRequests(t *testing.T) {
	for _, c := range []struct {
		method string
		params any
		kind   fault.Kind
	}{
		{api.MethodBench, api.BenchParams{Prefix: 1, History: 1, Suffix: 1}, fault.OutOfRange},
		{api.MethodBench, map[string]any{"presets": []string{"nextquill"}}, fault.Unsupported},
		{api.MethodBench, map[string]any{"presets": []string{"none"}}, fault.Unsupported},
	} {
		require.ErrorIs(
			t,
			client().Call(t.Context(), c.method, c.params, nil, nil),
			c.kind,
			"%s %v",
			c.method,
			c.params,
		)
	}
}

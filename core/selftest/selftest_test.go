package selftest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/blob"
	"nextquill/core/engine"
	"nextquill/core/fault"
	"nextquill/core/rpc"
	"nextquill/core/selftest"
)

// TestBadRequests checks the faults of parameters that are refused before the device is used.
func TestBadRequests(t *testing.T) {
	e := engine.New(engine.Host{Blobs: &blob.Mem{}})
	client := rpc.Local(e.NewServer(selftest.Methods(e)))
	for _, params := range []any{map[string]string{"filtre": ""}, api.KernelCasesParams{Filter: "("}} {
		err := client.Call(t.Context(), api.MethodKernelCases, params, nil, nil)
		require.ErrorIs(t, err, fault.Malformed, "%v", params)
	}
}

package jobs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"nextquill/core/api"
	"nextquill/core/chat"
	"nextquill/core/engine"
	"nextquill/core/history"
	"nextquill/core/model"
	"nextquill/core/rpc"
	"nextquill/core/train"
)

// TestEnums compares the constants of package api with what the packages below accept.
func TestEnums(t *testing.T) {
	enums := map[string][]string{}
	for _, e := range api.Enums() {
		enums[e.Name] = e.Values
	}
	require.Equal(t, model.BaseNames, enums["Base"])
	require.Equal(t, train.Decays(), enums["Decay"])
	require.Equal(t, []string{chat.System, chat.User, chat.Assistant}, enums["Role"])
	var templates []string
	for _, tmpl := range history.Templates() {
		templates = append(templates, tmpl.Name)
	}
	require.Equal(t, templates, enums["Template"])
}

// TestMethodsAreThoseOfTheAPI compares the methods of a server with the list in package api.
func TestMethodsAreThoseOfTheAPI(t *testing.T) {
	e := engine.New(engine.Host{})
	var names []string
	for _, m := range Methods(e) {
		names = append(names, m.Name)
	}
	var all []string
	for _, m := range api.Methods() {
		switch m.Name {
		// Those of packages diag and selftest.
		case api.MethodBench, api.MethodBenchDecode, api.MethodBenchReport, api.MethodBenchCurves,
			api.MethodKernelCases:
		default:
			all = append(all, m.Name)
		}
	}
	require.ElementsMatch(t, all, names)
	var got any
	require.NoError(t, rpc.Local(e.NewServer(Methods(e))).Call(t.Context(), api.MethodEcho, nil, &got, nil))
	require.Nil(t, got)
	require.NoError(t, rpc.Local(e.NewServer(Methods(e))).Call(t.Context(), api.MethodEcho, []int{1}, &got, nil))
	require.Equal(t, []any{1.}, got)
}

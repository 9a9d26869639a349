package host

import (
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"nextquill/core/fault"
	"nextquill/wasm/abi"
)

// checkModule refuses a module that imports more, or exports less, than the ABI defines.
func checkModule(m wazero.CompiledModule) error {
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		if !allowed(module, name, f) {
			return fault.New(fault.Unsupported, "guest", "import "+module+"."+name, "is not part of the ABI").
				WithRemedy("run only the guest that was built with this program: go run ./cmd/buildwasm")
		}
	}
	exported := m.ExportedFunctions()
	for _, want := range abi.Exports {
		if f := exported[want.Name]; f == nil || !sameSignature(f, want) {
			return fault.New(fault.Mismatch, "guest", "export "+want.Name, "missing or with another signature").
				WithRemedy("build the guest from the same source: go run ./cmd/buildwasm")
		}
	}
	if m.ExportedMemories()["memory"] == nil {
		return fault.New(fault.Mismatch, "guest", "export memory", "missing")
	}
	return nil
}

func allowed(module, name string, f api.FunctionDefinition) bool {
	switch module {
	case abi.Module:
		i := slices.IndexFunc(abi.Imports, func(a abi.Func) bool { return a.Name == name })
		return i >= 0 && sameSignature(f, abi.Imports[i])
	case abi.WASIModule:
		return slices.Contains(abi.WASI, name)
	}
	return false
}

func sameSignature(f api.FunctionDefinition, want abi.Func) bool {
	return slices.Equal(f.ParamTypes(), valueTypes(want.Params)) &&
		slices.Equal(f.ResultTypes(), valueTypes(want.Results))
}

func valueTypes(values []abi.Value) []api.ValueType {
	types := make([]api.ValueType, len(values))
	for i, v := range values {
		types[i] = api.ValueTypeI32
		if v == abi.I64 {
			types[i] = api.ValueTypeI64
		}
	}
	return types
}

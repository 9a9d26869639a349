// Package kerneltest checks the compute kernels of core/kernels: it has a plain CPU reference of
// every kernel and the suite of cases that compares the two on a device. Every host runs the same
// cases: Go tests on native wgpu, the guest under wazero, the guest in a browser.
package kerneltest

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// caseFiles say which kernels run at which sizes.
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
	for _, k := range slices.Sorted(maps.Keys(s.Sizes)) {
		out += fmt.Sprintf(" %s=%d", k, s.Sizes[k])
	}
	for _, k := range slices.Sorted(maps.Keys(s.Params)) {
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

// Runners returns the names of all kernels that have a runner.
func Runners() []string { return slices.Sorted(maps.Keys(runners)) }

// runners are the kernels that the case files can name. A runner prepares inputs with the methods
// of Case, records dispatches, computes the reference on the CPU and says what to compare. The
// table is never written.
var runners = map[string]func(*Case){
	"adamw":              adamwCase,
	"add":                addCase,
	"add_rows":           addRowsCase,
	"attention":          attentionCase,
	"attention-backward": attentionBackwardCase,
	"attention-decode":   attentionDecodeCase,
	"bias":               biasCase,
	"datastore":          datastoreCase,
	"embedding":          embeddingCase,
	"embedding_grad":     embeddingGradCase,
	"gradnorm":           gradnormCase,
	"head":               headCase,
	"head_points":        headPointsCase,
	"store-rows":         storeRowsCase,
	"linear_forward":     linearForwardCase,
	"linear_input":       linearInputCase,
	"linear_weight":      linearWeightCase,
	"linear_half":        linearHalfCase,
	"loss":               lossCase,
	"quantise":           quantiseCase,
	"rmsnorm":            rmsnormCase,
	"rmsnorm_grad":       rmsnormGradCase,
	"rmsnorm_heads":      rmsnormHeadsCase,
	"rope":               ropeCase,
	"rows_gather":        rowsGatherCase,
	"sample":             sampleCase,
	"swiglu":             swigluCase,
	"swiglu_grad":        swigluGradCase,
	"token_attention":    tokenAttentionCase,
	"token_linear":       tokenLinearCase,
	"token_norm":         tokenNormCase,
	"token_swiglu":       tokenSwiGLUCase,
	"unpack":             unpackCase,
	"unpack_blocks":      unpackBlocksCase,
	"repack_blocks":      repackBlocksCase,
	"unpack_rows":        unpackRowsCase,
}

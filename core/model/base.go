package model

import (
	"maps"
	"slices"
	"strings"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// BaseAuto leaves the format of each matrix of a frozen base to its type in the file:
// the smallest that holds its values exactly. Blocks of Q4_0 and Q4_1 become q4, those
// of Q5_0 and Q8_0 q8, F16 stays; the rest becomes f32.
const BaseAuto = "auto"

// BaseNames are the bases that LoadOptions takes.
var BaseNames = []string{BaseAuto, "f32", "f16", "q8", "q4"}

// CheckBase refuses a base that is not one of BaseNames or empty, which is BaseAuto, and
// one that cannot train.
func CheckBase(base string, full bool) error {
	if base == "" || base == BaseAuto {
		return nil
	}
	f, err := kernels.ParseFormat(base)
	if err != nil {
		return fault.New(fault.OutOfRange, "model", "base", "%q", base).WithLimit("%v", BaseNames)
	}
	if full && f != kernels.F32 {
		return fault.New(fault.Unsupported, "model", "base", "%s weights stay as they are, and all of them are to train", f).
			WithRemedy("train an adapter on the %s base, or all weights with base f32", f)
	}
	return nil
}

// Base names the formats that the model's matrices have on the device, such as "q8" or,
// where they are not all in one, "q8+q4". It decides what an adapter is trained on: with
// BaseAuto that follows from the file.
func (m *Model) Base() string {
	var names []string
	for _, f := range slices.Sorted(maps.Keys(m.formats)) {
		names = append(names, f.String())
	}
	return strings.Join(names, "+")
}

// formatOf is the format that a base gives a matrix of a file.
func formatOf(base string, full bool, info weights.Info) kernels.Format {
	switch {
	case full:
		return kernels.F32
	case base == "" || base == BaseAuto:
		return kernels.ExactFormat(string(info.DType))
	}
	f, _ := kernels.ParseFormat(base)
	return f
}

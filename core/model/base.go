package model

import (
	"strings"

	"nextquill/core/fault"
	"nextquill/core/kernels"
	"nextquill/core/weights"
)

// BaseAuto gives each matrix of a frozen base the smallest format that holds its values exactly:
// Q4_0 and Q4_1 blocks become q4, Q5_0 and Q8_0 blocks become q8, F16 stays, the rest becomes f32.
const BaseAuto = "auto"

// BaseNames are the valid values of LoadOptions.Base.
var BaseNames = []string{BaseAuto, "f32", "f16", "q8", "q4"}

// CheckBase returns a fault unless base is one of BaseNames or empty (BaseAuto), or when full
// fine-tuning needs another format.
func CheckBase(base string, full bool) error {
	if base == "" || base == BaseAuto {
		return nil
	}
	f, err := kernels.ParseFormat(base)
	if err != nil {
		return fault.New(fault.OutOfRange, "model", "base", "%q", base).WithLimit("one of %v", BaseNames)
	}
	if full && f != kernels.F32 {
		return fault.New(fault.Unsupported, "model", "base", "%s weights cannot train", f).
			WithRemedy("train an adapter on the %s base, or all weights with base f32", f)
	}
	return nil
}

// Base names the formats of the model's matrices on the device, such as "q8", or "q8+q4" for more
// than one. An adapter is trained on these values; with BaseAuto they follow from the file.
func (m *Model) Base() string {
	var names []string
	for _, f := range kernels.Formats {
		if m.formats[f] {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, "+")
}

// formatOf is the format of a file's matrix under a base.
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

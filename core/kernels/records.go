package kernels

// Token is a response token's record, read back.
type Token struct {
	LogpWith, LogpWithout  float32 // natural logarithms, under the live model
	DCE                    float32 // under θ_D
	Omega                  float32
	CENTP, CEMCE           float32
	Margin                 float32
	WeightNTP, WeightAlign float32
}

// TokenAt decodes the record at the start of v, TokenWidth values.
func TokenAt(v []float32) Token {
	return Token{
		LogpWith: v[TokenLogpWith], LogpWithout: v[TokenLogpWithout], DCE: v[TokenDCE], Omega: v[TokenOmega],
		CENTP: v[TokenCENTP], CEMCE: v[TokenCEMCE], Margin: v[TokenMargin],
		WeightNTP: v[TokenWeightNTP], WeightAlign: v[TokenWeightAlign],
	}
}

// Sums is a slot of the ring of sums, read back.
type Sums struct {
	LossNTP, LossAlign     float32 // before division by Z
	WeightNTP, WeightAlign float32
	Count, Above           float32
	DCE                    float32
}

// SumsAt decodes the slot at the start of v, SumsWidth values.
func SumsAt(v []float32) Sums {
	return Sums{
		LossNTP: v[SumNTP], LossAlign: v[SumAlign], WeightNTP: v[SumWeightNTP], WeightAlign: v[SumWeightAlign],
		Count: v[SumCount], Above: v[SumAbove], DCE: v[SumDCE],
	}
}

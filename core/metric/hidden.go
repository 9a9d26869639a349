package metric

import "math"

// Match is the result of HiddenMatch, each between −1 and 1.
type Match struct {
	Precision float64 `json:"precision"` // of the candidate's tokens
	Recall    float64 `json:"recall"`    // of the reference's tokens
	F1        float64 `json:"f1"`
}

// HiddenMatch compares two texts by vectors of their tokens, [tokens, width] each: every token is
// matched with the most similar one of the other text, by cosine. It is the greedy matching of
// BERTScore (Zhang et al. 2020) without idf weights and without rescaling, on the hidden states of
// the model in use. It is not BERTScore: that names certain encoders, and hidden states of a
// decoder are close to each other, so values are high. Only values of one model can be compared.
// A text without tokens gives 0.
func HiddenMatch(candidate, reference []float32, width int) Match {
	n, m := len(candidate)/width, len(reference)/width
	if n == 0 || m == 0 {
		return Match{}
	}
	a, b := unitRows(candidate, width), unitRows(reference, width)
	rows, columns := make([]float64, n), make([]float64, m)
	for j := range columns {
		columns[j] = math.Inf(-1)
	}
	for i := range rows {
		rows[i] = math.Inf(-1)
		for j := range columns {
			cosine := 0.
			for k := range width {
				cosine += a[i*width+k] * b[j*width+k]
			}
			rows[i], columns[j] = max(rows[i], cosine), max(columns[j], cosine)
		}
	}
	r := Match{Precision: mean(rows), Recall: mean(columns)}
	if sum := r.Precision + r.Recall; sum != 0 {
		r.F1 = 2 * r.Precision * r.Recall / sum
	}
	return r
}

// unitRows scales each row to length 1; a row of zeros stays.
func unitRows(v []float32, width int) []float64 {
	out := make([]float64, len(v))
	for at := 0; at+width <= len(v); at += width {
		sum := 0.
		for _, x := range v[at : at+width] {
			sum += float64(x) * float64(x)
		}
		if sum == 0 {
			continue
		}
		for k, x := range v[at : at+width] {
			out[at+k] = float64(x) / math.Sqrt(sum)
		}
	}
	return out
}

func mean(v []float64) float64 {
	sum := 0.
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

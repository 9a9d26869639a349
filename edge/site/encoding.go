package site

import (
	"strconv"
	"strings"
)

// preferred is the first stored form that the client accepts (RFC 9110, section 12.5.3), or the
// file without compression, which every client accepts.
func preferred(f File, accept []string) Encoding {
	weights := acceptedEncodings(accept)
	for _, e := range f.Encodings {
		weight, named := weights[e.Name]
		if !named {
			weight = weights["*"]
		}
		if weight > 0 {
			return e
		}
	}
	return f.identity()
}

// acceptedEncodings reads Accept-Encoding into weights by name. A weight that is no number counts
// as 0: the compressed form is not sent to a client that may not understand it.
func acceptedEncodings(accept []string) map[string]float64 {
	weights := map[string]float64{}
	for _, value := range accept {
		for one := range strings.SplitSeq(value, ",") {
			name, parameter, found := strings.Cut(one, ";")
			weight := 1.
			if found {
				number, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
				parsed, err := strconv.ParseFloat(number, 64)
				if weight = parsed; !ok || err != nil || !(parsed >= 0 && parsed <= 1) {
					weight = 0
				}
			}
			weights[strings.ToLower(strings.TrimSpace(name))] = weight
		}
	}
	return weights
}

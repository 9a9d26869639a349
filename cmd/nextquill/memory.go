package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"nextquill/core/api"
	"nextquill/core/fault"
	"nextquill/report"
)

// byteSize is a number of bytes in a form such as 600MB, 1.5GB or 512MiB.
type byteSize int64

var byteUnits = []struct {
	name  string
	bytes float64
}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1e3}, {"M", 1e6},
	{"G", 1e9}, {"B", 1}, {"", 1}}

// UnmarshalText parses a size. kong calls it.
func (b *byteSize) UnmarshalText(text []byte) error {
	upper := strings.ToUpper(strings.TrimSpace(string(text)))
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(upper, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n *= u.bytes; err != nil || !(n >= 1 && n < math.MaxInt64) {
			break
		}
		*b = byteSize(n)
		return nil
	}
	return fault.New(fault.Malformed, "--memory", "", "%s is not a size", fault.Quote(string(text))).
		WithRemedy("use a size such as 600MB or 1.5GB")
}

// loading returns the load options of the flags.
func (g globals) loading() api.Loading {
	l := api.Loading{Base: g.Base}
	if g.Memory != 0 { // the flag cannot be 0
		l.MemoryLimit = new(int64(g.Memory))
	}
	return l
}

// showMemory shows a call's GPU memory estimate if it exceeds the ones shown before.
func (j *job) showMemory(raw json.RawMessage) {
	var e api.MemoryEvent
	if json.Unmarshal(raw, &e) != nil || e.Peak <= j.peak || j.JSON {
		return
	}
	j.peak = e.Peak
	var parts []string
	for _, k := range []struct {
		name  string
		bytes int64
	}{{"weights", e.Base}, {"adapter", e.Adapter}, {"optimizer", e.Optimizer}, {"activations", e.Activations},
		{"cache", e.Cache}} {
		if k.bytes > 0 {
			parts = append(parts, k.name+" "+report.Bytes(k.bytes))
		}
	}
	j.note(fmt.Sprintf("GPU memory: at most %s (%s)%s", report.Bytes(e.Peak), strings.Join(parts, ", "),
		recomputeReason(e)))
}

// warnAdapterMismatch warns once per adapter if it is used under other conditions than it was
// trained.
func (j *job) warnAdapterMismatch(raw json.RawMessage) {
	var e api.AdapterEvent
	if json.Unmarshal(raw, &e) != nil || j.JSON {
		return
	}
	var parts []string
	if e.TrainedTemplate != "" && e.TrainedTemplate != e.Template {
		parts = append(parts, fmt.Sprintf("with the template %s instead of %s", e.TrainedTemplate, e.Template))
	}
	if e.TrainedBase != "" && e.TrainedBase != e.Base {
		parts = append(parts, fmt.Sprintf("on a %s base model instead of %s", e.TrainedBase, e.Base))
	}
	text := report.Clean(fmt.Sprintf("The adapter in %s was trained %s", j.table.Path(e.Adapter),
		strings.Join(parts, ", and ")))
	if !slices.Contains(j.warned, text) {
		j.warned = append(j.warned, text)
		j.note(text)
	}
}

// recomputeReason tells why activations are recomputed. It returns "" if they are kept.
func recomputeReason(e api.MemoryEvent) string {
	if !e.Recompute {
		return ""
	}
	why := map[string]string{
		api.WhyAsked: "requested", api.WhyLimit: "to fit --memory", api.WhyDevice: "this GPU cannot hold them",
		api.WhyDefault: "they need over 512 MiB; --no-recompute keeps them, which is faster",
	}[e.Why]
	return "; activations are recomputed: " + why
}

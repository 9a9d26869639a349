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

// byteSize is a number of bytes as people write it: 600MB, 1.5GB, 512MiB.
type byteSize int64

var byteUnits = []struct {
	name  string
	bytes float64
}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"B", 1}, {"", 1}}

// UnmarshalText reads a size; kong calls it.
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
	return fault.New(fault.Malformed, "--memory", "", "%s is no size", fault.Quote(string(text))).WithRemedy("write one such as 600MB or 1.5GB")
}

// loading is what the flags say on how a model comes to the GPU.
func (g globals) loading() api.Loading {
	return api.Loading{Base: g.Base, Memory: int64(g.Memory)}
}

// noteMemory shows what a call will take on the GPU, where that is more than shown before.
func (j *job) noteMemory(raw json.RawMessage) {
	var e api.MemoryEvent
	if json.Unmarshal(raw, &e) != nil || e.Peak <= j.peak || j.JSON {
		return
	}
	j.peak = e.Peak
	var parts []string
	for _, k := range []struct {
		name  string
		bytes int64
	}{{"weights", e.Base}, {"adapter", e.Adapter}, {"optimizer", e.Optimizer}, {"activations", e.Activations}, {"cache", e.Cache}} {
		if k.bytes > 0 {
			parts = append(parts, k.name+" "+report.Bytes(k.bytes))
		}
	}
	j.note(fmt.Sprintf("GPU memory: %s at most (%s)%s", report.Bytes(e.Peak), strings.Join(parts, ", "), aboutRecompute(e)))
}

// noteAdapter says that an adapter is used otherwise than it was trained, once for each.
func (j *job) noteAdapter(raw json.RawMessage) {
	var e api.AdapterEvent
	if json.Unmarshal(raw, &e) != nil || j.JSON {
		return
	}
	var parts []string
	if e.LearntTemplate != "" && e.LearntTemplate != e.Template {
		parts = append(parts, fmt.Sprintf("with the template %s, not %s", e.LearntTemplate, e.Template))
	}
	if e.LearntBase != "" && e.LearntBase != e.Base {
		parts = append(parts, fmt.Sprintf("on a %s base, not %s", e.LearntBase, e.Base))
	}
	text := report.Clean(fmt.Sprintf("The adapter in %s was trained %s", j.table.Path(e.Adapter), strings.Join(parts, ", and ")))
	if !slices.Contains(j.told, text) {
		j.told = append(j.told, text)
		j.note(text)
	}
}

// aboutRecompute says why activations are recomputed; that they are kept goes without saying.
func aboutRecompute(e api.MemoryEvent) string {
	if !e.Recompute {
		return ""
	}
	why := map[string]string{
		api.WhyAsked: "as asked", api.WhyCap: "to fit --memory", api.WhyDevice: "this GPU cannot hold them",
		api.WhyDefault: "kept they would pass 512 MiB; --no-recompute keeps them, which is faster",
	}[e.Why]
	return "; activations are recomputed: " + why
}

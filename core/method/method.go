package method

import (
	"slices"
	"strings"

	"nextquill/core/causal"
	"nextquill/core/fault"
)

// Regime says on whose texts a method trains.
type Regime string

const (
	// Personal trains on the texts of one user, or not at all.
	Personal Regime = "personal"
	// Pooled trains one adapter on the texts of many users, as the paper does.
	Pooled Regime = "pooled"
	// PooledPersonal continues the pooled adapter on the texts of one user.
	PooledPersonal Regime = "pooled-personal"
)

// Regimes lists the regimes.
func Regimes() []Regime { return []Regime{Personal, Pooled, PooledPersonal} }

// Method describes a method. The zero value of a field means that the method does without it.
type Method struct {
	Name    string `json:"name"`
	Title   string `json:"title"`   // in tables
	Summary string `json:"summary"` // one sentence
	// Regimes are those that make sense for the method, the usual one first.
	Regimes []Regime `json:"regimes"`
	// Preset is the objective that the method trains with, see causal.Presets; "" trains nothing.
	Preset string `json:"preset,omitempty"`
	// NoHistory prompts without history.
	NoHistory bool `json:"no_history,omitempty"`
	// Retrieval is one of api's Retrieval constants, or RetrievalDense; "" means that of Options.
	Retrieval string `json:"retrieval,omitempty"`
	// Steering are the strengths s of z^0 + s·(z^h − z^0) that validation chooses from; nil scores
	// and writes with z^h, which is s = 1.
	Steering []float64 `json:"steering,omitempty"`
	// Datastore predicts with a datastore of the writer's tokens besides; see api.Datastore.
	Datastore bool `json:"datastore,omitempty"`
	// Summarized puts a summary of the history into the request, written by the model itself.
	Summarized bool `json:"summarized,omitempty"`
	// TaskAdapter merges an adapter that was trained on other users into the model first.
	TaskAdapter bool `json:"task_adapter,omitempty"`
}

// Trains reports whether the method trains an adapter for each user or for all.
func (m Method) Trains() bool { return m.Preset != "" }

// TrainsLike reports whether both methods train the same adapter from the same texts. Their
// predictions may differ.
func (m Method) TrainsLike(o Method) bool {
	if !m.Trains() || !o.Trains() || m.TaskAdapter != o.TaskAdapter || m.Retrieval != o.Retrieval {
		return false
	}
	a, errA := causal.Preset(m.Preset)
	b, errB := causal.Preset(o.Preset)
	return errA == nil && errB == nil && a == b
}

// Supports reports whether the method has the regime.
func (m Method) Supports(r Regime) bool { return slices.Contains(m.Regimes, r) }

// Names lists the names of the methods, in the order of tables.
func Names() []string {
	var names []string
	for _, m := range Methods() {
		names = append(names, m.Name)
	}
	return names
}

// ByName returns a method. An unknown name is a fault of kind Unsupported that lists the names.
func ByName(name string) (Method, error) {
	for _, m := range Methods() {
		if m.Name == name {
			return m, nil
		}
	}
	return Method{}, fault.New(fault.Unsupported, "method", fault.Quote(name), "unknown method").
		WithRemedy("use one of %s", strings.Join(Names(), ", "))
}

package method

import (
	"context"

	"nextquill/core/fault"
)

// Preference marks the preference tokens of a user's test and validation texts, by the ID of the
// item: those whose DCE under the base model with history exceeds δ.
type Preference struct {
	Marks map[string][]bool
}

// Preferences computes the preference tokens of a user. They do not depend on the method, so a
// caller computes them once for all methods.
func Preferences(ctx context.Context, e Engine, u User, o Options, on func(Progress)) (*Preference, error) {
	return nil, fault.New(fault.Unsupported, "method", "", "not built yet")
}

// Share trains what the method shares between users, and returns its folder: the pooled adapter, or
// the task adapter. It returns "" if the method shares nothing in the regime of o.
func (m Method) Share(ctx context.Context, e Engine, users []User, o Options, on func(Progress)) (string, error) {
	return "", fault.New(fault.Unsupported, "method", "", "not built yet")
}

// Run applies the method to one user.
func (m Method) Run(ctx context.Context, e Engine, u User, o Options, on func(Progress)) (Cell, error) {
	return Cell{}, fault.New(fault.Unsupported, "method", "", "not built yet")
}

// Losses scores the test texts of a user with the prompts of the method and an adapter, for author
// identification. The result has the loss of each text in nats, in the order of User.Test; NaN for
// a text that does not fit.
func (m Method) Losses(ctx context.Context, e Engine, u User, model, adapter string, o Options) ([]float64, error) {
	return nil, fault.New(fault.Unsupported, "method", "", "not built yet")
}

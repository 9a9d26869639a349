package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"nextquill/core/fault"
)

// pauses trains without interruption, and then with pauses at random moments, until there were n
// pauses in one or more trainings. All must give the same adapter. A checkpoint is written after
// each step, so a pause can come while one is written.
func (c *check) pauses(n int) error {
	// The first training compiles the shaders, so the second one is timed.
	if _, err := c.learn(); err != nil {
		return err
	}
	start := time.Now()
	steps, err := c.learn()
	if err != nil {
		return err
	}
	// A paused step is repeated. Some intervals must therefore be longer than a step.
	longest := 2 * float64(time.Since(start).Milliseconds()) / float64(steps)
	var want string
	if err := c.page.Call(c.ctx, &want, "weights"); err != nil {
		return err
	}
	var took []float64
	for len(took) < n {
		if err := c.page.Call(c.ctx, nil, "learn"); err != nil {
			return err
		}
		for ended := false; !ended && len(took) < n; {
			var milliseconds float64
			if err := c.page.Call(c.ctx, &milliseconds, "interrupt", rand.Float64()*longest); err != nil {
				return err
			}
			if ended = milliseconds < 0; !ended {
				took = append(took, milliseconds)
				fmt.Printf("pause %2d: %5.0f ms\n", len(took), milliseconds)
			}
		}
		if err := c.sameWeights(want); err != nil {
			return err
		}
	}
	slices.Sort(took)
	fmt.Printf("%d pauses: median %.0f ms, largest %.0f ms; the adapters are equal\n", n, took[n/2], took[n-1])
	if largest := time.Duration(took[n-1] * float64(time.Millisecond)); largest > maxCancel {
		return fault.New(fault.OutOfRange, "pause", "", "took %v", largest).WithLimit("%v", maxCancel)
	}
	return nil
}

// sameWeights waits for the run, and fails if its adapter differs from that of an uninterrupted
// one.
func (c *check) sameWeights(want string) error {
	if _, err := c.finish(); err != nil {
		return err
	}
	var got string
	if err := c.page.Call(c.ctx, &got, "weights"); err != nil {
		return err
	}
	if got != want {
		return fault.New(fault.Mismatch, "adapter", "", "has the SHA-256 %s after pauses", got).WithLimit("%s", want)
	}
	return nil
}

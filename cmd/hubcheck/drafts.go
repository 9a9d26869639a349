package main

import (
	"fmt"
	"slices"

	"nextquill/core/fault"
)

// drafts writes drafts in a row: the first opens the stored model, the next two load it or find it
// on the GPU. After the third draft, the guest's memory may grow by a fifth.
func (c *check) drafts(n int) error {
	var memory []int64
	var first []float64
	for i := range n {
		var milliseconds float64
		if err := c.page.Call(c.ctx, &milliseconds, "firstPiece", i == 0); err != nil {
			return err
		}
		size, err := c.browser.GuestMemory(c.ctx)
		if err != nil {
			return err
		}
		memory, first = append(memory, size), append(first, milliseconds)
		fmt.Printf("draft %2d: first piece after %5.0f ms, memory of the guest %.1f MB\n", i+1, milliseconds,
			float64(size)/1e6)
	}
	if n < 4 {
		return nil
	}
	if limit := memory[2] + memory[2]/5; slices.Max(memory[3:]) > limit {
		return fault.New(fault.TooLarge, "guest", "memory", "%d bytes", slices.Max(memory)).WithLimit("%d bytes", limit)
	}
	slices.Sort(first[1:])
	fmt.Printf("first piece with the model on the GPU: median %.0f ms\n", first[1:][(n-1)/2])
	return nil
}

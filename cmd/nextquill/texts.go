package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"nextquill/core/api"
)

// showTexts says which texts a call splits or leaves out. Each line is shown once.
func (j *job) showTexts(raw json.RawMessage) {
	var e api.TextsEvent
	if json.Unmarshal(raw, &e) != nil || j.JSON {
		return
	}
	for _, line := range append(textNotes("training", e.Train), textNotes("held-out", e.Heldout)...) {
		if !slices.Contains(j.said, line) {
			j.said = append(j.said, line)
			j.note(line)
		}
	}
}

// textNotes says how many texts of a kind are not used as they are, and why.
func textNotes(kind string, n api.TextCounts) (lines []string) {
	if n.Long > 0 {
		lines = append(lines, fmt.Sprintf("%d of %d %s texts are longer than a window; the texts make %d windows",
			n.Long, n.Texts, kind, n.Windows))
	}
	if n.Copies > 0 {
		lines = append(lines, fmt.Sprintf("%d %s texts are left out: they are also training texts", n.Copies, kind))
	}
	if n.Skipped > 0 {
		line := fmt.Sprintf("%d of %d %s texts are left out: their context is too long", n.Skipped,
			n.Skipped+n.Texts, kind)
		if len(n.SkippedItems) > 0 {
			line += fmt.Sprintf("; the first is %s: %s", n.SkippedItems[0].ID, n.SkippedItems[0].Reason)
		}
		lines = append(lines, line)
	}
	return lines
}

// textsFact describes texts in the report; which says which ones they are.
func textsFact(which string, n api.TextCounts) string {
	fact := fmt.Sprintf("%d, %s", n.Texts, which)
	if n.Long > 0 {
		fact += fmt.Sprintf("; %d longer than a window, %d windows in all", n.Long, n.Windows)
	}
	if n.Copies > 0 {
		fact += fmt.Sprintf("; %d left out, also training texts", n.Copies)
	}
	if n.Skipped > 0 {
		fact += fmt.Sprintf("; %d left out, their context is too long", n.Skipped)
	}
	return fact
}

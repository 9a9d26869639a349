package dataset

import "strings"

// closeThought closes a thought that the start of the assistant's turn opens, as the templates of
// models do that always think: DeepSeek-R1, Qwen3-Thinking. The writer's text is the answer, not a
// thought. With enable_thinking=False other templates put the same empty thought there. asked is
// the prompt, turns the conversation without the start of the answer.
func closeThought(asked, turns string) string {
	start, ok := strings.CutPrefix(asked, turns)
	if !ok { // the template lays out the turns differently
		start = lastLine(asked)
	}
	closing := openThought(start)
	switch {
	case closing == "":
		return asked
	case strings.HasSuffix(asked, "\n"):
		return asked + "\n" + closing + "\n\n"
	}
	return asked + "\n\n" + closing + "\n\n"
}

// openThought is the tag that closes the thought that text leaves open, or "".
func openThought(text string) (closing string) {
	for _, b := range []struct{ open, end, close string }{{"<", ">", "</"}, {"[", "]", "[/"}} {
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, b.open)
			if !ok {
				break
			}
			name, _, ok := strings.Cut(after, b.end)
			if ok && isThought(name) && !strings.Contains(after, b.close+name+b.end) {
				closing = b.close + name + b.end
			}
			rest = after
		}
	}
	return closing
}

// isThought reports whether a tag has the name of a thought: think, THINK, seed:think, reasoning.
func isThought(name string) bool {
	lower := strings.ToLower(name)
	if strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz_:-") != "" {
		return false
	}
	return strings.Contains(lower, "think") || strings.Contains(lower, "thought") || strings.Contains(lower, "reason")
}

// lastLine is the last line of a text that is not empty.
func lastLine(text string) string {
	text = strings.TrimRight(text, " \n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

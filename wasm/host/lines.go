package host

import (
	"bytes"
	"io"
)

// lines writes the guest's output, which comes in small pieces, line by line. It keeps the line
// that says why Go's runtime stopped.
type lines struct {
	to     io.Writer
	line   []byte
	reason string
}

// maxLine splits longer lines.
const maxLine = 4 << 10

// Write never fails: a broken log must not stop the guest.
func (l *lines) Write(p []byte) (int, error) {
	l.line = append(l.line, p...)
	for {
		end := bytes.IndexByte(l.line, '\n')
		switch {
		case end >= 0:
			end++
		case len(l.line) >= maxLine:
			end = len(l.line)
		default:
			return len(p), nil
		}
		l.take(l.line[:end])
		l.line = l.line[:copy(l.line, l.line[end:])]
	}
}

func (l *lines) take(line []byte) {
	for _, start := range []string{"fatal error: ", "panic: "} {
		if l.reason == "" && bytes.HasPrefix(line, []byte(start)) {
			l.reason = string(bytes.TrimSpace(line))
		}
	}
	_, _ = l.to.Write(line)
}

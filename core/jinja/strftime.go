package jinja

import (
	"strings"
	"time"
)

// layouts are the directives of strftime that are a plain layout of Go's, in the C locale.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM",
	'S': "05", 'y': "06", 'Y': "2006", 'h': "Jan", 'e': "_2", 'D': "01/02/06", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
}

func (m *machine) strftime(format string, t time.Time) string {
	m.pay(32 * len(format))
	m.step(len(format))
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		c := format[i]
		unpadded := c == '-' && i+1 < len(format)
		if unpadded {
			i++
			c = format[i]
		}
		layout, ok := layouts[c]
		switch {
		case c == '%' && !unpadded:
			b.WriteByte('%')
		case !ok:
			m.at.unsupported("the date format %%%c", c)
		case unpadded:
			if s := strings.TrimLeft(t.Format(layout), "0 "); s != "" {
				b.WriteString(s)
			} else {
				b.WriteByte('0')
			}
		default:
			b.WriteString(t.Format(layout))
		}
	}
	return b.String()
}

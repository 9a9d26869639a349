package jinja

import (
	"strings"
	"time"
)

// goLayout returns Go's layout for a strftime directive in the C locale, or "". The chat templates
// of Llama 3.1 and 3.2 call strftime_now("%d %b %Y"); transformers passes the format to Python's
// datetime.strftime.
func goLayout(directive byte) string {
	switch directive {
	case 'a':
		return "Mon"
	case 'A':
		return "Monday"
	case 'b', 'h':
		return "Jan"
	case 'B':
		return "January"
	case 'd':
		return "02"
	case 'e':
		return "_2"
	case 'H':
		return "15"
	case 'I':
		return "03"
	case 'j':
		return "002"
	case 'm':
		return "01"
	case 'M':
		return "04"
	case 'p':
		return "PM"
	case 'S':
		return "05"
	case 'y':
		return "06"
	case 'Y':
		return "2006"
	case 'D', 'x':
		return "01/02/06"
	case 'F':
		return "2006-01-02"
	case 'T', 'X':
		return "15:04:05"
	case 'R':
		return "15:04"
	case 'c':
		return "Mon Jan _2 15:04:05 2006"
	}
	return ""
}

func (m *machine) strftime(format string, t time.Time) string {
	m.alloc(32 * len(format))
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
		layout := goLayout(c)
		switch {
		case c == '%' && !unpadded:
			b.WriteByte('%')
		case layout == "":
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

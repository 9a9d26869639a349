package history

import (
	"strconv"
	"strings"
	"time"
)

// layouts are the supported formats of a time in addition to Unix seconds, most exact first.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/01/02", "2006-01", "2006",
	time.RFC1123Z, time.RFC1123, "2 January 2006", "January 2, 2006",
}

// parseTime reads a time. Without a zone it is UTC.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return inRange(t)
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && len(s) > 4 {
		return unixTime(f)
	}
	return time.Time{}, false
}

// unixTime reads seconds since 1970, or milliseconds as in JavaScript: values that would be after
// the year 5000 in seconds.
func unixTime(f float64) (time.Time, bool) {
	if f > 1e11 || f < -1e11 {
		f /= 1000
	}
	if !(f > -1e11 && f < 1e11) {
		return time.Time{}, false
	}
	return inRange(time.UnixMicro(int64(f * 1e6)))
}

// inRange accepts the years that RFC 3339 can represent, except the zero time, which means no time.
func inRange(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		return time.Time{}, false
	}
	return t, true
}

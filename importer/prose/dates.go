package prose

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// layouts are the supported forms of a time, most exact first. Without a zone a time is UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 Z07:00",
	"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02 15:04:05.999999999 MST", "2006-01-02 15:04 -0700",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02", "2006/01/02 15:04:05", "2006/01/02 15:04",
	"2006/01/02", "2006.01.02", "2006-1-2", "2006/1/2", "2006-01",
	time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700",
	time.RubyDate, time.ANSIC, time.UnixDate,
	"2 January 2006", "January 2, 2006", "2 Jan 2006", "Jan 2, 2006", "January 2, 2006 15:04", "Jan 2, 2006 15:04",
	"Jan 2, 2006, 3:04:05 PM", "January 2, 2006 at 3:04 PM", "January 2, 2006 at 3:04:05 PM MST",
	"20060102T150405Z", "20060102T150405",
}

// compact are times without separators, by their number of digits.
var compact = map[int]string{4: "2006", 8: "20060102", 12: "200601021504", 14: "20060102150405"}

// ParseTime reads a time. A bare number is a compact date where it is a valid one of the years 1900
// to 2100, else Unix seconds, milliseconds or microseconds; below 1e8 it is no time.
func ParseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 64 {
		return time.Time{}, false
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		if layout := compact[len(s)]; layout != "" {
			if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1900 && t.Year() <= 2100 {
				return t, true
			}
		}
		return UnixTime(f)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return InRange(t)
		}
	}
	return dayFirst(s)
}

// dayFirst reads 17.05.2024, 17/05/2024 where the day is above 12, and both with a time of day.
func dayFirst(s string) (time.Time, bool) {
	layouts := []string{"2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006", "2.1.2006, 15:04"}
	if day, rest, ok := strings.Cut(s, "/"); ok {
		month, _, _ := strings.Cut(rest, "/")
		d, _ := strconv.Atoi(day)
		m, _ := strconv.Atoi(month)
		switch {
		case d > 12:
			layouts = []string{"2/1/2006 15:04:05", "2/1/2006 15:04", "2/1/2006 3:04:05 PM", "2/1/2006 3:04 PM",
				"2/1/2006"}
		case m > 12 || d == m:
			layouts = []string{"1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM",
				"1/2/2006"}
		default:
			return time.Time{}, false // the order is unknown
		}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return InRange(t)
		}
	}
	return time.Time{}, false
}

// UnixTime reads seconds since 1970, or milliseconds or microseconds by the size of the number.
func UnixTime(f float64) (time.Time, bool) {
	switch a := math.Abs(f); {
	case !(a >= 1e8) || a >= 1e18:
		return time.Time{}, false
	case a >= 1e14:
		f /= 1e6
	case a >= 1e11:
		f /= 1e3
	}
	return InRange(time.UnixMicro(int64(math.Round(f * 1e6))))
}

// InRange accepts the years that RFC 3339 can represent, except the zero time, which means no time.
func InRange(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		return time.Time{}, false
	}
	return t, true
}

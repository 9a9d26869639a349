// Package fault defines the typed error for invalid input, storage failures and unsuitable devices.
//
// Everything that a user can cause or fix (a file, a setting, a full disk, a weak GPU) is reported
// as an *Error. It says what kind of problem it is, where, in which field, against which limit, and
// what to do about it. Programming errors panic instead.
//
// Test for a kind with errors.Is(err, fault.TooLarge) or fault.KindOf(err).
package fault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind classifies a fault. It is an error value itself, so that errors.Is(err, fault.Missing)
// works.
type Kind string

// The kinds. Their text is stable: hosts and the browser page depend on it.
const (
	Malformed   Kind = "malformed"    // the data is not in the expected format
	TooLarge    Kind = "too-large"    // a length or count exceeds a limit
	OutOfRange  Kind = "out-of-range" // a number is outside the range of its field
	Mismatch    Kind = "mismatch"     // two inputs contradict each other
	Missing     Kind = "missing"      // a file, tensor, field or item does not exist
	Unsupported Kind = "unsupported"  // valid, but requires an unsupported feature
	NoAdapter   Kind = "no-adapter"   // no GPU on this machine
	DeviceLimit Kind = "device-limit" // the device's limits are below what the job needs
	Device      Kind = "device"       // the device rejected a command: a bug here or in the driver
	DeviceLost  Kind = "device-lost"  // the device was lost during the job
	Storage     Kind = "storage"      // reading or writing storage failed: disk full, no permission
	Cancelled   Kind = "cancelled"    // the caller cancelled the operation
	NaN         Kind = "nan"          // a value that must be finite is not
	Internal    Kind = "internal"     // a bug in the program, such as a panic
)

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return string(k) }

// Error is one fault. Only Kind and Detail are always set.
type Error struct {
	Kind   Kind
	Where  string // file, blob, kernel or flag
	Field  string // part of Where: `tensor "x"`, "hidden_size", "line 12"
	Detail string // what is wrong, with the offending value
	Limit  string // the limit that was exceeded, if any
	Remedy string // what to do, in the imperative
	Err    error  // the underlying error, if any
}

// Error returns "where: field: detail (limit …): cause; remedy".
func (e *Error) Error() string {
	var b strings.Builder
	for _, s := range []string{e.Where, e.Field} {
		if s != "" {
			b.WriteString(s)
			b.WriteString(": ")
		}
	}
	if e.Detail != "" {
		b.WriteString(e.Detail)
	} else {
		b.WriteString(string(e.Kind))
	}
	if e.Limit != "" {
		b.WriteString(" (limit ")
		b.WriteString(e.Limit)
		b.WriteByte(')')
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Is matches a Kind, or an *Error used as a pattern: the same Kind, and the same Where and Field if
// the pattern sets them.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Kind:
		return e.Kind == t
	case *Error:
		return e.Kind == t.Kind && (t.Where == "" || t.Where == e.Where) && (t.Field == "" || t.Field == e.Field)
	}
	return false
}

// New returns a fault. Detail is formatted from format and args.
func New(kind Kind, where, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Where: where, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// WithLimit sets the limit that was exceeded, and returns e.
func (e *Error) WithLimit(format string, args ...any) *Error {
	e.Limit = fmt.Sprintf(format, args...)
	return e
}

// WithRemedy sets what to do, and returns e.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	e.Remedy = fmt.Sprintf(format, args...)
	return e
}

// WithCause sets the underlying error, and returns e.
func (e *Error) WithCause(err error) *Error {
	e.Err = err
	return e
}

// KindOf returns the kind of the outermost fault in err's chain, or "" if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var k Kind
	if errors.As(err, &k) {
		return k
	}
	return ""
}

// maxQuoted bounds what Quote shows: names in hostile files can be megabytes long.
const maxQuoted = 80

// Quote quotes text from input for use in a message. It escapes control characters and truncates
// long text.
func Quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	cut := maxQuoted
	for cut > maxQuoted-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", strconv.Quote(s[:cut]), len(s))
}

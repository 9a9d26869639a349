// Package fault is the one typed error for input, storage and devices that are not what we need.
//
// Anything a person can cause or cure (a file, a setting, a full disk, a weak GPU) is reported as an *Error: what kind of
// thing is wrong, where, in which field, against which limit, and what to do about it. Programming mistakes panic instead.
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

// Kind says what sort of thing is wrong. It is itself an error value so that errors.Is(err, fault.Missing) reads naturally.
type Kind string

// The kinds. Their text is stable: hosts and the browser page switch on it.
const (
	Malformed   Kind = "malformed"    // the bytes are not the format they claim to be
	TooLarge    Kind = "too-large"    // a length or count is over a limit of ours
	OutOfRange  Kind = "out-of-range" // a number is outside what its field allows
	Mismatch    Kind = "mismatch"     // two inputs contradict each other
	Missing     Kind = "missing"      // a file, tensor, field or item is not there
	Unsupported Kind = "unsupported"  // well formed, but asks for something we do not do
	NoAdapter   Kind = "no-adapter"   // no GPU adapter on this machine
	DeviceLimit Kind = "device-limit" // the device offers less than the job needs
	Device      Kind = "device"       // the device refused a command: a defect of ours or of the driver
	DeviceLost  Kind = "device-lost"  // the device went away during the job
	Storage     Kind = "storage"      // reading or writing storage failed: disk full, no permission
	Cancelled   Kind = "cancelled"    // the caller asked to stop
	NaN         Kind = "nan"          // a value that must be finite is not
	Internal    Kind = "internal"     // a defect in the program, such as a panic
)

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return string(k) }

// Error is one fault. Only Kind and Detail are always set.
type Error struct {
	Kind   Kind
	Where  string // file, blob, kernel or flag
	Field  string // the part of it: `tensor "x"`, "hidden_size", "line 12"
	Detail string // what was found, with the offending value
	Limit  string // the bound it broke, when there is one
	Remedy string // what to do, in the imperative
	Err    error  // the cause, when another error lies beneath
}

// Error reads "where: field: detail (limit …): cause; remedy".
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

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches a Kind, or an *Error used as a pattern: the same kind, and the same Where and Field where the pattern sets them.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Kind:
		return e.Kind == t
	case *Error:
		return e.Kind == t.Kind && (t.Where == "" || t.Where == e.Where) && (t.Field == "" || t.Field == e.Field)
	}
	return false
}

// New makes a fault; format and args give its Detail.
func New(kind Kind, where, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Where: where, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// WithLimit names the bound that was broken, and returns e.
func (e *Error) WithLimit(format string, args ...any) *Error {
	e.Limit = fmt.Sprintf(format, args...)
	return e
}

// WithRemedy says what to do, and returns e.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	e.Remedy = fmt.Sprintf(format, args...)
	return e
}

// WithCause records the error beneath, and returns e.
func (e *Error) WithCause(err error) *Error {
	e.Err = err
	return e
}

// KindOf gives the kind of the outermost fault in err's chain, or "" when there is none.
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

// maxQuoted bounds what Quote shows: names in hostile files can be megabytes.
const maxQuoted = 80

// Quote quotes text taken from input for use in a message: control characters are escaped, long text is cut.
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

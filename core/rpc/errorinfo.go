package rpc

import (
	"context"
	"errors"
	"io/fs"

	"nextquill/core/api"
	"nextquill/core/fault"
)

// Limits of an ErrorInfo: an error may quote a hostile file.
const (
	maxCauses = 8        // nested errors
	maxText   = 16 << 10 // bytes of a text
)

// sentinels are the errors that callers compare by identity. DecodeError recognizes them by their
// text.
var sentinels = []error{fs.ErrNotExist, context.Canceled, context.DeadlineExceeded}

// EncodeError describes err; it returns nil if err is nil. The bare error of a finished context
// becomes a fault of kind Cancelled.
func EncodeError(err error) *api.ErrorInfo {
	if err != nil && fault.KindOf(err) == "" &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = fault.New(fault.Cancelled, "", "", "stopped").WithCause(err)
	}
	return describe(err, maxCauses)
}

func describe(err error, depth int) *api.ErrorInfo {
	if err == nil || depth == 0 {
		return nil
	}
	info := &api.ErrorInfo{Message: cut(err.Error())}
	switch e := err.(type) {
	case *fault.Error:
		info.Kind, info.Where, info.Field = string(e.Kind), cut(e.Where), cut(e.Field)
		info.Detail, info.Limit, info.Remedy = cut(e.Detail), cut(e.Limit), cut(e.Remedy)
	case fault.Kind:
		info.Kind = string(e)
		return info
	}
	info.Cause = describe(unwrap(err), depth-1)
	return info
}

// unwrap returns the error that err wraps. If err wraps several, it returns the first one that
// contains a fault, else the first one.
func unwrap(err error) error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return e.Unwrap()
	case interface{ Unwrap() []error }:
		all := e.Unwrap()
		for _, one := range all {
			if fault.KindOf(one) != "" {
				return one
			}
		}
		if len(all) > 0 {
			return all[0]
		}
	}
	return nil
}

func cut(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "…"
	}
	return s
}

// DecodeError rebuilds the error that EncodeError described; it returns nil for nil. errors.Is and
// errors.As find in it what they found in the original: kinds, faults, fs.ErrNotExist and
// context.Canceled.
func DecodeError(e *api.ErrorInfo) error { return rebuild(e, maxCauses) }

func rebuild(e *api.ErrorInfo, depth int) error {
	if e == nil || depth == 0 {
		return nil
	}
	for _, s := range sentinels {
		if e.Message == s.Error() {
			return s
		}
	}
	cause := rebuild(e.Cause, depth-1)
	if e.Kind == "" {
		return &remoteError{text: e.Message, cause: cause}
	}
	return &fault.Error{
		Kind: fault.Kind(e.Kind), Where: e.Where, Field: e.Field, Detail: e.Detail,
		Limit: e.Limit, Remedy: e.Remedy, Err: cause,
	}
}

// remoteError is an error of the other side that is not a fault.
type remoteError struct {
	text  string
	cause error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.cause }

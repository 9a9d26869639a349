package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"nextquill/core/fault"
)

// Guard runs f and turns a panic into a fault that says where it was thrown.
func Guard(what string, f func() error) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = &fault.Error{
				Kind: fault.Internal, Where: what, Field: panicPlace(),
				Detail: fmt.Sprintf("panic: %v", thrown), Remedy: "this is a defect in the program: report it",
			}
		}
	}()
	return f()
}

// panicPlace finds the line that panicked: the newest frame that is neither the
// runtime's nor ours here. Call it from the deferred function that recovers.
func panicPlace() string {
	var pcs [64]uintptr
	// Skip runtime.Callers, panicPlace, and the deferred function.
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") && f.Line > 0 { // the guest has lines for our own functions only
			file := f.File
			if i := strings.LastIndex(file, "/core/"); i >= 0 {
				file = file[i+1:]
			} else {
				file = file[strings.LastIndexByte(file, '/')+1:]
			}
			return fmt.Sprintf("%s:%d", file, f.Line)
		}
		if !more {
			return ""
		}
	}
}

func unmarshalStrict(raw []byte, p any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the JSON value")
	}
	return nil
}

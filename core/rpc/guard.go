package rpc

import (
	"fmt"
	"runtime"
	"strings"

	"nextquill/core/fault"
)

// Guard runs f and turns a panic into a fault of kind Internal. what is the fault's Where, the line
// that panicked is its Field.
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

// panicPlace returns the line that panicked: the newest frame that is not the Go runtime's. It must
// be called by the deferred function that recovers.
func panicPlace() string {
	var pcs [64]uintptr
	// Skip runtime.Callers, panicPlace and the deferred function.
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		// In the guest, only functions of this repository have line numbers.
		if !strings.HasPrefix(f.Function, "runtime.") && f.Line > 0 {
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

//go:build js && wasm

package main

import (
	"context"
	"errors"
	"io"
	"syscall/js"
)

// stream reads a JavaScript ReadableStream.
type stream struct {
	ctx      context.Context
	readable js.Value
	reader   js.Value // undefined before the first read
	rest     js.Value // what is left of the last chunk
	length   int      // its bytes
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.reader.IsUndefined() {
		s.reader = s.readable.Call("getReader")
	}
	for s.length == 0 {
		result, err := await(s.ctx, s.reader.Call("read"))
		if err != nil {
			return 0, err
		}
		if result.Get("done").Bool() {
			return 0, io.EOF
		}
		s.rest = result.Get("value")
		s.length = s.rest.Length()
	}
	n := js.CopyBytesToGo(p, s.rest)
	s.length -= n
	if s.length > 0 {
		s.rest = s.rest.Call("subarray", n)
	}
	return n, nil
}

// Close implements io.Closer. A stream that was handed over to the runtime is not touched.
func (s *stream) Close() error {
	if s.readable.IsUndefined() {
		return nil
	}
	if s.reader.IsUndefined() {
		s.readable.Call("cancel")
	} else {
		s.reader.Call("cancel")
	}
	s.readable = js.Undefined()
	return nil
}

// handOver returns the JavaScript stream, if nothing of it was read. Go reads no more of it.
func (s *stream) handOver() (js.Value, bool) {
	readable := s.readable
	if readable.IsUndefined() || !s.reader.IsUndefined() {
		return js.Undefined(), false
	}
	s.readable = js.Undefined()
	return readable, true
}

// await waits for a promise.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	settled := make(chan outcome, 1)
	fulfilled := js.FuncOf(func(_ js.Value, args []js.Value) any {
		settled <- outcome{value: args[0]}
		return nil
	})
	defer fulfilled.Release()
	rejected := js.FuncOf(func(_ js.Value, args []js.Value) any {
		settled <- outcome{err: errors.New(args[0].Call("toString").String())}
		return nil
	})
	defer rejected.Release()
	promise.Call("then", fulfilled, rejected)
	// The functions must outlive the promise, so a finished ctx does not end the wait early.
	o := <-settled
	if o.err == nil && ctx.Err() != nil {
		o.err = ctx.Err()
	}
	return o.value, o.err
}

package browsertest

import (
	"context"
	"sync"

	"github.com/chromedp/cdproto/target"
)

// GuestMemory returns the size in bytes of the largest WebAssembly.Memory in the browser's workers.
func (b *Browser) GuestMemory(ctx context.Context) (int64, error) {
	w, err := dialCDP(ctx, b.address, func(target.SessionID, string, []byte) {})
	if err != nil {
		return 0, err
	}
	defer w.close()
	var mu sync.Mutex
	var workers []target.SessionID
	err = w.autoAttach(ctx, func(e *target.EventAttachedToTarget) []answer {
		if e.TargetInfo.Type == "worker" {
			mu.Lock()
			workers = append(workers, e.SessionID)
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var largest int64
	for _, worker := range workers {
		size, err := w.memoryOf(ctx, worker)
		if err != nil {
			return 0, err
		}
		largest = max(largest, size)
	}
	return largest, nil
}

// memoryOf returns the size of the largest WebAssembly.Memory of one worker.
func (w *cdpConn) memoryOf(ctx context.Context, worker target.SessionID) (int64, error) {
	type object struct{ ObjectID string }
	var prototype struct{ Result object }
	err := w.call(ctx, worker, "Runtime.evaluate", map[string]any{"expression": "WebAssembly.Memory.prototype"},
		&prototype)
	if err != nil {
		return 0, err
	}
	var memories struct{ Objects object }
	err = w.call(ctx, worker, "Runtime.queryObjects",
		map[string]any{"prototypeObjectId": prototype.Result.ObjectID}, &memories)
	if err != nil {
		return 0, err
	}
	var size struct{ Result struct{ Value int64 } }
	err = w.call(ctx, worker, "Runtime.callFunctionOn", map[string]any{
		"objectId":            memories.Objects.ObjectID,
		"functionDeclaration": "function() { return Math.max(0, ...this.map((memory) => memory.buffer.byteLength)) }",
		"returnByValue":       true,
	}, &size)
	return size.Result.Value, err
}

package conformance

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"time"

	"nextquill/core/fault"
)

// probe is an event of this suite.
type probe struct {
	Event string `json:"event"` // "probe"
	N     int    `json:"n"`
	Text  string `json:"text,omitempty"`
}

var hostCases = []testCase{
	{"host: events of all sizes", func(t *test) {
		for n := range 100 {
			t.must(t.env.Emit(probe{Event: "probe", N: n}))
		}
		t.must(t.env.Emit(probe{Event: "probe", Text: strings.Repeat("é", 1<<20)}))
	}},
	{"host: an event without a name", func(t *test) {
		t.check(t.env.Emit(json.RawMessage(`{"n":1}`)) != nil, "it was accepted")
		t.check(t.env.Emit(json.RawMessage(`7`)) != nil, "it was accepted")
	}},
	{"host: yields", func(t *test) {
		for range t.params.RoundTrips {
			t.must(t.env.Pause(t))
		}
	}},
	{"host: a cancelled context stops every operation", func(t *test) {
		b := t.buffer(4)
		t.must(t.gpu.Flush())
		ctx, cancel := context.WithCancel(t)
		cancel()
		t.refused(t.gpu.Device().Read(ctx, b, 0, make([]byte, 4)), "read", fault.Cancelled)
		t.refused(t.gpu.Device().Wait(ctx, 0), "wait", fault.Cancelled)
		t.refused(t.gpu.Device().Load(ctx, folder+"x", 0, 4, b, 0), "load", fault.Cancelled)
		_, err := t.env.Blobs.Size(ctx, folder+"x")
		t.refused(err, "size", fault.Cancelled)
		t.refused(t.env.Blobs.Write(ctx, folder+"x", nil), "write", fault.Cancelled)
		t.refused(t.env.Pause(ctx), "yield", fault.Cancelled)
	}},
	{"host: the clock advances", func(t *test) {
		start := t.env.Now()
		t.check(start.After(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)), "it says %v", start)
		for range 1_000_000 {
			if t.env.Now().After(start) {
				return
			}
		}
		t.fail("it stands still")
	}},
	{"host: buffers outlive collections while the guest waits", func(t *test) {
		b := t.buffer(1 << 16)
		data := pattern(1 << 18)
		t.gpu.Write(b, 0, data)
		var kept [][]byte
		for i := range 50 {
			got := t.words(b, 0, 1<<16)
			if i%10 == 0 {
				runtime.GC()
			}
			kept = append(kept, got)
		}
		for _, got := range kept {
			t.check(string(got) == string(data), "memory was reused under a read")
		}
	}},
}

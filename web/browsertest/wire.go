package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp/remote"
)

// wire is a connection of its own to a running browser. Through follow it is
// attached to everything that runs there: pages, frames, workers of every kind.
// chromedp follows one page, and what a service worker says it drops.
type wire struct {
	conn     *remote.Conn
	done     chan struct{}
	attached func(*target.EventAttachedToTarget) []answer
	event    func(from target.SessionID, method string, params []byte)
	welcomes sync.WaitGroup

	mu     sync.Mutex
	lastID int64
	calls  map[int64]chan *cdproto.Message
	err    error
}

// answer waits for the answer to a command and stores its result.
type answer func(ctx context.Context, result any) error

// everything is what a target is to be attached to: what it starts, each paused at its first line.
var everything = map[string]any{"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true}

// dialWire connects. event hears the browser and must not wait for it.
func dialWire(ctx context.Context, address string, event func(from target.SessionID, method string, params []byte)) (*wire, error) {
	conn, err := remote.DialContext(ctx, address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, done: make(chan struct{}), event: event, calls: map[int64]chan *cdproto.Message{}}
	go w.listen()
	return w, nil
}

// follow attaches to all that runs, and returns when that is done, and to all
// that will start. attached is called once for each target, before the first
// line of its code runs, to send what it needs; it must not wait for answers.
func (w *wire) follow(ctx context.Context, attached func(*target.EventAttachedToTarget) []answer) error {
	w.attached = attached
	if err := w.call(ctx, "", "Target.setAutoAttach", everything, nil); err != nil {
		return err
	}
	w.welcomes.Wait()
	return nil
}

func (w *wire) close() {
	_ = w.conn.Close()
	<-w.done
}

func (w *wire) listen() {
	defer close(w.done)
	for {
		m := new(cdproto.Message)
		if err := w.conn.Read(context.Background(), m); err != nil {
			w.fail(err)
			return
		}
		switch {
		case m.ID != 0:
			w.mu.Lock()
			reply := w.calls[m.ID]
			delete(w.calls, m.ID)
			w.mu.Unlock()
			if reply != nil {
				reply <- m
			}
		case m.Method == "Target.attachedToTarget":
			var e target.EventAttachedToTarget
			if err := json.Unmarshal(m.Params, &e); err == nil {
				w.welcomes.Go(func() { w.welcome(&e) })
			}
		default:
			w.event(m.SessionID, string(m.Method), m.Params)
		}
	}
}

func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	for id, reply := range w.calls {
		close(reply)
		delete(w.calls, id)
	}
}

// welcome has a new target watched, and then lets it run. The commands go out
// one after the other without waiting for answers, some of which only come once
// the target runs.
func (w *wire) welcome(e *target.EventAttachedToTarget) {
	ctx := context.Background()
	answers := []answer{w.send(ctx, e.SessionID, "Target.setAutoAttach", everything)}
	answers = append(answers, w.attached(e)...)
	answers = append(answers, w.send(ctx, e.SessionID, "Runtime.runIfWaitingForDebugger", nil))
	for _, wait := range answers {
		_ = wait(ctx, nil) // a target that ends meanwhile answers with errors, which do not matter
	}
}

// call sends a command to a target, or to the browser when session is empty, and waits for the answer.
func (w *wire) call(ctx context.Context, session target.SessionID, method string, params, result any) error {
	return w.send(ctx, session, method, params)(ctx, result)
}

// send sends a command, and gives what waits for its answer.
func (w *wire) send(ctx context.Context, session target.SessionID, method string, params any) answer {
	failed := func(err error) answer {
		return func(context.Context, any) error { return fmt.Errorf("%s: %w", method, err) }
	}
	raw := []byte("{}")
	if params != nil {
		var err error
		if raw, err = json.Marshal(params); err != nil {
			return failed(err)
		}
	}
	reply := make(chan *cdproto.Message, 1)
	w.mu.Lock()
	w.lastID++
	id := w.lastID
	w.calls[id] = reply
	err := w.err
	w.mu.Unlock()
	if err == nil {
		err = w.conn.Write(ctx, &cdproto.Message{ID: id, SessionID: session, Method: cdproto.MethodType(method), Params: raw})
	}
	if err != nil {
		return failed(err)
	}
	return func(ctx context.Context, result any) error {
		select {
		case m, ok := <-reply:
			switch {
			case !ok:
				return fmt.Errorf("%s: the browser has gone", method)
			case m.Error != nil:
				return fmt.Errorf("%s: %w", method, m.Error)
			case result != nil:
				return json.Unmarshal(m.Result, result)
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

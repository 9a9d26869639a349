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

// cdpConn is a second connection to a running browser by the Chrome DevTools Protocol. After
// autoAttach it is attached to every target: pages, frames and workers of every kind. chromedp is
// attached to one page only, and it drops the messages of service workers.
type cdpConn struct {
	conn      *remote.Conn
	done      chan struct{}
	attached  func(*target.EventAttachedToTarget) []answer
	event     func(from target.SessionID, method string, params []byte)
	attaching sync.WaitGroup

	mu     sync.Mutex
	lastID int64
	calls  map[int64]chan *cdproto.Message
	err    error
}

// answer waits for the answer to a command and stores its result.
type answer func(ctx context.Context, result any) error

// attachToChildren are the parameters of Target.setAutoAttach: attach to what a target starts, and
// pause each before its first line.
var attachToChildren = map[string]any{"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true}

// dialCDP connects. event takes the browser's events; it must not wait for an answer of the
// browser.
func dialCDP(
	ctx context.Context,
	address string,
	event func(from target.SessionID, method string, params []byte),
) (*cdpConn, error) {
	conn, err := remote.DialContext(ctx, address)
	if err != nil {
		return nil, err
	}
	w := &cdpConn{conn: conn, done: make(chan struct{}), event: event, calls: map[int64]chan *cdproto.Message{}}
	go w.listen()
	return w, nil
}

// autoAttach attaches to all targets, those that start later included. It returns when the running
// ones are attached. attached is called once for each target, before the first line of its code
// runs, to send commands; it must not wait for their answers.
func (w *cdpConn) autoAttach(ctx context.Context, attached func(*target.EventAttachedToTarget) []answer) error {
	w.attached = attached
	if err := w.call(ctx, "", "Target.setAutoAttach", attachToChildren, nil); err != nil {
		return err
	}
	w.attaching.Wait()
	return nil
}

func (w *cdpConn) close() {
	_ = w.conn.Close()
	<-w.done
}

func (w *cdpConn) listen() {
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
				w.attaching.Go(func() { w.attach(&e) })
			}
		default:
			w.event(m.SessionID, string(m.Method), m.Params)
		}
	}
}

func (w *cdpConn) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	for id, reply := range w.calls {
		close(reply)
		delete(w.calls, id)
	}
}

// attach sends the commands of attached to a new target and then lets it run. It does not wait
// between the commands: some are answered only once the target runs.
func (w *cdpConn) attach(e *target.EventAttachedToTarget) {
	ctx := context.Background()
	answers := []answer{w.send(ctx, e.SessionID, "Target.setAutoAttach", attachToChildren)}
	answers = append(answers, w.attached(e)...)
	answers = append(answers, w.send(ctx, e.SessionID, "Runtime.runIfWaitingForDebugger", nil))
	for _, wait := range answers {
		_ = wait(ctx, nil) // a target that ends meanwhile answers with errors
	}
}

// call sends a command to a target, or to the browser if session is empty, and waits for the
// answer.
func (w *cdpConn) call(ctx context.Context, session target.SessionID, method string, params, result any) error {
	return w.send(ctx, session, method, params)(ctx, result)
}

// send sends a command and returns a function that waits for the answer.
func (w *cdpConn) send(ctx context.Context, session target.SessionID, method string, params any) answer {
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
		err = w.conn.Write(
			ctx,
			&cdproto.Message{ID: id, SessionID: session, Method: cdproto.MethodType(method), Params: raw},
		)
	}
	if err != nil {
		return failed(err)
	}
	return func(ctx context.Context, result any) error {
		select {
		case m, ok := <-reply:
			switch {
			case !ok:
				return fmt.Errorf("%s: the browser is gone", method)
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
